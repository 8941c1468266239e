"""Whatever a stream dies of, and through whichever door: what had arrived is in hand, and every request is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

import anthropic
import pytest
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

from harness import AT_ONCE, CONTINUE, PREFILL, all_closed, ask, client_of
from unbroken import (
    Hedging,
    Policy,
    Report,
    ResilienceMiddleware,
    StreamFailed,
    StreamTimeout,
    resilient_message,
    resilient_stream,
)
from unbroken.testing import (
    AFTER_CONTENT,
    AFTER_LAST_TEXT,
    AFTER_MESSAGE_START,
    BEFORE_MESSAGE_START,
    BEFORE_RESPONSE,
    Answer,
    At,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Event,
    Fault,
    FaultServer,
    Pings,
    Refuse,
    Reset,
    Script,
    Silence,
    Slow,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_characters,
    after_events,
    after_fraction,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT: Final = (
    "What has arrived is in hand. It was read, or could have been; nobody takes it away again, whatever comes."
)
ANSWER: Final = Answer([Thinking("What is in hand?"), Text(TEXT)])


@dataclass
class Given:
    """What a reader was given before the end.

    Attributes:
        text: What was read.
        report: The stream's own, where the door has one.
    """

    text: str = ""
    report: Report | None = None


# -- the doors


@dataclass
class Door:
    """A way to read a stream.

    Attributes:
        read: Reads to the end, and notes what it was given; raises what stood in the way.
        middleware: Whether the client has the middleware.
    """

    read: Callable[[Any, Given, dict[str, Any]], Awaitable[None]]
    middleware: bool = False


async def by_events(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """Event by event."""
    async with resilient_stream(client, **asked) as stream:
        given.report = stream.report
        async for event in stream:
            if event.type == "text":
                given.text += event.text


async def by_text(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """`text_stream`."""
    async with resilient_stream(client, **asked) as stream:
        given.report = stream.report
        async for text in stream.text_stream:
            given.text += text


async def by_final_message(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """`get_final_message`."""
    async with resilient_stream(client, **asked) as stream:
        given.report = stream.report
        given.text = _text_of(await stream.get_final_message())


async def by_final_text(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """`get_final_text`."""
    async with resilient_stream(client, **asked) as stream:
        given.report = stream.report
        given.text = await stream.get_final_text()


async def by_until_done(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """`until_done`, after some of it was read."""
    async with resilient_stream(client, **asked) as stream:
        given.report = stream.report
        given.text = await anext(stream.text_stream)
        await stream.until_done()
        given.text = stream.partial.text


async def by_message(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """`resilient_message`."""
    given.text = _text_of(await resilient_message(client, **asked))


async def by_the_sdks_stream(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """The middleware, read through the SDK's helper."""
    async with client.messages.stream(**asked) as stream:
        async for text in stream.text_stream:
            given.text += text


async def by_raw_events(client: Any, given: Given, asked: dict[str, Any]) -> None:
    """The middleware, read through `create(stream=True)`."""
    async for event in await client.messages.create(**asked, stream=True):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            given.text += event.delta.text


def _text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


DOORS: Final[dict[str, Door]] = {
    "events": Door(by_events),
    "text": Door(by_text),
    "final message": Door(by_final_message),
    "final text": Door(by_final_text),
    "until done": Door(by_until_done),
    "message": Door(by_message),
    "middleware": Door(by_the_sdks_stream, middleware=True),
    "raw events": Door(by_raw_events, middleware=True),
}


# -- what must hold


async def fails(door: str, script: Script, **changes: Any) -> tuple[StreamFailed | None, Given, FaultServer]:
    """Read through a door; what was raised, what was given before, and what the server saw.

    Args:
        door: Which one.
        script: What the server does.
        **changes: Of the request; `policy` and `fallback_models` go where the door has them.
    """
    given, way = Given(), DOORS[door]
    asked = ask(**changes)
    async with FaultServer(script) as server:
        if way.middleware:
            options = {name: asked.pop(name) for name in ("policy", "fallback_models") if name in asked}
            middleware = [ResilienceMiddleware(**options)]
            client = AsyncAnthropic(
                base_url=server.url, api_key="test", http_client=DefaultAsyncHttpxClient(), middleware=middleware
            )
        else:
            client = AsyncAnthropic(base_url=server.url, api_key="test", http_client=DefaultAsyncHttpxClient())
        error: Any = None
        async with client:
            try:
                await way.read(client, given, asked)
            except anthropic.APIError as raised:
                error = raised
        await all_closed(server)
    if way.middleware and isinstance(error, anthropic.APIStatusError):
        assert given.text == ""
        error = error.response.extensions["unbroken"]
    assert error is None or isinstance(error, StreamFailed)
    return error, given, server


