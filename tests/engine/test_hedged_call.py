"""A race between requests: who answers, what becomes of the others, and what is counted, paid and told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anthropic
import anyio
import httpx2
import pytest

from harness import serving
from unbroken import Health, Hedging, Policy
from unbroken.core.failure import Kind, of_kind
from unbroken.core.message.partial import Partial
from unbroken.core.plan.steps import Ask, Fail
from unbroken.core.requests.resume_state import ResumeState
from unbroken.engine.admission import Exhausted
from unbroken.engine.driver import Driver
from unbroken.engine.exchange import Exchange
from unbroken.engine.hedged_call import HedgedCall
from unbroken.health.permit import Permit
from unbroken.routes import Route
from unbroken.sdk.call_site import NOWHERE
from unbroken.testing import AFTER_MESSAGE_START, BEFORE_RESPONSE, ErrorEvent, Pings, Script, Silence, Status

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

MODELS: Final = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")
TEXT: Final = "Several are asked, and the first that says something is listened to; the others were not asked in vain."
STEPS: Final = [Ask(rank, "request", costs_retry=rank > 0) for rank in range(3)]
PINGS: Final = Pings(at=AFTER_MESSAGE_START)
OVERLOADED: Final = ErrorEvent("overloaded_error", at=AFTER_MESSAGE_START)
DEAD: Final = of_kind(Kind.OVERLOADED, anthropic.APIError("Overloaded", httpx2.Request("POST", "/"), body=None))
REJECTED: Final = Status(400, type="invalid_request_error")


def held_text() -> Partial:
    """Half of the text, as the first model wrote it."""
    held = Partial()
    message = {"id": "msg_1", "model": MODELS[0], "role": "assistant", "content": [], "usage": {"input_tokens": 3}}
    block = {"type": "text", "text": ""}
    for event in (
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT[:50]}},
    ):
        held.apply(event)
    return held


class Ground:
    """A race's rounds, as their driver makes them, and what can be known of it afterwards."""

    def __init__(self, client: Any, hedging: Hedging, health: Health | None) -> None:
        self.client = client
        self.health = health or Health(clock=anyio.current_time)
        self.hedging = hedging
        self.driver = Driver(
            api="messages",
            routes=[Route(model=model, client=client) for model in MODELS],
            request={"model": MODELS[0], "max_tokens": 500, "messages": [{"role": "user", "content": "Tell me."}]},
            policy=Policy(hedging=hedging),
            health=self.health,
            on_notice=None,
            call_site=NOWHERE,
            started=anyio.current_time(),
        )

    async def run(
        self, steps: Sequence[Ask] = STEPS, held: Partial | None = None, eager: Sequence[int] = ()
    ) -> Exchange:
        """Run the race: the first has its permission already, and waited two seconds for it."""
        permit = self.health.enter(self.client, MODELS[0])
        assert permit is not None
        delay = self.hedging.delay
        assert not isinstance(delay, str)
        contest = HedgedCall(
            self.driver._admission, self.hedging, delay, steps, ResumeState.of(held or Partial()), eager
        )
        return await contest.run(permit, 2.0)

    async def close(self, sent: Exchange) -> None:
        """Whoever was handed a request closes it."""
        sent.cancelled()
        await self.driver._admission.discard(sent)
        await self.driver._admission.aclose()

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """Who was asked, in order, and what became of it."""
        return [(attempt.model, str(attempt.outcome)) for attempt in self.driver.report.attempts]

    @property
    def codes(self) -> list[str]:
        """The notices."""
        return [notice.code for notice in self.driver.report.notices]


@asynccontextmanager
async def racing(hedging: Hedging, *faults: Any, health: Health | None = None) -> AsyncIterator[tuple[Ground, Any]]:
    """A race of three, and what goes wrong with each; None is a request that goes well."""
    steps = [fault if isinstance(fault, list) else [fault] for fault in faults]
    models = {model: Script(TEXT, faults=fault) for model, fault in zip(MODELS, steps, strict=False)}
    async with serving(Script(TEXT, models=models)) as (server, client):
        yield Ground(client, hedging, health), server


async def test_the_first_is_asked_alone_while_it_is_in_time() -> None:
    """With what was waited for it; nothing is told, for nobody was raced."""
    async with racing(Hedging(1.0), None) as (ground, _):
        sent = await ground.run()
        assert sent.events
        assert (sent.step, sent.recorder.entry.waited, sent.recorder.entry.hedge) == (STEPS[0], 2.0, False)
        assert ground.outcomes == [(MODELS[0], "open")]
        assert ground.codes == []
        await ground.close(sent)


