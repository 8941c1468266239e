"""What came of a batched request -> one whole message, or the error that says why there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from anthropic.types.messages import MessageBatch, MessageBatchRequestCounts
from pydantic import BaseModel

from unbroken import BatchCanceled, BatchErrored, BatchExpired, BatchFailed, Partial, Report
from unbroken.batches import result as results
from unbroken.batches.calls import Answered
from unbroken.batches.request import Rest
from unbroken.batches.result import Asked, Unresolved, late
from unbroken.core.requests.resume import anchor_for
from unbroken.errors import batch_failed
from unbroken.report import AttemptReport

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

CREATED: Final = datetime(2026, 11, 22, tzinfo=UTC)
HELD: Final = "The lamp is lit, and the glass is clear of salt. Nobody"
REST: Final = " has come by since the storm."


def held(*types: str) -> Partial:
    """Some text that was delivered, and unfinished blocks of these types after it."""
    partial = Partial()
    usage = {"input_tokens": 7, "output_tokens": 1}
    opening = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": []}
    partial.apply({"type": "message_start", "message": {**opening, "usage": usage}})
    block = {"type": "text", "text": ""}
    partial.apply({"type": "content_block_start", "index": 0, "content_block": block})
    delta = {"type": "text_delta", "text": HELD}
    partial.apply({"type": "content_block_delta", "index": 0, "delta": delta})
    for index, type_ in enumerate(types, 1):
        partial.apply({"type": "content_block_stop", "index": index - 1})
        call = {"type": type_, "id": "toolu_1", "name": "weather", "input": {}}
        partial.apply({"type": "content_block_start", "index": index, "content_block": call})
    return partial


def asked(rest: Rest | None = None, **fields: Any) -> Asked:
    """The rest of that text, by prefill, after one attempt that died."""
    partial = held()
    rest = rest or Rest(partial, "prefill", anchor_for(HELD, "prefill"), own=False)
    died = AttemptReport(number=1, route=0, model="claude-opus-5-5", form="request", started=0, outcome="overloaded")
    batched = AttemptReport(
        number=2, route=0, model="claude-opus-5-5", form="prefill", started=3.0, request_id="req_c", batch=True
    )
    report = Report(attempts=[died, batched], duration=3.0)
    known: dict[str, Any] = {"api": "messages", "output_format": None, **fields}
    return Asked(batch_id="msgbatch_1", created_at=CREATED, rest=rest, report=report, **known)


def resolve(asked: Asked, answered: Answered) -> tuple[Any, Report]:
    """What came of it; where that is no message, its error is raised, as `Deferred.result` does."""
    result = results.resolve(asked, answered)
    if isinstance(result, Unresolved):
        raise batch_failed(result)
    return result


def answered(result: dict[str, Any] | None, **fields: Any) -> Answered:
    """A batch that ended after ten minutes."""
    counts = MessageBatchRequestCounts(canceled=0, errored=0, expired=0, processing=0, succeeded=1)
    known = {"ended_at": CREATED + timedelta(minutes=10), **fields}
    batch = MessageBatch(
        id="msgbatch_1",
        created_at=CREATED,
        expires_at=CREATED + timedelta(days=1),
        processing_status="ended",
        request_counts=counts,
        type="message_batch",
        **known,
    )
    return Answered(batch, result, "req_r")


def succeeded(text: str = REST, stop_reason: str = "end_turn", **usage: Any) -> dict[str, Any]:
    """A result with that text."""
    content = [{"type": "text", "text": text}] if text else []
    message = {"id": "msg_2", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": content}
    spent = {"input_tokens": 30, "output_tokens": 9, "service_tier": "batch", **usage}
    return {
        "type": "succeeded",
        "message": {**message, "stop_reason": stop_reason, "stop_sequence": None, "usage": spent},
    }


@pytest.mark.parametrize("api", ["messages", "beta"])
async def test_one_message_and_how_it_was_made(api: Any) -> None:
    """The message that was begun, and an entry for the request as for any attempt; what was asked stays as it was."""
    request = asked(api=api)
    message, report = resolve(request, answered(succeeded(cache_read_input_tokens=5)))
    assert (message.id, message.content[0].text, message.usage.input_tokens) == ("msg_1", HELD + REST, 7)
    entry = report.attempts[-1]
    assert (entry.number, entry.form, entry.seam) == (2, "prefill", "prefill")
    assert (entry.outcome, entry.status) == ("complete", 200)
    assert (entry.input_tokens, entry.cache_read_input_tokens, entry.output_tokens) == (30, 5, 9)
    assert (entry.received, entry.delivered, entry.characters, entry.discarded) == (len(REST),) * 3 + (0,)
    assert (entry.started, entry.ended, entry.headers, entry.first_content) == (3.0, 600.0, None, None)
    assert (report.outcome, report.duration, entry.batch, entry.request_id) == ("complete", 603.0, True, "req_r")
    assert request.report.attempts[-1].outcome == "open"


@pytest.mark.parametrize("ended_at", [None, "soon", datetime(2026, 11, 22)])  # noqa: DTZ001
async def test_without_an_end_it_is_not_known_how_long_it_took(ended_at: Any) -> None:
    """Nor where it is no date that could be compared: the SDK looks at none of them."""
    batch = answered(succeeded())
    batch.batch.ended_at = ended_at
    _, report = resolve(asked(), batch)
    assert (report.duration, report.attempts[-1].ended) == (None, None)


@pytest.mark.parametrize("message", [None, "It is.", {}, {"content": "It is."}, {**succeeded()["message"], "usage": 5}])
async def test_an_answer_that_cannot_be_read_is_in_the_error(message: Any) -> None:
    """With what had arrived, and not as an error of ours."""
    with pytest.raises(BatchFailed, match="holds what cannot be read") as caught:
        resolve(asked(), answered({"type": "succeeded", "message": message}))
    assert caught.value.partial.text == HELD
    assert caught.value.answer == (message if isinstance(message, dict) and message else None)
    assert caught.value.report.attempts[-1].outcome == "malformed"
    with pytest.raises(BatchFailed):
        resolve(asked(), answered({"type": "succeeded"}))


class Lamp(BaseModel):
    lit: bool


async def test_the_text_is_parsed_into_the_type_that_was_asked_for() -> None:
    """Or it is the SDK's own error."""
    message, _ = resolve(asked(Rest(), output_format=Lamp), answered(succeeded('{"lit": true}')))
    assert message.parsed_output == Lamp(lit=True)
    with pytest.raises(ValueError, match="lit"):
        resolve(asked(Rest(), output_format=Lamp), answered(succeeded('{"lit": "maybe"}')))