def assert_in_hand(error: StreamFailed, given: Given, server: FaultServer, *, text: str = TEXT) -> None:
    """The partial is a beginning of the answer, with all that was read; the report has every request."""
    assert text.startswith(error.partial.text)
    assert error.partial.text.startswith(given.text)
    assert not error.partial.complete
    report = error.report
    assert report.outcome == "failed"
    assert given.report is None or report is given.report
    asked = [attempt for attempt in report.attempts if not attempt.batch]
    answered = [attempt.request_id for attempt in asked if attempt.request_id is not None]
    assert sorted(answered) == [request.id for request in server.requests if request.status is not None]
    assert len(asked) >= len(server.requests)  # of those that were refused, the server knows nothing
    assert all(attempt.outcome not in ("open", "complete") for attempt in asked)
    died = [attempt for attempt in asked if attempt.outcome not in ("lost", "cancelled")]
    causes = error.__cause__.exceptions if isinstance(error.__cause__, ExceptionGroup) else ()
    assert len(causes) == len(died)
    assert error.last is None or error.last is causes[-1]
    assert f"{len(error.partial.text)} characters of text had arrived" in str(error)


PLACES: Final[dict[str, At]] = {
    "before the first event": BEFORE_MESSAGE_START,
    "after message_start": AFTER_MESSAGE_START,
    "in the thinking": after_events(2),
    "in the first word": after_characters(3),
    "in the middle": after_fraction(0.5),
    "after the last word": AFTER_LAST_TEXT,
    "after the content": AFTER_CONTENT,
}
FAULTS: Final[dict[str, Fault]] = {
    "overloaded": ErrorEvent("overloaded_error"),
    "an unknown error": ErrorEvent("some_new_error"),
    "an error without its end": ErrorEvent("overloaded_error", blank_line=False),
    "reset": Reset(),
    "drop": Drop(),
    "end of file": EndOfFile(),
    "end of connection": EndOfFile(framing="close"),
    "half a frame": CutFrame(),
    "half a frame, reset": CutFrame(end="reset"),
    "nonsense": BadJson(),
    "silence": Silence(),
    "pings": Pings(),
}
#: After these, what the server sent is not what could be read: the connection takes it along, or more is sent.
_SENT_IN_VAIN: Final = (Reset, CutFrame, BadJson)
#: What every later request dies of.
AFTERWARDS: Final[dict[str, Fault]] = {
    "status": Status(529),
    "no response": Drop(at=BEFORE_RESPONSE),
    "nothing": EndOfFile(at=AFTER_MESSAGE_START),
    "unauthorized": Status(401),
    "rejected": Status(400),
}
#: Before any content the SDK's own error is raised for these, as it came.
_FOR_THE_CALLER: Final = ("unauthorized", "rejected")
_BEFORE_CONTENT: Final = ("before the first event", "after message_start", "in the thinking")


@pytest.mark.sample
@pytest.mark.parametrize(("door", "fault"), list(product(DOORS, FAULTS)))
async def test_what_had_arrived_is_in_hand(door: str, fault: str) -> None:
    """Wherever it struck: a beginning of the answer, and every request that the server saw.

    Each door tries three of the places with each fault, and all doors together try all of them.
    """
    begin = list(DOORS).index(door) + list(FAULTS).index(fault)
    for number in (begin, begin + 2, begin + 4):
        place = list(PLACES)[number % len(PLACES)]
        first: Any = replace(FAULTS[fault], at=PLACES[place])  # type: ignore[arg-type]
        deaths = [death for death in AFTERWARDS if place not in _BEFORE_CONTENT or death not in _FOR_THE_CALLER]
        later = AFTERWARDS[deaths[number % len(deaths)]]
        model = (CONTINUE, PREFILL)[begin % 2]
        policy = Policy(initial_backoff=0, max_attempts=2)
        error, given, server = await fails(door, Script(ANSWER, faults=[first], then=later), model=model, policy=policy)
        if isinstance(first, BadJson) and error is None:
            assert (given.text, len(server.requests)) == (TEXT, 1)  # it was a ping
            continue
        assert error is not None
        assert_in_hand(error, given, server)
        if not isinstance(first, _SENT_IN_VAIN):
            assert error.partial.text == server.requests[0].sent_text


@pytest.mark.sample
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "step", [Status(529), Status(500), Drop(at=BEFORE_RESPONSE), Silence(at=BEFORE_RESPONSE)], ids=str
)
async def test_where_nothing_had_arrived_nothing_is_in_hand(door: str, step: Fault) -> None:
    """But every request is named; through the middleware too, where the SDK's own error is raised."""
    error, given, server = await fails(
        door, Script(ANSWER, then=step), policy=Policy(initial_backoff=0, max_attempts=3)
    )
    assert error is not None
    assert_in_hand(error, given, server)
    assert (error.partial.text, error.partial.message, len(server.requests)) == ("", None, 3)


