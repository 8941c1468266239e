"""The Message Batches API, through the SDK where it can say it, and raw where the SDK hides it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import anthropic
import anyio
import httpx2
import pytest
from serving import ask, serving

from unbroken.testing import (
    BEFORE_RESPONSE,
    Answer,
    Batches,
    CutFrame,
    Drop,
    EndOfFile,
    FaultServer,
    Poison,
    Refuse,
    Reset,
    Script,
    Silence,
    Status,
    ToolUse,
    after_events,
    has_parameter,
)

TEXT = "One two three four five six seven eight nine ten."
DAY = 86_400


def batch_of(*params: dict[str, Any]) -> list[Any]:
    """The requests of a batch, with custom ids `r0`, `r1`, …."""
    return [{"custom_id": f"r{n}", "params": ask(**each)} for n, each in enumerate(params)]


async def results_of(batches: Any, id: str) -> dict[str, Any]:
    """The results by custom id."""
    return {line.custom_id: line.result async for line in await batches.results(id)}


def raw(server: FaultServer) -> httpx2.AsyncClient:
    """A client that knows nothing of the API."""
    headers = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    return httpx2.AsyncClient(base_url=server.url, headers=headers, trust_env=False)


@pytest.mark.asyncio
@pytest.mark.parametrize("door", ["messages", "beta"])
async def test_a_batch_from_its_creation_to_its_end(door: str) -> None:
    """In progress, then ended; each request is answered as one that is not streamed, whatever befalls streams."""
    script = Script(Answer([TEXT, ToolUse("look", {"at": 1})]), then=Status(529), batches=Batches(seconds=0.01))
    async with serving(script) as (server, sdk):
        batches: Any = sdk.messages.batches if door == "messages" else sdk.beta.messages.batches
        made = await batches.create(requests=batch_of({}, {"model": "claude-haiku-4-5"}))
        assert (made.processing_status, made.request_counts.processing, made.results_url) == ("in_progress", 2, None)
        assert (made.expires_at - made.created_at).total_seconds() == DAY
        while (ended := await batches.retrieve(made.id)).processing_status != "ended":
            assert ended.request_counts == made.request_counts
            await anyio.sleep(0.005)
        assert (ended.request_counts.succeeded, ended.request_counts.processing) == (2, 0)
        assert ended.results_url.startswith(server.url)
        assert (ended.ended_at - made.created_at).total_seconds() == pytest.approx(0.01)
        results = await results_of(batches, made.id)
    assert {name: result.message.model for name, result in results.items()} == {
        "r0": "claude-opus-5-5",
        "r1": "claude-haiku-4-5",
    }
    message = results["r0"].message
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert (message.content[0].text, message.content[1].input) == (TEXT, {"at": 1})
    assert (message.stop_reason, message.usage.service_tier) == ("tool_use", "batch")
    (batch,) = server.batches
    assert (batch.id, [request.custom_id for request in batch.requests]) == (made.id, ["r0", "r1"])
    assert batch.requests[0].params == ask()


@pytest.mark.asyncio
async def test_what_is_wrong_with_a_request_shows_in_its_result() -> None:
    """And never when the batch is created; the error is the one that the API gives, with its own request id."""
    wrong: Sequence[tuple[dict[str, Any], str, str]] = [
        ({"max_tokens": None}, "invalid_request_error", "max_tokens: Field required"),
        ({"model": "gpt-5"}, "not_found_error", "model: gpt-5"),
        ({"stream": True}, "invalid_request_error", "streaming is not supported"),
        ({"speed": "fast"}, "invalid_request_error", "fast mode is not supported"),
    ]
    async with serving(TEXT) as (_, sdk):
        made = await sdk.messages.batches.create(requests=batch_of(*(params for params, _, _ in wrong), {}))
        ended = await sdk.messages.batches.retrieve(made.id)
        results = await results_of(sdk.messages.batches, made.id)
    assert (ended.request_counts.errored, ended.request_counts.succeeded) == (4, 1)
    for n, (_, kind, message) in enumerate(wrong):
        body = results[f"r{n}"].error
        assert (body.type, body.error.type) == ("error", kind)
        assert message in body.error.message
    assert len({results[f"r{n}"].error.request_id for n in range(4)}) == 4


@pytest.mark.asyncio
async def test_single_requests_err() -> None:
    """As the script says, in the order in which they come over all batches; invalid ones are not counted."""
    batches = Batches(errors=[Status(529), None, Status(500)])
    script = Script(TEXT, batches=batches, poison=Poison(has_parameter("metadata"), Reset()))
    async with serving(script) as (_, sdk):
        kinds = []
        for requests in (batch_of({}, {"max_tokens": -1}, {}), batch_of({}, {}, {"metadata": {"user_id": "u"}})):
            made = await sdk.messages.batches.create(requests=requests)
            results = await results_of(sdk.messages.batches, made.id)
            kinds.append([getattr(getattr(results[f"r{n}"], "error", None), "error", None) for n in range(3)])
    assert [[error and error.type for error in kind] for kind in kinds] == [
        ["overloaded_error", "invalid_request_error", None],
        ["api_error", None, "api_error"],
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("requests", "says"),
    [
        (None, "requests: Field required"),
        ([], "from 1 to 100000 items, not 0"),
        ([{"params": {}}], "requests.0.custom_id: Field required"),
        (["x"], "requests.0.custom_id: Field required"),
        ([{"custom_id": "a", "params": {}}, {"custom_id": "a b", "params": {}}], "requests.1.custom_id: String should"),
        ([{"custom_id": "x" * 65, "params": {}}], "requests.0.custom_id: String should match"),
        ([{"custom_id": "a"}], "requests.0.params: Field required"),
        (
            [{"custom_id": "a", "params": {}}, {"custom_id": "a", "params": {}}],
            "requests.1.custom_id: 'a' is not unique",
        ),
    ],
)
async def test_a_batch_that_is_none(requests: Any, says: str) -> None:
    """It is a 400, and uses no step of the script up."""
    script = Script(batches=Batches(creates=[Status(529)]))
    async with serving(script) as (server, _), raw(server) as http:
        refused = await http.post("/v1/messages/batches", json={"requests": requests} if requests is not None else {})
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
        assert says in refused.json()["error"]["message"]
        assert (await http.post("/v1/messages/batches", json={"requests": batch_of({})})).status_code == 529
    assert server.batches == []


@pytest.mark.asyncio
async def test_a_batch_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes it is a 413, and in requests a 400."""
    monkeypatch.setattr("unbroken.testing.services.batch_api._LARGEST", 1000)
    monkeypatch.setattr("unbroken.testing.services.batch_api._MOST_REQUESTS", 2)
    async with serving(TEXT) as (_, sdk):
        with pytest.raises(anthropic.APIStatusError) as error:
            await sdk.messages.batches.create(requests=batch_of({"system": "x" * 1000}))
        assert error.value.status_code == 413
        with pytest.raises(anthropic.BadRequestError, match="not 3"):
            await sdk.messages.batches.create(requests=[{"custom_id": c, "params": {}} for c in "abc"])