async def test_the_winner_is_handed_over_with_its_first_content_and_the_losers_are_closed() -> None:
    """Each loser is in the report, with the winner's input as its own where the API has not said."""
    async with racing(Hedging(1.0), Silence(at=BEFORE_RESPONSE), PINGS, None) as (ground, server):
        sent = await ground.run()
        assert sent.step == STEPS[2] == ground.driver._plan.asking
        assert any(event["type"] == "content_block_start" for event in sent.events)
        assert ground.outcomes == [(MODELS[0], "lost"), (MODELS[1], "lost"), (MODELS[2], "open")]
        silent, pinging, winner = ground.driver.report.attempts
        assert silent.estimated_input_tokens == winner.input_tokens
        assert pinging.estimated_input_tokens is None
        assert [attempt.hedge for attempt in (silent, pinging, winner)] == [False, True, True]
        assert [attempt.waited for attempt in (silent, pinging, winner)] == [2.0, 0.0, 0.0]
        assert ground.codes == ["hedge", "hedge", "won"]
        await anyio.sleep(0.05)
        assert len(server.open_connections) == 1
        await ground.close(sent)


async def test_a_failure_is_why_the_next_one_is_asked() -> None:
    """It is told as a failover, and the request beside nobody is no hedge."""
    async with racing(Hedging(30.0), OVERLOADED, Status(529), None) as (ground, _):
        sent = await ground.run()
        assert sent.step.route == 2
        assert ground.outcomes == [(MODELS[0], "overloaded"), (MODELS[1], "overloaded"), (MODELS[2], "open")]
        assert [attempt.hedge for attempt in ground.driver.report.attempts] == [False] * 3
        assert ground.codes == ["failover", "failover", "won"]
        assert len(ground.driver._admission.errors) == 2
        await ground.close(sent)


async def test_beside_one_that_is_doubtful_the_next_is_asked_at_once() -> None:
    """Which is told; the one after that waits out the delay."""
    async with racing(Hedging(30.0), PINGS, PINGS, None) as (ground, _):
        sent = await ground.run(eager=[0])
        attempts, notices = ground.driver.report.attempts, ground.driver.report.notices
        assert [attempt.started for attempt in attempts] == pytest.approx([0.0, 0.0, 30.0])
        assert [notice.code for notice in notices] == ["hedge", "hedge", "won"]
        assert notices[0].message == f"asking {MODELS[1]} at the same time"
        assert notices[1].message == f"no content for 30 s: asking {MODELS[2]} as well"
        await ground.close(sent)


async def test_the_last_of_all_that_died_is_handed_back() -> None:
    """Counted, closed, and with its failure."""
    async with racing(Hedging(1.0), [[Silence(5, at=AFTER_MESSAGE_START), OVERLOADED]], OVERLOADED, Status(503)) as (
        ground,
        _,
    ):
        sent = await ground.run()
        assert sent.step.route == 0
        assert sent.counted
        assert sent.failure is not None
        assert sent.failure.kind is Kind.OVERLOADED
        assert [outcome for _, outcome in ground.outcomes] == ["overloaded", "overloaded", "server_error"]
        assert ground.health.snapshot()["routes"][0]["failures"] == 1.0


async def test_what_the_api_rejects_ends_the_race() -> None:
    """The others are cancelled, and are not lost: nobody has won."""
    rejected = [[Silence(3, at=BEFORE_RESPONSE), REJECTED]]
    async with racing(Hedging(1.0), rejected, PINGS, PINGS) as (ground, _):
        with pytest.raises(Exhausted) as caught:
            await ground.run()
        assert isinstance(caught.value.step, Fail)
        assert isinstance(caught.value.step.error, anthropic.BadRequestError)
        assert str(caught.value) == caught.value.step.why
        assert [outcome for _, outcome in ground.outcomes] == ["invalid_request", "cancelled", "cancelled"]


async def test_who_is_healthy_already_is_not_thrown_away_for_another_ones_mistake() -> None:
    """The primary's 400 comes in the grace in which it could have overtaken."""
    rejected = [[Silence(3, at=BEFORE_RESPONSE), REJECTED]]
    async with racing(Hedging(1.0, preference_grace=30.0), rejected, None) as (ground, _):
        sent = await ground.run()
        assert sent.step.route == 1
        assert ground.outcomes == [(MODELS[0], "invalid_request"), (MODELS[1], "open")]
        await ground.close(sent)