@pytest.mark.parametrize("door", DOORS)
async def test_each_resume_adds_to_what_is_in_hand(door: str) -> None:
    """A stream that is cut again and again, each time a little later, until one too many."""
    kinds: list[Any] = [kind for kind in FAULTS.values() if not isinstance(kind, BadJson)]
    policy = Policy(initial_backoff=0, max_attempts=1)
    for group in (kinds[:3], kinds[3:6], kinds[6:9], kinds[8:]):
        # A resume begins with what is repeated, some forty characters.
        steps = [replace(kind, at=after_characters(6 if number == 0 else 55)) for number, kind in enumerate(group)]
        error, given, server = await fails(door, Script(ANSWER, faults=steps, then=Status(529)), policy=policy)
        assert error is not None
        assert_in_hand(error, given, server)
        brought = [attempt.characters for attempt in error.report.attempts]
        assert len(server.requests) == len(brought) == 4
        assert sum(brought) == len(error.partial.text) > 6


@pytest.mark.parametrize("door", DOORS)
async def test_a_deadline_leaves_what_had_arrived_in_hand(door: str) -> None:
    """In the middle of a slow answer, between two requests, before the first word."""
    for seconds, faults in (
        (30, [Slow(10)]),
        (30, [ErrorEvent(at=after_characters(20)), Silence(at=BEFORE_RESPONSE)]),
        (30, [ErrorEvent(at=after_characters(20)), Silence(at=after_characters(70))]),
        (30, [Silence(at=BEFORE_RESPONSE)]),
        (30, [Silence(at=AFTER_MESSAGE_START)]),
    ):
        policy = Policy(deadline=seconds, initial_backoff=0)
        error, given, server = await fails(door, Script(ANSWER, faults=faults), policy=policy)
        assert isinstance(error, StreamTimeout)
        assert_in_hand(error, given, server)
        assert error.report.duration == pytest.approx(seconds)


@pytest.mark.sample
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("cut", [None, 30])
async def test_every_request_of_a_race_is_named(door: str, cut: int | None) -> None:
    """Those that lost, too."""
    models = {name: Script(ANSWER, then=Status(529)) for name in (CONTINUE, PREFILL, "claude-sonnet-5-5")}
    if cut is not None:
        models[PREFILL] = Script(ANSWER, faults=[ErrorEvent(at=after_characters(cut))], then=Status(500))
    policy = Policy(initial_backoff=0, max_attempts=3, hedging=Hedging(delay=0))
    fallbacks = [PREFILL, "claude-sonnet-5-5"]
    error, given, server = await fails(door, Script(ANSWER, models=models), policy=policy, fallback_models=fallbacks)
    assert error is not None
    assert_in_hand(error, given, server)
    assert error.partial.text == TEXT[: cut or 0]
    assert {attempt.model for attempt in error.report.attempts} == {CONTINUE, *fallbacks}


@pytest.mark.parametrize("door", DOORS)
async def test_a_port_that_is_closed_for_ever(door: str) -> None:
    """What was refused reached nobody, and is in the report all the same."""
    script = Script(ANSWER, faults=[ErrorEvent(at=after_characters(40)), Refuse(10_000)])
    error, given, server = await fails(door, script, policy=Policy(initial_backoff=0, max_attempts=3))
    assert error is not None
    assert_in_hand(error, given, server)
    assert (error.partial.text, len(server.requests), len(error.report.attempts)) == (TEXT[:40], 1, 4)


@pytest.mark.parametrize("door", DOORS)
async def test_whole_blocks_are_in_hand_as_well(door: str) -> None:
    """Half a tool call is none, and what nobody knows is passed on."""
    answer = Answer([Text("Let me look. "), ToolUse("look", {"at": "the sea"})])
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    faults = [[Event("some_new_event", {"colour": "blue"}, at=after_characters(5)), Drop(at=after_events(9))]]
    policy = Policy(initial_backoff=0, max_attempts=1)
    error, given, server = await fails(
        door, Script(answer, faults=faults, then=Status(529)), policy=policy, tools=tools
    )
    assert error is not None
    assert_in_hand(error, given, server, text=answer.text)
    assert [block["type"] for block in error.partial.content] in (["text"], [])


async def test_a_stream_that_was_closed_has_it_in_hand_too() -> None:
    """By its reader, who then asks for the whole."""
    async with FaultServer(Script(ANSWER, faults=[ErrorEvent(at=after_characters(30))])) as server:
        async with client_of(server) as client, resilient_stream(client, **ask(policy=AT_ONCE)) as stream:
            given = Given(await anext(stream.text_stream), stream.report)
            await stream.close()
            for read in (stream.until_done, stream.get_final_message, stream.get_final_text):
                with pytest.raises(StreamFailed, match="closed before the message was whole") as caught:
                    await read()
                error = caught.value
                assert TEXT.startswith(error.partial.text)
                assert error.partial.text.startswith(given.text)
                assert error.report is stream.report
                ids = [request.id for request in server.requests]
                assert error.report.request_ids == ids