@pytest.mark.asyncio
async def test_a_list_in_pages() -> None:
    """The newest first."""
    async with serving(TEXT) as (_, sdk):
        made = [(await sdk.messages.batches.create(requests=batch_of({}))).id for _ in range(5)]
        newest_first = made[::-1]
        assert [batch.id async for batch in sdk.messages.batches.list(limit=2)] == newest_first
        page = await sdk.beta.messages.batches.list(limit=2)
        assert ([batch.id for batch in page.data], page.has_more) == (newest_first[:2], True)
        page_before = await sdk.messages.batches.list(before_id=made[0], limit=2)
        assert ([batch.id for batch in page_before.data], page_before.has_more) == (newest_first[2:4], True)
        with pytest.raises(anthropic.BadRequestError, match="limit"):
            await sdk.messages.batches.list(limit=0)


@pytest.mark.anyio
async def test_a_batch_that_expires() -> None:
    """After 24 hours; what was done by then stays done. After 29 days the results are gone."""
    async with serving(Script(TEXT, batches=Batches(seconds=2 * DAY))) as (server, sdk):
        made = await sdk.messages.batches.create(requests=batch_of({}, {}, {}))
        await anyio.sleep(DAY - 1)
        assert (await sdk.messages.batches.retrieve(made.id)).processing_status == "in_progress"
        await anyio.sleep(1)
        ended = await sdk.messages.batches.retrieve(made.id)
        assert ended.ended_at == made.expires_at
        assert (ended.request_counts.succeeded, ended.request_counts.expired) == (1, 2)
        results = await results_of(sdk.messages.batches, made.id)
        assert {name: result.type for name, result in results.items()} == {
            "r0": "succeeded",
            "r1": "expired",
            "r2": "expired",
        }
        await anyio.sleep(28 * DAY)
        archived = await sdk.messages.batches.retrieve(made.id)
        assert (archived.results_url, archived.archived_at is None) == (None, False)
        async with raw(server) as http:
            gone = await http.get(f"/v1/messages/batches/{made.id}/results")
        assert (gone.status_code, "no longer" in gone.text) == (404, True)


