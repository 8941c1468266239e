"""Asking until there is an answer: what is waited for, what is paid, who is asked instead, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import anthropic
import anyio
import httpx2
import pytest

from harness import CONTINUE, PREFILL, serving
from unbroken import Health, Hedging, Policy, StatusPage
from unbroken.core.failure import Failure, Kind, Verdict, of_kind
from unbroken.core.message.partial import Partial
from unbroken.core.plan.steps import Ask, Fail
from unbroken.core.requests.resume_state import ResumeState
from unbroken.engine.admission import Admission, Exhausted
from unbroken.engine.dispatcher import Dispatcher
from unbroken.engine.driver import Driver
from unbroken.routes import Route
from unbroken.sdk.call_site import NOWHERE
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    ErrorEvent,
    Pings,
    Script,
    ServiceIncident,
    ServiceStatus,
    Silence,
    Status,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT: Final = "One at a time, or several where the plan allows it."
FIRST: Final = Ask(0, "request")
RETRY: Final = Ask(0, "request", costs_retry=True)
NOTHING: Final = ResumeState()


def died(kind: Kind, retry_after: float | None = None) -> Failure:
    """A failure of that kind."""
    error = anthropic.APIError("it died", httpx2.Request("POST", "/v1/messages"), body=None)
    return Failure(kind, of_kind(kind, error).verdict, error, status=529, retry_after=retry_after)


class Table:
    """The rounds of a stream, as its driver makes them, and all that they share."""

    def __init__(self, client: Any, *models: str, health: Health | None = None, **policy: Any) -> None:
        self.client = client
        self.health = health or Health(clock=anyio.current_time, consecutive_failures=20)
        self.routes = [Route(model=model, client=client) for model in models or (CONTINUE,)]
        self.driver = Driver(
            api="messages",
            routes=self.routes,
            request={"model": CONTINUE, "max_tokens": 500, "messages": [{"role": "user", "content": "Tell me."}]},
            policy=Policy(**policy),
            health=self.health,
            on_notice=None,
            call_site=NOWHERE,
            started=anyio.current_time(),
        )

    @property
    def dispatcher(self) -> Dispatcher:
        """What is tested."""
        return self.driver._dispatcher

    @property
    def admission(self) -> Admission:
        """What lets its requests be made."""
        return self.driver._admission

    @property
    def codes(self) -> list[str]:
        """The notices so far."""
        return [notice.code for notice in self.driver.report.notices]

    def open_breaker(self, model: str = CONTINUE) -> None:
        """Let a breaker open now."""
        for _ in range(20):
            permit = self.health.enter(self.client, model)
            assert permit is not None
            permit.failed(died(Kind.OVERLOADED), cut=False)

    def cool(self, seconds: float, model: str = CONTINUE) -> None:
        """Let another stream be rate limited."""
        permit = self.health.enter(self.client, model)
        assert permit is not None
        permit.failed(died(Kind.RATE_LIMITED, seconds), cut=False)


def spent(per_second: float) -> Health:
    """A budget that is empty, and fills at that pace."""
    health = Health(clock=anyio.current_time, max_retries=1, retries_per_second=per_second, retries_per_missing=0)
    assert health.take_retry() == 0.0
    return health


# -- one request


async def test_a_request_is_made_after_its_wait() -> None:
    """What comes back has headers, and is in the report with what was waited."""
    async with serving(TEXT) as (_, client):
        table = Table(client)
        sent = await table.dispatcher.ask(Ask(0, "request", wait=3.0), NOTHING)
        assert sent.attempt.response is not None
        assert (sent.recorder.entry.started, sent.recorder.entry.waited) == (3.0, 3.0)
        assert table.codes == []
        sent.cancelled()
        await table.admission.discard(sent)


async def test_one_that_dies_is_handed_back_with_its_failure() -> None:
    """Nobody has counted it yet."""
    async with serving(Script(TEXT, faults=[Status(529)])) as (_, client):
        table = Table(client)
        sent = await table.dispatcher.ask(FIRST, NOTHING)
        assert sent.failure is not None
        assert not sent.counted
        table.admission.failed(sent, sent.failure)
        assert table.admission.errors == [sent.failure.error]
        await table.admission.discard(sent)


@pytest.mark.parametrize("hedging", [None, Hedging(0)])
async def test_one_that_is_cancelled_is_closed_and_says_so(hedging: Hedging | None) -> None:
    """Its permission goes to others."""
    async with serving(Script(TEXT, then=Silence(at=BEFORE_RESPONSE))) as (_, client):
        table = Table(client, CONTINUE, PREFILL, hedging=hedging)
        with anyio.move_on_after(1.0) as scope:
            await table.dispatcher.ask(FIRST, NOTHING)
        assert scope.cancelled_caught
        assert {attempt.outcome for attempt in table.driver.report.attempts} == {"cancelled"}


async def test_a_request_that_cannot_be_composed_leaves_its_permission_to_others() -> None:
    """The probe of a breaker is the only one that there is."""

    def prompt(echo: str) -> str:
        raise LookupError

    async with serving(TEXT) as (_, client):
        table = Table(client, continue_prompt=prompt)
        table.open_breaker()
        await anyio.sleep(5)
        held = Partial()
        for event in (
            {"type": "message_start", "message": {"id": "m", "content": [], "usage": {}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        ):
            held.apply(event)
        with pytest.raises(LookupError):
            await table.dispatcher.ask(Ask(0, "continue"), ResumeState.of(held))
        assert table.health.enter(client, CONTINUE) is not None


# -- what is paid


async def test_a_retry_is_paid_for_and_a_first_request_is_not() -> None:
    """With an empty budget only the retry waits, and says so once."""
    async with serving(TEXT) as (_, client):
        table = Table(client, health=spent(0.1))
        first = await table.dispatcher.ask(FIRST, NOTHING)
        assert anyio.current_time() == 0.0
        again = await table.dispatcher.ask(RETRY, NOTHING)
        assert again.recorder.entry.waited == pytest.approx(10.0, abs=0.01)
        assert table.codes == ["budget_wait"]
        for sent in (first, again):
            sent.cancelled()
            await table.admission.discard(sent)


async def test_the_wait_for_the_budget_says_how_long_it_was() -> None:
    """0 when there was something in it."""
    async with serving(TEXT) as (_, client):
        table = Table(client, health=spent(0.5))
        assert await table.admission.pay() == pytest.approx(2.0, abs=0.01)
        await anyio.sleep(2)
        assert await table.admission.pay() == 0.0


@pytest.mark.parametrize("per_second", [0.0, 0.01])
async def test_a_budget_that_stays_empty_is_not_waited_for(per_second: float) -> None:
    """It is known at once that the next retry comes too late."""
    async with serving(TEXT) as (_, client):
        table = Table(client, health=spent(per_second))
        with pytest.raises(Exhausted) as caught:
            await table.dispatcher.ask(RETRY, NOTHING)
        assert anyio.current_time() == 0.0
        assert caught.value.step == Fail("the retry budget is empty")
        assert table.driver.report.attempts == []
        assert table.codes == []


async def test_retries_that_others_earn_meanwhile_are_taken() -> None:
    """The wait is no longer than it has to be."""
    async with serving(TEXT) as (_, client), anyio.create_task_group() as group:
        table = Table(client, health=spent(0.02))

        async def others() -> None:
            await anyio.sleep(3)
            for _ in range(20):
                permit = table.health.enter(client, PREFILL)
                assert permit is not None
                permit.content(0.1)
                permit.succeeded()

        group.start_soon(others)
        assert await table.admission.pay() <= 3.5


# -- breakers and cool-downs


async def test_a_breaker_that_opens_during_the_wait_sends_the_request_elsewhere() -> None:
    """The plan knows what is asked now, and the caller is told."""
    async with serving(TEXT) as (server, client), anyio.create_task_group() as group:
        table = Table(client, CONTINUE, PREFILL)

        async def others() -> None:
            await anyio.sleep(1)
            table.open_breaker()

        group.start_soon(others)
        sent = await table.dispatcher.ask(Ask(0, "request", wait=3.0), NOTHING)
        assert sent.step.route == 1
        assert sent.recorder.entry.started == pytest.approx(3.0)
        assert table.codes == ["circuit_open"]
        assert [request.model for request in server.requests] == [PREFILL]
        sent.cancelled()
        await table.admission.discard(sent)


async def test_a_probe_is_waited_for_and_then_sent() -> None:
    """Told once, however often it is looked for."""
    async with serving(TEXT) as (_, client):
        table = Table(client)
        table.open_breaker()
        sent = await table.dispatcher.ask(FIRST, NOTHING)
        assert sent.recorder.entry.started == pytest.approx(5.0, abs=0.5)
        assert table.codes == ["circuit_open"]
        sent.cancelled()
        await table.admission.discard(sent)


async def test_a_cool_down_that_begins_during_the_wait_is_obeyed() -> None:
    """Another stream's 429 is about the same bucket."""
    async with serving(TEXT) as (_, client), anyio.create_task_group() as group:
        table = Table(client)

        async def others() -> None:
            await anyio.sleep(1)
            table.cool(20)

        group.start_soon(others)
        sent = await table.dispatcher.ask(Ask(0, "request", wait=3.0), NOTHING)
        assert 21.0 <= sent.recorder.entry.started <= 21.5
        sent.cancelled()
        await table.admission.discard(sent)