async def test_what_was_given_up_is_not_in_the_message_and_told_of() -> None:
    """Its index stays free in the snapshot; the notices are told once, however often the result is asked for."""
    rest = Rest(held("tool_use"), "prefill", anchor_for(HELD, "prefill"), own=False)
    request = asked(rest)
    for _ in range(2):
        message, report = resolve(request, answered(succeeded()))
        assert [block.type for block in message.content] == ["text", "text"]
        assert "".join(block.text for block in message.content) == HELD + REST
        assert [notice.code for notice in report.notices] == ["block_abandoned"]
        request = Asked(request.batch_id, "messages", CREATED, rest, report, None)


@pytest.mark.parametrize(
    ("kind", "error"), [("expired", BatchExpired), ("canceled", BatchCanceled), ("evaporated", BatchFailed)]
)
async def test_what_was_not_answered(kind: str, error: type[BatchFailed]) -> None:
    """Each in its own type; what the API may invent, in that of all of them."""
    with pytest.raises(error, match="55 characters of text had arrived before") as caught:
        resolve(asked(), answered({"type": kind}))
    assert type(caught.value) is error
    assert caught.value.partial.text == HELD
    assert caught.value.report.attempts[-1].outcome == kind


async def test_what_the_api_could_not_answer_says_why() -> None:
    """With the type and the request id of the API's error, and the error itself as the last one."""
    body = {"type": "error", "error": {"type": "api_error", "message": "Oops."}, "request_id": "req_e"}
    with pytest.raises(BatchErrored, match=r"api_error; request id req_e") as caught:
        resolve(asked(), answered({"type": "errored", "error": body}))
    error = caught.value
    assert (error.type, error.request_id, str(error.last)) == ("api_error", "req_e", "Oops.")
    assert error.report.attempts[-1].error_type == "api_error"
    with pytest.raises(BatchErrored, match="no type; request id none"):
        resolve(asked(), answered({"type": "errored", "error": None}))


@pytest.mark.parametrize(("archived", "says"), [(CREATED, "gone"), (None, "cannot be read")])
async def test_results_that_are_not_there(archived: datetime | None, says: str) -> None:
    with pytest.raises(BatchFailed, match=says):
        resolve(asked(), answered(None, archived_at=archived))


async def test_an_answer_that_does_not_join_is_in_the_error() -> None:
    """Whole, as the API has a message; and the report knows what it was."""
    with pytest.raises(BatchFailed, match="refused to go on") as caught:
        resolve(asked(), answered(succeeded("", "refusal")))
    assert caught.value.answer == succeeded("", "refusal")["message"]
    assert caught.value.report.attempts[-1].outcome == "refused"
    assert caught.value.report.outcome == "failed"


async def test_half_a_document_has_to_become_the_whole_one() -> None:
    """The schema that was asked for goes along."""
    schema = {"type": "json_schema", "schema": {"type": "object", "required": ["lit"]}}
    anchor = anchor_for(HELD, "continue")
    rest = Rest(held(), "continue", anchor, own=False, demanded=schema)
    with pytest.raises(BatchFailed, match="document"):
        resolve(asked(rest), answered(succeeded(anchor.echo + anchor.key + REST)))


def test_an_error_without_a_partial_says_nothing_of_one() -> None:
    assert "had arrived" not in str(late(asked(Rest()), 5.0))