@pytest.mark.anyio
async def test_a_batch_that_is_cancelled() -> None:
    """It is `canceling`, then ended; what was done stays done, and what was not is `canceled`."""
    async with serving(Script(TEXT, batches=Batches(seconds=100, canceling=5))) as (_, sdk):
        made = await sdk.messages.batches.create(requests=batch_of({}, {}))
        await anyio.sleep(60)
        told = await sdk.messages.batches.cancel(made.id)
        assert (told.processing_status, told.request_counts.processing) == ("canceling", 2)
        await anyio.sleep(4)
        again = await sdk.messages.batches.cancel(made.id)
        assert again == told == await sdk.messages.batches.retrieve(made.id)
        with pytest.raises(anthropic.BadRequestError, match="cannot be deleted"):
            await sdk.messages.batches.delete(made.id)
        await anyio.sleep(1)
        ended = await sdk.messages.batches.retrieve(made.id)
        results = await results_of(sdk.messages.batches, made.id)
        assert (ended.processing_status, ended.cancel_initiated_at) == ("ended", told.cancel_initiated_at)
        assert (ended.request_counts.succeeded, ended.request_counts.canceled) == (1, 1)
        assert {name: result.type for name, result in results.items()} == {"r0": "succeeded", "r1": "canceled"}
        with pytest.raises(anthropic.BadRequestError, match="cannot be canceled"):
            await sdk.messages.batches.cancel(made.id)


@pytest.mark.anyio
async def test_a_cancellation_that_takes_no_time_is_told_of_all_the_same() -> None:
    """As `canceling`, which it is for that one answer."""
    async with serving(Script(TEXT, batches=Batches(seconds=math.inf))) as (_, sdk):
        made = await sdk.messages.batches.create(requests=batch_of({}))
        assert (await sdk.messages.batches.cancel(made.id)).processing_status == "canceling"
        ended = await sdk.messages.batches.retrieve(made.id)
    assert (ended.processing_status, ended.request_counts.canceled) == ("ended", 1)


@pytest.mark.asyncio
async def test_a_batch_that_is_deleted() -> None:
    """It is not found any more, and its number is not given again."""
    async with serving(TEXT) as (server, sdk):
        made = await sdk.messages.batches.create(requests=batch_of({}))
        gone = await sdk.messages.batches.delete(made.id)
        assert (gone.id, gone.type) == (made.id, "message_batch_deleted")
        with pytest.raises(anthropic.NotFoundError):
            await sdk.messages.batches.retrieve(made.id)
        await server.play(Script("Another."))
        assert (await sdk.messages.batches.create(requests=batch_of({}))).id != made.id


@pytest.mark.asyncio
async def test_results_before_the_end_and_calls_that_are_none() -> None:
    """404; and 405 for a method that a path does not have. The SDK does not even ask for results too early."""
    async with serving(Script(TEXT, batches=Batches(seconds=math.inf))) as (server, sdk), raw(server) as http:
        made = await sdk.messages.batches.create(requests=batch_of({}))
        with pytest.raises(anthropic.AnthropicError, match="in_progress"):
            await sdk.messages.batches.results(made.id)
        early = await http.get(f"/v1/messages/batches/{made.id}/results")
        assert (early.status_code, "before it has ended" in early.text) == (404, True)
        assert (await http.get("/v1/messages/batches/msgbatch_x")).status_code == 404
        assert (await http.put("/v1/messages/batches")).status_code == 405
        assert (await http.get(f"/v1/messages/batches/{made.id}/cancel")).status_code == 405
        assert (await http.get("/v1/messages/batches", headers={"x-api-key": ""})).status_code == 401


@pytest.mark.asyncio
async def test_calls_that_fail() -> None:
    """Each kind of call has steps of its own, which begin anew with another script."""
    batches = Batches(
        creates=[Status(529)],
        polls=[Status(500), Drop(at=BEFORE_RESPONSE)],
        reads=[None, Status(529)],
        cancels=[Status(503)],
    )
    async with serving(Script(TEXT, batches=batches)) as (server, sdk):
        api = sdk.messages.batches
        for _ in range(2):
            with pytest.raises(anthropic.OverloadedError):
                await api.create(requests=batch_of({}))
            made = await api.create(requests=batch_of({}))
            with pytest.raises(anthropic.InternalServerError):
                await api.retrieve(made.id)
            with pytest.raises(anthropic.APIConnectionError):
                await api.retrieve(made.id)
            assert await results_of(api, made.id)
            with pytest.raises(anthropic.OverloadedError):
                await results_of(api, made.id)
            assert await results_of(api, made.id)
            with pytest.raises(anthropic.APIStatusError, match="503"):
                await api.cancel(made.id)
            await server.play(Script(TEXT, batches=batches))
    assert len(server.batches) == 2