async def test_a_cool_down_that_others_make_longer_is_waited_for_to_its_end() -> None:
    """`max_retry_after` is for each, and the retry budget has no part in it."""
    async with serving(TEXT) as (_, client), anyio.create_task_group() as group:
        table = Table(client, health=spent(0.0), max_retry_after=20)

        async def others() -> None:
            for _ in range(6):
                table.cool(15)
                await anyio.sleep(10)

        group.start_soon(others)
        await anyio.sleep(0.1)
        sent = await table.dispatcher.ask(FIRST, NOTHING)
        assert 65.0 <= sent.recorder.entry.started <= 65.5
        sent.cancelled()
        await table.admission.discard(sent)


async def test_a_cool_down_without_an_end_is_left_some_day() -> None:
    """After an hour."""
    async with serving(TEXT) as (_, client), anyio.create_task_group() as group:
        table = Table(client)

        async def others() -> None:
            while True:
                table.cool(15)
                await anyio.sleep(10)

        group.start_soon(others)
        await anyio.sleep(0.1)
        with pytest.raises(Exhausted, match="max_retry_after"):
            await table.dispatcher.ask(FIRST, NOTHING)
        assert anyio.current_time() == pytest.approx(3_600, abs=20)
        group.cancel_scope.cancel()


async def test_patience_ends() -> None:
    """`max_retry_after`, for all that is waited for together."""
    async with serving(TEXT) as (_, client):
        table = Table(client, max_retry_after=3)
        table.open_breaker()
        with pytest.raises(Exhausted, match="max_retry_after"):
            await table.dispatcher.ask(FIRST, NOTHING)
        assert anyio.current_time() <= 3.5
        assert table.driver.report.attempts == []


