"""One stream's requests: how each is composed, what comes of it, and what the report and `Health` are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import pytest

from harness import CONTINUE, PREFILL, serving
from unbroken import Health, Policy, Report
from unbroken.core.failure import Kind
from unbroken.core.message.partial import Partial
from unbroken.core.models.corrections import Models
from unbroken.core.plan.steps import Ask
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.requests.routed import Requests
from unbroken.engine.exchange import Exchange
from unbroken.engine.sender import RequestSender
from unbroken.routes import Route
from unbroken.sdk.call_site import NOWHERE, CallSite
from unbroken.testing import (
    AFTER_MESSAGE_START,
    Answer,
    ErrorEvent,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    after_characters,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT: Final = "What is sent is composed anew each time: the caller's own request, and all that has been delivered."
ORIGINAL: Final[dict[str, Any]] = {
    "model": CONTINUE,
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Tell me."}],
}
FIRST: Final = Ask(0, "request")


class Desk:
    """A sender with its report and its `Health`."""

    def __init__(self, client: Any, *models: str, call_site: CallSite = NOWHERE, **changes: Any) -> None:
        self.routes = [Route(model=model, client=client) for model in models or (CONTINUE,)]
        self.report = Report()
        self.health = Health(clock=anyio.current_time, max_retries=1, retries_per_second=0)
        policy = changes.pop("policy", Policy())
        original = {**ORIGINAL, "model": self.routes[0].model, **changes}
        requests = Requests(original, self.routes, Models())
        started = anyio.current_time()
        self.sender = RequestSender("messages", self.routes, requests, policy, self.report, started, call_site)

    def prepare(self, step: Ask = FIRST, held: Partial | None = None, **rest: Any) -> Exchange:
        """A request, not yet opened."""
        route = self.routes[step.route]
        permit = self.health.enter(route.client, route.model)
        assert permit is not None
        return self.sender.prepare(step, ResumeState.of(held or Partial()), permit, **{"waited": 0.0, **rest})

    def first_content(self, rank: int = 0) -> dict[str, float] | None:
        """What `Health` knows of a route's times."""
        model = self.routes[rank].model
        (route,) = (route for route in self.health.snapshot()["routes"] if route["model"] == model)
        return route["first_content"]  # type: ignore[no-any-return]  # plain data

    def counted(self) -> tuple[int, float]:
        """The requests and the failures that `Health` has counted against the first route."""
        route = self.health.snapshot()["routes"][0]
        return route["requests"], route["failures"]


async def read_until(sent: Exchange, text: str) -> Partial:
    """Open and read a request until that much of the text is there; what it brought."""
    held = Partial()
    assert await sent.open()
    while held.text != text:
        await sent.receive()
        assert sent.failure is None
        for event in sent.events:
            held.apply(event)
        sent.events.clear()
    return held


# -- composing


async def test_the_first_request_is_the_callers_own() -> None:
    """With the watchdogs' read timeout; it is in the report from now on."""
    async with serving(TEXT) as (server, client):
        desk = Desk(client, stop_sequences=["###"], policy=Policy(idle_timeout=7))
        await anyio.sleep(2)
        sent = desk.prepare(waited=1.5, hedge=True)
        entry = sent.recorder.entry
        assert desk.report.attempts == [entry]
        assert (entry.model, entry.form, entry.started, entry.waited, entry.hedge) == (
            CONTINUE,
            "request",
            2,
            1.5,
            True,
        )
        assert (entry.outcome, sent.is_open, sent.seam) == ("open", True, None)
        assert sent.request["timeout"].read == 7
        assert await sent.open()
        assert (entry.status, entry.request_id) == (200, server.requests[0].id)
        body = server.requests[0].body
        assert {name: body[name] for name in ORIGINAL} == ORIGINAL
        assert body["stop_sequences"] == ["###"]
        assert "timeout" not in body
        sent.cancelled()
        assert await sent.discard()


