"""Every fault x every place x every kind of model: the reader gets the exact answer once."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, Final

import pytest

from harness import CONTINUE, PREFILL, Reading, assert_unbroken, read, serving
from unbroken import Policy
from unbroken.testing import (
    AFTER_CONTENT,
    AFTER_LAST_TEXT,
    AFTER_MESSAGE_DELTA,
    AFTER_MESSAGE_START,
    AFTER_MESSAGE_STOP,
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
    Pings,
    Refuse,
    Reset,
    Script,
    Silence,
    Slow,
    Status,
    Thinking,
    after_characters,
    after_fraction,
)

TEXT: Final = "Overload is weather. It comes, it stays a while,\n\n- and then it goes;\n- the answer stays."

#: Who answers: the model that is asked, and what it wants to write.
MODELS: Final[dict[str, tuple[str, Answer]]] = {
    "prefill": (PREFILL, Answer(TEXT)),
    "continue": (CONTINUE, Answer(TEXT)),
    "thinking": (CONTINUE, Answer([Thinking("What is overload like?"), TEXT])),
}

PLACES: Final[dict[str, At]] = {
    "before_the_first_event": BEFORE_MESSAGE_START,
    "after_message_start": AFTER_MESSAGE_START,
    "in_the_first_word": after_characters(3),
    "in_the_middle": after_fraction(0.5),
    "after_the_last_word": AFTER_LAST_TEXT,
    "after_content": AFTER_CONTENT,
    "after_message_delta": AFTER_MESSAGE_DELTA,
    "after_message_stop": AFTER_MESSAGE_STOP,
}

#: Faults that can strike anywhere in the body.
FAULTS: Final[dict[str, Fault]] = {
    "overloaded_event": ErrorEvent("overloaded_error"),
    "api_error_event": ErrorEvent("api_error"),
    "timeout_event": ErrorEvent("timeout_error"),
    "rate_limit_event": ErrorEvent("rate_limit_error"),
    "unknown_error_event": ErrorEvent("some_new_error"),
    "event_without_its_blank_line": ErrorEvent("overloaded_error", blank_line=False),
    "reset": Reset(),
    "drop_inside_a_chunk": Drop(),
    "clean_end_of_file": EndOfFile(),
    "clean_end_of_connection": EndOfFile(framing="close"),
    "frame_cut_then_clean_end": CutFrame(end="eof"),
    "frame_cut_then_drop": CutFrame(end="drop"),
    "frame_cut_then_reset": CutFrame(end="reset"),
    "malformed_json": BadJson(),
}

#: What makes a message whole but takes no `message_stop` along: a clean end after `stop_reason` (DESIGN, section 3).
CLEAN_ENDS: Final = ("clean_end_of_file", "clean_end_of_connection", "frame_cut_then_clean_end")


def requests_expected(place: str) -> int:
    """The message is whole once its `stop_reason` was seen; before, the rest has to be asked for."""
    return 1 if place in ("after_message_delta", "after_message_stop") else 2


async def read_through(model: str, *steps: Any) -> tuple[Reading, int]:
    """Read the model's answer while these faults strike, and count the requests."""
    name, answer = MODELS[model]
    async with serving(Script(answer, faults=steps)) as (server, client):
        reading = await read(client, model=name)
        return reading, len(server.requests)


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize(("model", "fault", "place"), list(product(MODELS, FAULTS, PLACES)))
async def test_a_fault_costs_the_reader_nothing(model: str, fault: str, place: str) -> None:
    """Whatever breaks, and wherever: the exact answer once, in one message."""
    reading, requests = await read_through(model, replace(FAULTS[fault], at=PLACES[place]))  # type: ignore[arg-type]
    clean_end = fault in CLEAN_ENDS and place == "after_message_delta"
    assert_unbroken(reading, MODELS[model][1], stops=0 if clean_end else 1)
    assert requests == requests_expected(place) == len(reading.report.attempts)


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("status", [408, 409, 429, 500, 501, 502, 503, 504, 529, 599])
async def test_a_status_that_may_pass_is_asked_again(model: str, status: int) -> None:
    """Overload, rate limits and server errors before the stream are invisible to the reader."""
    reading, requests = await read_through(model, Status(status), Status(status))
    assert_unbroken(reading, MODELS[model][1])
    assert requests == 3