async def test_the_waits_for_breakers_are_one_wait_until_something_new_comes() -> None:
    """With one for each request, a stream would take minutes to say that the API is gone."""
    async with serving(TEXT) as (_, client):
        table = Table(client, max_retry_after=8)
        table.open_breaker()
        again = Ask(0, "request", wait=5.0, costs_retry=True)
        sent = await table.dispatcher.ask(again, NOTHING)
        sent.failed(died(Kind.OVERLOADED))
        await table.admission.discard(sent)
        with pytest.raises(Exhausted, match="max_retry_after"):
            await table.dispatcher.ask(again, NOTHING)
        assert anyio.current_time() == pytest.approx(5.0)
        sent = await table.dispatcher.ask(replace(again, costs_retry=False), NOTHING)
        assert anyio.current_time() == pytest.approx(10.0)
        sent.cancelled()
        await table.admission.discard(sent)


# -- several


async def test_the_delay_of_a_race_is_the_policys_or_follows_the_primary() -> None:
    """Two seconds until enough is known."""
    for delay, expected in ((0.7, 0.7), ("adaptive", 2.0)):
        async with serving(Script(TEXT, models={CONTINUE: Script(TEXT, then=Pings(at=AFTER_MESSAGE_START))})) as (
            _,
            client,
        ):
            table = Table(client, CONTINUE, PREFILL, hedging=Hedging(delay))  # type: ignore[arg-type]  # a Literal
            winner = await table.dispatcher.ask(FIRST, NOTHING)
            assert (winner.step.route, winner.recorder.entry.hedge) == (1, True)
            assert winner.recorder.entry.started == pytest.approx(expected)
            assert table.codes == ["hedge", "won"]
            assert table.driver._plan.asking == winner.step
            winner.cancelled()
            await table.admission.discard(winner)


