"""What a stream that failed leaves behind, and how its rest goes into a batch."""

from __future__ import annotations

from typing import Any, Final

import anthropic
import pytest
from pydantic import BaseModel
from tests.corpus.texts import TEXTS

from harness import CONTINUE, PREFILL, read, serving
from unbroken import Policy, Route, StreamFailed
from unbroken.engine.last_resort import named
from unbroken.sdk.clients import parameters
from unbroken.testing import BEFORE_RESPONSE, Answer, Batches, Drop, Script, Status, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT: Final = TEXTS["prose"]


def dying(at: int = 200, **batches: Any) -> Script:
    """A stream of which no more than that comes."""
    return Script(Answer(TEXT), faults=[Drop(at=after_characters(at))], then=Status(529), batches=Batches(**batches))


async def failure(client: Any, **changes: Any) -> StreamFailed:
    """What such a stream raises."""
    with pytest.raises(StreamFailed) as caught:
        await read(client, **{"policy": Policy(initial_backoff=0, max_attempts=3), **changes})
    return caught.value


def test_a_name_is_one_that_the_api_takes() -> None:
    """And two are never the same."""
    assert named("order-17_b") == "order-17_b"
    assert named(None) != named(None)
    assert len(named(None)) <= 64
    for name in ("", "a b", "é", "x" * 65, "a\n"):
        with pytest.raises(ValueError, match="custom_id must have 1 to 64"):
            named(name)


async def test_the_handle_is_of_what_was_asked() -> None:
    """By the name that the caller gave, with what was delivered, and the report of the stream, which stays as it is."""
    async with serving(dying()) as (server, client):
        error = await failure(client, model=PREFILL)
        before = error.report.to_dict()
        deferred = await error.defer(custom_id="order-17")
        assert error.report.to_dict() == before
        (batch,) = server.batches
        assert (deferred.id, deferred.custom_id, batch.requests[0].custom_id) == (batch.id, "order-17", "order-17")
        assert (deferred.model, deferred.api, deferred.form) == (PREFILL, "messages", "prefill")
        assert deferred.partial.text == error.partial.text == TEXT[:200]
        assert (deferred.expires_at - deferred.created_at).total_seconds() == 86_400
        entry = deferred.report.attempts[-1]
        assert (entry.outcome, entry.batch, entry.started) == ("open", True, error.report.duration)
        assert entry.number == len(error.report.attempts) + 1
        assert (entry.request_id or "").startswith("req_")
        assert deferred.report.outcome == "open"


async def test_the_next_route_is_asked_where_the_first_takes_no_batch() -> None:
    """Another client's key may be good."""
    async with serving(dying(creates=[Status(401)])) as (server, client):
        error = await failure(client, model=CONTINUE, fallback_models=[PREFILL])
        assert (await error.defer()).model == PREFILL
        await server.play(dying(creates=[Status(400)]))
        with pytest.raises(anthropic.BadRequestError):
            await error.defer()
        await server.play(dying(creates=[Status(401), Status(403)]))
        with pytest.raises(anthropic.PermissionDeniedError):
            await error.defer()


async def test_clients_without_batches_are_passed_over() -> None:
    """If none has any, that is said."""
    bedrock = anthropic.AsyncAnthropicBedrock(aws_region="x", aws_access_key="a", aws_secret_key="b", max_retries=0)
    bedrock.base_url = "http://127.0.0.1:9"
    async with serving(dying()) as (_, client):
        fallback = Route(client=client, model=CONTINUE)
        error = await failure(bedrock, model="anthropic.claude-opus-5-5", fallback_models=[fallback])
        assert (await error.defer()).model == CONTINUE
        alone = await failure(bedrock, model="anthropic.claude-opus-5-5")
        with pytest.raises(TypeError, match="AsyncAnthropicBedrock has no message batches"):
            await alone.defer()
    await bedrock.close()


async def test_what_a_batch_does_not_take_is_left_out_or_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speed is no part of the answer; of what is, the error says it."""
    async with serving(dying()) as (server, client):
        fast = {"speed": "fast"} if "speed" in parameters(type(client.messages).stream) else {}  # not in SDK 1.0
        error = await failure(client, model="claude-opus-4-8", **fast, extra_headers={"x-mine": "1"}, timeout=9)
        await error.defer()
        (request,) = server.batches[0].requests
        assert not {"speed", "extra_headers", "timeout"} & set(request.params)
        assert server.requests[-1].headers["x-mine"] == "1"
        monkeypatch.setattr("unbroken.engine.last_resort.unsupported", lambda _: "it cannot be billed")
        with pytest.raises(ValueError, match="cannot be put into a batch: it cannot be billed"):
            await error.defer()


async def test_what_may_not_be_asked_for_is_said() -> None:
    """In the plan's words."""
    policy = Policy(initial_backoff=0, max_attempts=1, resume="never")
    async with serving(dying()) as (_, client):
        error = await failure(client, policy=policy)
        with pytest.raises(ValueError, match=r"cannot be put into a batch: Policy\.resume is 'never'"):
            await error.defer()


class Lamp(BaseModel):
    lit: bool
    note: str


async def test_the_format_that_was_asked_for_goes_along() -> None:
    """The model of a resume is not held to it, but the whole text is; and it is parsed, here or elsewhere."""
    document = '{"lit": true, "note": "' + "The glass is clear of salt, and the clockwork is wound. " * 4 + '"}'
    script = Script(Answer(document), faults=[Drop(at=after_characters(150))], then=Status(529))
    async with serving(script) as (server, client):
        error = await failure(client, output_format=Lamp)
        deferred = await error.defer()
        assert "output_config" not in server.batches[0].requests[0].params
        message = await deferred.result()
        assert message.parsed_output == Lamp.model_validate_json(document)
        again = type(deferred).from_json(deferred.to_json(), output_format=Lamp)
        assert (await again.result(client)).parsed_output == message.parsed_output
        assert (await type(deferred).from_json(deferred.to_json()).result(client)).content[0].text == document
        policy = Policy(initial_backoff=0, max_attempts=1, resume="restart")
        await server.play(Script(Answer(document), faults=[Drop(at=after_characters(150))], then=Status(529)))
        error = await failure(client, output_format=Lamp, policy=policy)
        assert (await (await error.defer()).result()).parsed_output == message.parsed_output
        (request,) = server.batches[-1].requests
        assert request.params["output_config"]["format"]["type"] == "json_schema"


# -- Policy(on_exhausted="defer")


async def test_what_cannot_be_deferred_is_told_of() -> None:
    """Once, with the reason; the error is the same as ever."""
    policy = Policy(initial_backoff=0, max_attempts=1, resume="never", on_exhausted="defer")
    async with serving(dying()) as (_, client):
        error = await failure(client, policy=policy)
        assert error.deferred is None
        assert "batch" not in str(error)
        notices = [notice for notice in error.report.notices if notice.code == "defer_failed"]
        assert [notice.message for notice in notices] == [
            "the rest cannot be put into a batch: Policy.resume is 'never'"
        ]


async def test_a_connection_that_breaks_is_told_of_by_its_name() -> None:
    """It has no status."""
    policy = Policy(initial_backoff=0, max_attempts=1, on_exhausted="defer")
    async with serving(dying(creates=[Drop(at=BEFORE_RESPONSE)])) as (_, client):
        error = await failure(client, policy=policy)
        assert error.report.notices[-1].message.endswith("batch: APIConnectionError")