async def test_the_callers_own_timeout_bounds_the_watch() -> None:
    """Whichever read timeout is shorter."""
    async with serving(Script(TEXT, faults=[Silence(at=AFTER_MESSAGE_START)])) as (_, client):
        sent = Desk(client, timeout=3.0).prepare()
        assert await sent.open()
        assert not await sent.until_content()
        assert anyio.current_time() == pytest.approx(3.0)
        assert sent.failure is not None
        assert sent.failure.kind is Kind.STALLED
        await sent.discard()


@pytest.mark.parametrize(
    ("model", "form", "reported"),
    [(PREFILL, "prefill", "prefill"), (CONTINUE, "continue_without_thinking", "continue")],
)
async def test_a_resume_carries_what_has_been_delivered(model: str, form: Any, reported: str) -> None:
    """In the form that was asked for; the original is left as it is."""
    script = Script(TEXT, faults=[Silence(at=after_characters(60))])
    async with serving(script) as (server, client):
        desk = Desk(client, model)
        first = desk.prepare()
        held = await read_until(first, TEXT[:60])
        await first.discard()
        sent = desk.prepare(Ask(0, form), held)
        assert await sent.open()
        assert sent.seam is not None
        assert sent.recorder.entry.form == reported
        turns = server.requests[1].body["messages"]
        assert turns[0] == ORIGINAL["messages"][0]
        assert turns[1]["role"] == "assistant"
        assert len(server.requests[0].body["messages"]) == len(ORIGINAL["messages"]) == 1
        first.cancelled()
        sent.cancelled()
        await sent.discard()


async def test_the_sdks_warnings_are_those_of_the_first_request() -> None:
    """Once is enough, whatever becomes of it."""
    here = CallSite("answer.py", 7, "answer", {})
    async with serving(TEXT) as (_, client):
        desk = Desk(client, call_site=here)
        assert desk.prepare().call_site is here
        assert desk.prepare().call_site is NOWHERE


async def test_each_route_has_its_resource_and_the_api_says_which() -> None:
    """Made once, of a client without the SDK's own retries."""
    async with serving(TEXT) as (_, client):
        desk = Desk(client, CONTINUE, PREFILL)
        first, again = desk.prepare(Ask(1, "request")), desk.prepare(Ask(1, "request"))
        assert first.messages is again.messages
        assert first.messages._client.max_retries == 0
        requests = Requests(ORIGINAL, desk.routes, Models())
        beta = RequestSender("beta", desk.routes, requests, Policy(), Report(), 0.0, NOWHERE)
        permit = desk.health.enter(client, CONTINUE)
        assert permit is not None
        sent = beta.prepare(FIRST, Partial(), permit, waited=0.0)
        assert type(sent.messages) is type(client.beta.messages)


# -- what comes


async def test_only_content_is_health() -> None:
    """A 200, a `message_start` and pings are not; `Health` learns when it came, once."""
    script = Script(TEXT, faults=[[Pings(20, every=5, at=AFTER_MESSAGE_START), Silence(5, at=after_characters(10))]])
    async with serving(script) as (_, client):
        desk = Desk(client)
        sent = desk.prepare()
        assert await sent.open()
        assert await sent.until_content()
        assert anyio.current_time() == pytest.approx(20.0)
        assert [event["type"] for event in sent.events][:2] == ["message_start", "content_block_start"]
        assert sent.recorder.entry.first_content == pytest.approx(20.0)
        assert desk.first_content() == {"count": 1, "p50": pytest.approx(20.0), "p95": pytest.approx(20.0)}
        await sent.receive()
        assert desk.first_content() == {"count": 1, "p50": pytest.approx(20.0), "p95": pytest.approx(20.0)}
        sent.cancelled()
        await sent.discard()


async def test_a_whole_answer_without_content_is_an_answer() -> None:
    """The API documents an empty `end_turn`; a refusal may be one."""
    async with serving(Script(Answer([]))) as (_, client):
        sent = Desk(client).prepare()
        assert await sent.open()
        assert await sent.until_content()
        sent.completed()
        await sent.discard()