async def test_one_that_was_overtaken_is_lost() -> None:
    """However healthy it was."""
    async with racing(Hedging(1.0, preference_grace=5.0), Silence(3, at=AFTER_MESSAGE_START), None) as (ground, _):
        sent = await ground.run()
        assert sent.step.route == 0
        assert ground.outcomes == [(MODELS[0], "open"), (MODELS[1], "lost")]
        await ground.close(sent)


async def test_a_form_that_is_rejected_is_followed_by_another_on_the_same_route() -> None:
    """At once, and while the others run on."""
    refusal = Status(400, message="This model does not support assistant message prefill.")
    steps = [Ask(0, "continue"), Ask(2, "prefill", costs_retry=True)]
    async with racing(Hedging(1.0), PINGS, None, [refusal, None]) as (ground, _):
        sent = await ground.run(steps, held_text())
        assert sent.step == Ask(2, "continue")
        attempts = ground.driver.report.attempts
        assert [attempt.form for attempt in attempts] == ["continue", "prefill", "continue"]
        assert [attempt.hedge for attempt in attempts] == [False, True, True]
        assert attempts[2].started == pytest.approx(1.0)
        assert not ground.health.models.get(MODELS[2]).prefill
        await ground.close(sent)


async def test_who_is_not_admitted_is_passed_over() -> None:
    """No retry will come in time: the first is waited for alone."""
    health = Health(clock=anyio.current_time, max_retries=1, retries_per_second=0)
    health.take_retry()
    async with racing(Hedging(1.0), Silence(9, at=AFTER_MESSAGE_START), health=health) as (ground, server):
        sent = await ground.run()
        assert sent.step.route == 0
        assert len(server.requests) == 1
        await ground.close(sent)


async def test_nothing_is_paid_for_a_route_that_is_left_alone() -> None:
    """Its breaker has opened since the race began: the next one's turn comes at once."""
    async with racing(Hedging(1.0), PINGS, None, None) as (ground, server):
        for _ in range(20):
            permit = ground.health.enter(ground.client, MODELS[1])
            assert permit is not None
            permit.failed(DEAD, cut=False)
        before = ground.health.snapshot()["retries_left"]
        sent = await ground.run()
        assert sent.step.route == 2
        assert [request.model for request in server.requests] == [MODELS[0], MODELS[2]]
        assert ground.health.snapshot()["retries_left"] >= before - 1
        await ground.close(sent)


async def test_a_permission_that_another_stream_was_faster_to_get_is_no_failure_of_the_race() -> None:
    """The probe has just gone to somebody else."""

    class Taken(Health):
        """Always a moment too late for the second model."""

        def enter(self, client: object, model: str, **rules: Any) -> Permit | None:
            return None if model == MODELS[1] else super().enter(client, model, **rules)

    async with racing(Hedging(1.0), PINGS, None, None, health=Taken(clock=anyio.current_time)) as (ground, _):
        sent = await ground.run()
        assert sent.step.route == 2
        assert ground.outcomes == [(MODELS[0], "lost"), (MODELS[2], "open")]
        assert sent.recorder.entry.started == pytest.approx(1.0), "nobody waits for a route that is not asked"
        await ground.close(sent)


@pytest.mark.parametrize("after", [0.0, 0.5, 1.5, 2.5, 3.2])
async def test_a_race_that_is_cancelled_leaves_every_permission_to_others(after: float) -> None:
    """And says so in the report; nobody has lost."""
    given: list[Permit] = []

    class Watched(Health):
        """Remembers every permission."""

        def enter(self, client: object, model: str, **rules: Any) -> Permit | None:
            permit = super().enter(client, model, **rules)
            given.extend([permit] if permit is not None else [])
            return permit

    late = Silence(3, at=AFTER_MESSAGE_START)
    health = Watched(clock=anyio.current_time)
    hedging = Hedging(1.0, preference_grace=5.0)
    async with racing(hedging, PINGS, PINGS, late, health=health) as (ground, _):
        with anyio.move_on_after(after) as scope:
            await ground.run()
        assert scope.cancelled_caught
        assert {outcome for _, outcome in ground.outcomes} <= {"cancelled"}
        assert all(permit._ended for permit in given)
        await ground.driver._admission.aclose()
