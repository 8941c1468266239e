"""One attempt's entry in the report, as it fills."""

from __future__ import annotations

import anthropic
import anyio
import httpx2
import pytest

from unbroken import Report
from unbroken.core.classification import classify
from unbroken.core.failure import Failure, Kind
from unbroken.core.models.table import lookup
from unbroken.core.seam.anchor import choose_anchor
from unbroken.core.seam.seam import Seam
from unbroken.core.wire.decoded import Event
from unbroken.core.wire.deltas import as_delta
from unbroken.reporting.attempt_recorder import AttemptRecorder

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

START = {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}


def delta(type_: str, **brings: str) -> Event:
    """A delta of block 0."""
    return as_delta({"type": "content_block_delta", "index": 0, "delta": {"type": type_, **brings}})


def text(piece: str) -> Event:
    """A text delta."""
    return delta("text_delta", text=piece)


def recorder(report: Report, form: str = "request") -> AttemptRecorder:
    """An attempt that begins now."""
    model = "claude-haiku-4-5"
    return AttemptRecorder(report, 0.0, route=1, model=model, info=lookup(model), form=form, waited=0.5)


def overloaded(request_id: str = "req_1") -> Failure:
    """A 529."""
    request = httpx2.Request("POST", "http://127.0.0.1/v1/messages")
    response = httpx2.Response(529, headers={"request-id": request_id}, request=request)
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    error = anthropic.APIStatusError("Overloaded", response=response, body=body)
    return classify(error, status=529, body=body, headers=response.headers, now=0.0)


async def test_an_entry_is_in_the_report_from_the_beginning() -> None:
    """It is open, and knows where it was sent and after which wait."""
    report = Report()
    await anyio.sleep(3)
    entry = recorder(report).entry
    assert report.attempts == [entry]
    assert (entry.number, entry.route, entry.model, entry.form) == (1, 1, "claude-haiku-4-5", "request")
    assert (entry.started, entry.waited, entry.outcome, entry.ended) == (3.0, 0.5, "open", None)
    assert recorder(report).entry.number == 2


async def test_times_count_from_the_sending() -> None:
    """To the headers, to the first content, to the end."""
    entry = (notes := recorder(Report())).entry
    await anyio.sleep(1)
    notes.headers("req_1", 200, None)
    await anyio.sleep(1)
    notes.receive([START])
    assert entry.first_content is None
    await anyio.sleep(1)
    notes.receive([BLOCK])
    notes.receive([text("Hi")])
    await anyio.sleep(1)
    notes.end("complete")
    assert (entry.headers, entry.first_content, entry.ended) == (1.0, 3.0, 4.0)
    assert (entry.request_id, entry.status, entry.outcome) == ("req_1", 200, "complete")


async def test_what_the_api_counted_is_kept_apart_from_what_is_estimated() -> None:
    """The `output_tokens` of `message_start` is a placeholder; without the end's count, an estimate stands."""
    counted, cut = recorder(Report()), recorder(Report())
    for notes in (counted, cut):
        for event in (START, BLOCK, text("four and twenty characters")):
            notes.receive([event])
    counted.receive([END])
    counted.end("complete")
    cut.end("connection")
    assert (counted.entry.input_tokens, cut.entry.input_tokens) == (7, 7)
    assert (counted.entry.output_tokens, counted.entry.estimated_output_tokens) == (5, None)
    assert cut.entry.output_tokens is None
    assert cut.entry.estimated_output_tokens
    nothing = recorder(Report())
    nothing.end("connection")
    assert nothing.entry.estimated_output_tokens is None


async def test_a_failure_says_its_type_status_and_request_id() -> None:
    """Also where no headers were noted before."""
    notes = recorder(Report())
    notes.end(Kind.OVERLOADED, overloaded())
    entry = notes.entry
    assert (entry.outcome, entry.error_type, entry.status, entry.request_id) == (
        "overloaded",
        "overloaded_error",
        529,
        "req_1",
    )


async def test_an_error_inside_a_stream_keeps_the_status_of_the_response() -> None:
    """It was a 200."""
    notes = recorder(Report())
    notes.headers("req_0", 200, None)
    notes.end(Kind.OVERLOADED, overloaded())
    assert (notes.entry.status, notes.entry.request_id) == (200, "req_0")


async def test_the_first_end_counts() -> None:
    """Closing what has failed does not turn it into something else."""
    notes = recorder(Report())
    notes.end("connection")
    notes.end("cancelled")
    assert notes.entry.outcome == "connection"


async def test_delivered_characters_and_the_seam_are_counted() -> None:
    """What was cut at the joint is `discarded`, what reached the reader `characters`."""
    held = "What was held before the cut came along."
    seam = Seam(held, choose_anchor(held), form="continue")
    notes = recorder(Report(), form="continue")
    notes.headers("req_1", 200, seam)
    rest = seam.feed(held + " And then the rest.")
    notes.deliver([text(rest)])
    notes.end("complete")
    assert notes.entry.characters == len(" And then the rest.")
    assert notes.entry.discarded == len(held)
    assert notes.entry.seam == "echo"