@pytest.mark.parametrize("fault", [ErrorEvent(at=AFTER_MESSAGE_START), Reset(at=AFTER_MESSAGE_START)], ids=repr)
async def test_one_that_dies_before_content_was_not_healthy(fault: Any) -> None:
    """`failure` says of what."""
    async with serving(Script(TEXT, faults=[fault])) as (_, client):
        desk = Desk(client)
        sent = desk.prepare()
        assert await sent.open()
        assert not await sent.until_content()
        assert sent.failure is not None
        sent.failed(sent.failure)
        assert sent.recorder.entry.outcome == str(sent.failure.kind)
        assert desk.counted() == (1, 1.0)
        await sent.discard()


async def test_one_without_headers_says_why() -> None:
    """It was open, and is not."""
    async with serving(Script(TEXT, faults=[Status(529)])) as (_, client):
        sent = Desk(client).prepare()
        assert not await sent.open()
        assert sent.failure is not None
        assert (sent.failure.kind, sent.recorder.entry.headers) == (Kind.OVERLOADED, None)
        sent.failed(sent.failure)
        assert not sent.is_open
        await sent.discard()


async def test_a_cut_counts_half() -> None:
    """Content had come."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(10))])) as (_, client):
        desk = Desk(client)
        sent = desk.prepare()
        assert await sent.open()
        assert await sent.until_content()
        while sent.failure is None:
            await sent.receive()
        sent.failed(sent.failure)
        assert desk.counted() == (1, 0.5)
        await sent.discard()


# -- the end

ENDS: Final[dict[str, Callable[[Exchange], object]]] = {
    "complete": Exchange.completed,
    "lost": lambda sent: sent.lost(12),
    "cancelled": Exchange.cancelled,
}


@pytest.mark.parametrize("outcome", ENDS)
async def test_the_first_end_counts(outcome: str) -> None:
    """For the report and for `Health`."""
    async with serving(TEXT) as (_, client):
        desk = Desk(client)
        sent = desk.prepare()
        ENDS[outcome](sent)
        for end in ENDS.values():
            end(sent)
        assert sent.recorder.entry.outcome == outcome
        assert desk.counted() == ((1, 0.0) if outcome == "complete" else (0, 0.0))


async def test_a_loser_is_assumed_to_have_cost_what_the_winner_did() -> None:
    """Where the API has not said; one that had failed before cost what it cost."""
    async with serving(Script(TEXT, faults=[None, Status(529)])) as (_, client):
        desk = Desk(client)
        told, untold, failed = desk.prepare(), desk.prepare(), desk.prepare()
        assert await told.open()
        await told.receive()
        assert not await failed.open()
        assert failed.failure is not None
        failed.failed(failed.failure)
        for sent in (told, untold, failed):
            sent.lost(12)
            await sent.discard()
        assert told.recorder.entry.input_tokens
        assert [sent.recorder.entry.estimated_input_tokens for sent in (told, untold, failed)] == [None, 12, None]
        assert [sent.recorder.entry.outcome for sent in (told, untold, failed)] == ["lost", "lost", "overloaded"]


async def test_a_loser_tells_that_its_first_content_takes_longer_than_that() -> None:
    """It is a time at the least, in the statistics too."""
    async with serving(Script(TEXT, faults=[Pings(at=AFTER_MESSAGE_START)])) as (_, client):
        desk = Desk(client)
        sent = desk.prepare()
        assert await sent.open()
        await anyio.sleep(4)
        sent.lost(12)
        assert desk.health.hedge_delay(client, CONTINUE) == 2.0, "one is too few to say more"
        await sent.discard()


async def test_closing_keeps_nobody_waiting_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twentieth of a second; then it goes on by itself, and `aclose` waits for its end."""

    def slow(close: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def slowly() -> None:
            await anyio.sleep(3)
            await close()

        return slowly

    async with serving(Script(TEXT, then=Pings(at=AFTER_MESSAGE_START))) as (server, client):
        sent = Desk(client).prepare()
        assert await sent.open()
        monkeypatch.setattr(sent.attempt, "_close", slow(sent.attempt._close))
        began = anyio.current_time()
        with anyio.CancelScope() as scope:
            scope.cancel()
            assert not await sent.discard(), "also where the caller is cancelled"
        assert anyio.current_time() - began == pytest.approx(0.05)
        assert server.open_connections
        await sent.attempt.aclose()
        assert anyio.current_time() - began == pytest.approx(3.0)
        assert await sent.discard(), "it is closed"