@pytest.mark.asyncio
async def test_a_batch_whose_creation_nobody_heard_of() -> None:
    """It is there: the response was lost, not the request."""
    async with serving(Script(TEXT, batches=Batches(creates=[Drop(at=BEFORE_RESPONSE)]))) as (server, sdk):
        with pytest.raises(anthropic.APIConnectionError):
            await sdk.messages.batches.create(requests=batch_of({}))
        assert [batch.id async for batch in sdk.messages.batches.list()] == [server.batches[0].id]


@pytest.mark.anyio
async def test_a_new_batch_is_not_found_at_once() -> None:
    """For as long as the script says."""
    async with serving(Script(TEXT, batches=Batches(unknown_for=2))) as (_, sdk):
        made = await sdk.messages.batches.create(requests=batch_of({}))
        await anyio.sleep(1.9)
        with pytest.raises(anthropic.NotFoundError):
            await sdk.messages.batches.retrieve(made.id)
        await anyio.sleep(0.1)
        assert (await sdk.messages.batches.retrieve(made.id)).id == made.id


@pytest.mark.asyncio
async def test_results_that_are_cut() -> None:
    """In the middle of a line, with an error or without; and at a line's end, where only counting lines can tell."""
    reads = [
        CutFrame(at=after_events(1)),
        CutFrame(at=after_events(1), end="drop"),
        EndOfFile(at=after_events(1)),
        Reset(at=after_events(2)),
    ]
    seen: list[tuple[int, str]] = []
    async with serving(Script(TEXT, batches=Batches(reads=reads))) as (_, sdk):
        made = await sdk.messages.batches.create(requests=batch_of({}, {}, {}))
        for _ in reads:
            lines = 0
            try:
                async for _line in await sdk.messages.batches.results(made.id):
                    lines += 1
                seen.append((lines, "no error"))
            except (json.JSONDecodeError, httpx2.TransportError) as error:
                seen.append((lines, type(error).__name__))
        assert len(await results_of(sdk.messages.batches, made.id)) == 3
    # What was sent just before a reset may or may not have been read by then.
    assert seen[:3] == [(1, "JSONDecodeError"), (1, "RemoteProtocolError"), (1, "no error")]
    assert seen[3][1] == "ReadError"


@pytest.mark.anyio
async def test_results_that_stop_coming() -> None:
    """A silence in the middle of the file holds a reader up until its own timeout."""
    async with serving(Script(TEXT, batches=Batches(reads=[Silence(at=after_events(1))])), timeout=30) as (_, sdk):
        made = await sdk.messages.batches.create(requests=batch_of({}, {}))
        with pytest.raises(httpx2.ReadTimeout):
            await results_of(sdk.messages.batches, made.id)


@pytest.mark.asyncio
async def test_results_come_in_any_order() -> None:
    """Not in that of the requests, but always the same one."""
    async with serving(TEXT) as (_, sdk):
        made = await sdk.messages.batches.create(requests=batch_of(*[{}] * 20))
        first, second = [list(await results_of(sdk.messages.batches, made.id)) for _ in range(2)]
    assert first == second != sorted(first)
    assert set(first) == {f"r{n}" for n in range(20)}


@pytest.mark.parametrize("broken", [{"polls": [Refuse(1)]}, {"creates": [[CutFrame(at=BEFORE_RESPONSE)]]}])
def test_a_script_whose_batches_cannot_be_played(broken: dict[str, Any]) -> None:
    """It is refused when it is written; so is a model's own script that names batches."""
    with pytest.raises(ValueError, match=r"\w"):
        Script(batches=Batches(**broken))
    with pytest.raises(ValueError, match="no batches"):
        Script(models={"x": Script(batches=Batches(seconds=1))})


@pytest.mark.parametrize("broken", [{"seconds": -1}, {"lifetime": math.inf}, {"unknown_for": -1}])
def test_times_that_are_none(broken: dict[str, Any]) -> None:
    """They are refused when they are written."""
    with pytest.raises(ValueError, match="expires in the end"):
        Batches(**broken)