async def test_a_seam_that_was_never_joined_is_not_reported() -> None:
    """The continuation died in its echo."""
    held = "What was held before the cut came along."
    notes = recorder(Report(), form="continue")
    notes.headers("req_1", 200, Seam(held, choose_anchor(held), form="continue"))
    notes.end("connection")
    assert (notes.entry.seam, notes.entry.discarded) == (None, 0)


async def test_the_loser_of_a_race_joined_nothing() -> None:
    """What it was asked for was never delivered: the winner's seam is the one that the report shows."""
    held = "What was held before the cut came along."
    seam = Seam(held, choose_anchor(held), form="continue")
    notes = recorder(Report(), form="continue")
    notes.headers("req_1", 200, seam)
    seam.feed(held + " And then the rest.")
    notes.end("lost")
    assert (notes.entry.outcome, notes.entry.seam, notes.entry.discarded) == ("lost", None, 0)


async def test_an_attempt_says_whether_others_were_being_waited_for() -> None:
    """A hedge is one that was sent beside another."""
    report = Report()
    recorder(report)
    model = "claude-haiku-4-5"
    AttemptRecorder(report, 0.0, route=2, model=model, info=lookup(model), form="request", waited=0.0, hedge=True)
    assert [entry.hedge for entry in report.attempts] == [False, True]


async def test_what_an_attempt_is_assumed_to_have_cost() -> None:
    """Another one's input, caches included, where the API has not said: apart from what it has."""
    usage = {"input_tokens": 7, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300, "output_tokens": 1}
    report = Report()
    told, untold = recorder(report), recorder(report)
    told.receive([{"type": "message_start", "message": {"usage": usage}}])
    assert (told.input_tokens, untold.input_tokens) == (327, 0)
    for notes in (told, untold):
        notes.assume_input(told.input_tokens)
    assert [entry.estimated_input_tokens for entry in report.attempts] == [None, 327]
    assert (report.usage.input_tokens, report.usage.estimated_input_tokens) == (7, 327)


async def test_the_time_since_it_was_sent() -> None:
    """Also after its end: a loser's is asked for then."""
    notes = recorder(Report())
    await anyio.sleep(3)
    notes.end("lost")
    await anyio.sleep(1)
    assert (notes.since_sent(), notes.entry.ended) == (4.0, 3.0)


async def test_what_a_cache_was_written_for_and_how_fast_it_was_is_noted() -> None:
    """They have prices of their own; an answer that does not say so leaves them unknown."""
    entry = (notes := recorder(Report())).entry
    notes.receive([START])
    assert (entry.cache_creation_1h_input_tokens, entry.speed) == (None, None)
    written = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}
    usage = {"input_tokens": 7, "cache_creation_input_tokens": 7, "cache_creation": written, "speed": "fast"}
    notes.receive([{"type": "message_start", "message": {"usage": usage}}])
    assert (entry.cache_creation_input_tokens, entry.cache_creation_1h_input_tokens, entry.speed) == (7, 4, "fast")
    notes.receive([END])
    assert entry.cache_creation_1h_input_tokens == 4
    notes.receive([{"type": "message_delta", "delta": {}, "usage": {"output_tokens": 5, "cache_creation": None}}])
    assert entry.cache_creation_1h_input_tokens == 4


async def test_what_arrived_and_what_was_delivered_is_counted() -> None:
    """Text, thinking, the input of tools, and what comes in deltas that nobody knows yet; by characters."""
    entry = (notes := recorder(Report())).entry
    deltas = [text("Hello."), delta("thinking_delta", thinking="Hm, hm.")]
    deltas += [delta("input_json_delta", partial_json="{}"), {"type": "ping"}]
    deltas += [delta("signature_delta", signature="not written by the model"), delta("song_delta", song="La la.")]
    notes.receive(deltas)
    notes.deliver(deltas[:1])
    assert (entry.received, entry.delivered, entry.characters) == (6 + 7 + 2 + 6, 6, 6)
    notes.deliver(deltas[1:])
    assert (entry.received, entry.delivered, entry.characters) == (21, 21, 6)


async def test_tokens_are_estimated_by_the_models_generation() -> None:
    """From Opus 4.7 on the same text has more of them."""
    estimates = []
    for model in ("claude-opus-4-6", "claude-opus-4-7"):
        notes = AttemptRecorder(Report(), 0.0, route=0, model=model, info=lookup(model), form="request", waited=0.0)
        notes.receive([text("x" * 1_000)])
        notes.end("connection")
        estimates.append(notes.entry.estimated_output_tokens)
    assert estimates == [200, 260]