BEFORE_THE_HEADERS: Final[dict[str, Fault]] = {
    "closed_without_a_response": Drop(at=BEFORE_RESPONSE),
    "reset_without_a_response": Reset(at=BEFORE_RESPONSE),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", BEFORE_THE_HEADERS)
async def test_a_connection_that_dies_before_the_headers_is_asked_again(model: str, fault: str) -> None:
    """No response at all is a failure like any other."""
    reading, requests = await read_through(model, BEFORE_THE_HEADERS[fault])
    assert_unbroken(reading, MODELS[model][1])
    assert (requests, reading.outcomes) == (2, ["connection", "complete"])


@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
async def test_a_resume_can_itself_die_before_its_first_new_word(model: str) -> None:
    """The attempt after a cut brings a status, an empty body, half an echo; the text is still joined exactly."""
    steps = [
        Reset(at=after_characters(40)),
        Status(529),
        EndOfFile(at=BEFORE_MESSAGE_START),
        Drop(at=after_characters(2)),
    ]
    reading, requests = await read_through(model, *steps)
    assert_unbroken(reading, MODELS[model][1])
    assert requests == 5


@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
async def test_an_event_of_a_type_nobody_knows_is_passed_through(model: str) -> None:
    """It reaches the reader once, as the SDK would hand it over, and a cut after it is survived."""
    stranger = Event("some_new_event", {"colour": "blue"}, at=after_characters(10))
    reading, _ = await read_through(model, [stranger, Reset(at=after_characters(20))])
    assert_unbroken(reading, MODELS[model][1])
    assert [event.colour for event in reading.events if event.type == "some_new_event"] == ["blue"]


# -- faults that take time: on the virtual clock


TIMED: Final[dict[str, tuple[Fault, float]]] = {
    "silence": (Silence(), 90.0),  # idle_timeout
    "pings": (Pings(every=15), 300.0),  # progress_timeout
}


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize(("model", "fault", "place"), list(product(MODELS, TIMED, PLACES)))
async def test_a_stream_that_stops_moving_is_given_up_on_time(model: str, fault: str, place: str) -> None:
    """Silence ends at `idle_timeout`, pings without content at `progress_timeout`, to the second; then it goes on."""
    kind, limit = TIMED[fault]
    reading, requests = await read_through(model, replace(kind, at=PLACES[place]))  # type: ignore[arg-type]
    assert_unbroken(reading, MODELS[model][1])
    assert requests == requests_expected(place)
    first = reading.report.attempts[0]
    if place == "after_message_stop":
        # The message is whole: what may follow is waited for only as long as a connection is worth.
        assert first.outcome == "complete"
        assert first.ended == pytest.approx(2.0)
    else:
        assert first.ended == pytest.approx(limit)


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "fault", [Slow(60), Silence(80, at=BEFORE_RESPONSE), Silence(80), Pings(280, every=20)], ids=repr
)
async def test_slowness_within_the_limits_is_left_alone(model: str, fault: Fault) -> None:
    """A slow first byte, a slow stream, a long thought: one request, and the whole answer."""
    reading, requests = await read_through(model, fault)
    assert_unbroken(reading, MODELS[model][1])
    assert requests == 1


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("model", MODELS)
async def test_a_first_byte_that_never_comes_is_given_up(model: str) -> None:
    """Headers that stay away are a stall after `idle_timeout`, the transport's read timeout."""
    reading, requests = await read_through(model, Silence(at=BEFORE_RESPONSE))
    assert_unbroken(reading, MODELS[model][1])
    assert (requests, reading.outcomes) == (2, ["stalled", "complete"])
    assert reading.report.attempts[0].ended == pytest.approx(90.0)


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("model", MODELS)
async def test_a_refused_connection_is_asked_again_until_the_port_is_open(model: str) -> None:
    """A refusal stands for no request; the answer comes once somebody listens again."""
    name, answer = MODELS[model]
    script = Script(answer, faults=[Reset(), Refuse(3)])
    async with serving(script) as (server, client):
        reading = await read(client, model=name, policy=Policy(initial_backoff=2, max_attempts=20))
        assert_unbroken(reading, answer)
        assert len(server.requests) == 2
        assert "connection" in reading.outcomes[1:]