async def test_a_race_that_all_have_lost_hands_the_last_one_back() -> None:
    """Counted already, by the plan, by `Health` and among the errors."""
    async with serving(Script(TEXT, then=ErrorEvent(at=AFTER_MESSAGE_START))) as (_, client):
        table = Table(client, CONTINUE, PREFILL, hedging=Hedging(1.0))
        sent = await table.dispatcher.ask(FIRST, NOTHING)
        assert sent.counted
        assert sent.failure is not None
        assert sent.failure.kind is Kind.OVERLOADED
        assert len(table.admission.errors) == 2
        assert not sent.is_open


# -- what the status page says


async def test_beside_a_route_under_an_incident_the_next_is_asked_at_once() -> None:
    """That is told first."""
    answers = Script(TEXT, models={CONTINUE: Script(TEXT, then=Pings(at=AFTER_MESSAGE_START))})
    async with serving(answers) as (server, client):
        server.status = ServiceStatus(incidents=[ServiceIncident("Elevated errors on Claude Opus 5.5")])
        page = StatusPage(server.url)
        table = Table(client, CONTINUE, PREFILL, hedging=Hedging(30), health=Health(status=page))
        await page.fetch()
        winner = await table.dispatcher.ask(FIRST, NOTHING)
        assert winner.step.route == 1
        assert [attempt.started for attempt in table.driver.report.attempts] == pytest.approx([0.0, 0.0])
        assert table.codes == ["incident", "hedge", "won"]
        winner.cancelled()
        await table.admission.discard(winner)


async def test_the_page_is_asked_beside_the_request_and_not_before_it() -> None:
    """What it says holds for the next one."""
    async with serving(TEXT) as (server, client):
        server.status = ServiceStatus(incidents=[ServiceIncident("Elevated errors on Claude Opus 5.5")])
        table = Table(client, health=Health(status=StatusPage(server.url)))
        for codes in ([], ["incident"]):
            sent = await table.dispatcher.ask(FIRST, NOTHING)
            assert table.codes == codes
            sent.cancelled()
            await table.admission.discard(sent)
            await anyio.sleep(1)


# -- what is told and remembered


async def test_routes_that_are_left_out_are_told_once() -> None:
    """Each with the reason."""
    async with serving(Script(TEXT, then=Status(404))) as (_, client):
        table = Table(client, CONTINUE, PREFILL, hedging=Hedging(1.0))
        table.admission.notify_left_out(None)
        assert table.codes == []
        sent = await table.dispatcher.ask(FIRST, NOTHING)
        assert sent.failure is not None
        assert sent.failure.verdict is Verdict.ELSEWHERE
        table.admission.notify_left_out(sent.failure)
        assert table.codes.count("route_skipped") == 2


async def test_what_takes_long_to_close_is_waited_for_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loser keeps the winner waiting no longer than a twentieth of a second."""
    async with serving(Script(TEXT, then=Pings(at=AFTER_MESSAGE_START))) as (server, client):
        table = Table(client)
        sent = await table.dispatcher.ask(FIRST, NOTHING)
        close = sent.attempt._close

        async def slowly() -> None:
            await anyio.sleep(3)
            await close()

        monkeypatch.setattr(sent.attempt, "_close", slowly)
        sent.lost(0)
        await table.admission.discard(sent)
        assert anyio.current_time() == pytest.approx(0.05)
        assert server.open_connections
        await table.admission.aclose()
        assert anyio.current_time() == pytest.approx(3.0)
