"""One request in the Message Batches API: created, waited for, fetched."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, Final

import anthropic
import anyio
import httpx2
import pytest
from anthropic import AsyncAnthropic, AsyncAnthropicBedrock, AsyncAnthropicFoundry, AsyncAnthropicVertex
from anthropic.types.messages import MessageBatch
from pydantic import BaseModel

from harness import CONTINUE, serving
from unbroken import Policy
from unbroken.batches.calls import answer, batches_of, create, failure_of, has_batches, supported_arguments, with_schema
from unbroken.core.failure import Kind
from unbroken.testing import (
    BEFORE_RESPONSE,
    Batches,
    CutFrame,
    Drop,
    EndOfFile,
    FaultServer,
    Script,
    Silence,
    Status,
    after_events,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

ASK: Final[dict[str, Any]] = {
    "model": CONTINUE,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi."}],
}
DATELESS: Final = b'{"id": "msgbatch_1", "created_at": "soon", "expires_at": "soon", "processing_status": "ended"}'
SLOWLY: Final = Status(429, headers={"retry-after": "50"})


async def made(client: Any, **policy: Any) -> MessageBatch:
    """A batch of one request."""
    return await create(client, "messages", ASK, "mine", Policy(**{"initial_backoff": 1, **policy}))


def polls(server: FaultServer) -> list[float]:
    """When the batch was looked at, in seconds after its creation."""
    created = server.batches[0].created_at
    return [request.arrived_at - created for request in server.requests if request.path.endswith("00000001")]


# -- whose batches


def test_clients_without_batches_are_told_in_one_sentence() -> None:
    """What has none by its SDK, what only looks as if it had, what is not async, and what is no client."""
    bedrock = AsyncAnthropicBedrock(aws_region="x", aws_access_key="a", aws_secret_key="b")
    vertex = AsyncAnthropicVertex(region="x", project_id="p", access_token="t")
    foundry = AsyncAnthropicFoundry(resource="x", api_key="k")
    for client in (bedrock, vertex, foundry, object()):
        with pytest.raises(TypeError, match=f"{type(client).__name__} has no message batches"):
            batches_of(client, "messages")
        assert not has_batches(client, "messages")
    with pytest.raises(TypeError, match="async client"):
        batches_of(anthropic.Anthropic(api_key="k"), "messages")


# -- creating one


async def test_creating_is_tried_again_where_that_may_help() -> None:
    """529, 5xx, 429 and lost connections; each time under the same name."""
    creates = [Status(529), Status(500), Status(429), Drop(at=BEFORE_RESPONSE), Drop(at=after_events(0))]
    async with serving(Script("Hi.", batches=Batches(creates=creates))) as (server, client):
        batch = await made(client)
        names = [request.body["requests"][0]["custom_id"] for request in server.requests]
        assert names == ["mine"] * 6
        assert len(server.batches) == 3, "those whose answer was lost are there all the same"
        assert batch.id == server.batches[-1].id


class Gateway:
    """Answers with something else than the API does."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.messages = self.batches = self

    async def create(self, **_: Any) -> Any:
        """The next answer."""
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_what_is_no_batch_is_asked_for_again() -> None:
    """A page of HTML, JSON of another kind or none; at last it is an error of the API's."""
    nonsense = [anthropic.BaseModel.construct(id=1), "<html>", json.JSONDecodeError("no", "", 0)]
    with pytest.raises(anthropic.APIError, match="no message batch") as caught:
        await made(Gateway(*nonsense), max_attempts=3)
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)


async def test_creating_is_tried_as_often_as_the_policy_says() -> None:
    """Then comes what the API said last."""
    async with serving(Script("Hi.", batches=Batches(creates=[Status(529)] * 9))) as (server, client):
        with pytest.raises(anthropic.APIStatusError, match="529"):
            await made(client, max_attempts=3)
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 413])
async def test_what_no_retry_mends_is_raised_at_once(status: int) -> None:
    async with serving(Script("Hi.", batches=Batches(creates=[Status(status)]))) as (server, client):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await made(client)
        assert caught.value.status_code == status
        assert len(server.requests) == 1


async def test_a_server_that_asks_to_wait_is_waited_for_up_to_the_policys_limit() -> None:
    async with serving(Script("Hi.", batches=Batches(creates=[SLOWLY, SLOWLY]))) as (_, client):
        started = anyio.current_time()
        await made(client, initial_backoff=0)
        assert anyio.current_time() - started == pytest.approx(100, abs=1)
    async with serving(Script("Hi.", batches=Batches(creates=[SLOWLY]))) as (_, client):
        with pytest.raises(anthropic.RateLimitError):
            await made(client, max_retry_after=49)


async def test_the_retries_of_the_client_do_not_multiply() -> None:
    async with serving(Script("Hi.", batches=Batches(creates=[Status(529)] * 9)), max_retries=5) as (server, client):
        with pytest.raises(anthropic.APIStatusError, match="529"):
            await made(client, max_attempts=2)
        assert len(server.requests) == 2


# -- waiting


async def test_it_is_looked_at_less_and_less_often() -> None:
    """At first after a second, at last once a minute; never in step with others."""
    async with serving(Script("Hi.", batches=Batches(seconds=3600))) as (server, client):
        seen: list[str] = []
        batch = await made(client)
        answered = await answer(client, "messages", batch.id, "mine", {}, lambda b: seen.append(b.processing_status))
        assert answered.result is not None
        assert answered.result["type"] == "succeeded"
        assert (answered.request_id or "").startswith("req_")
        times = polls(server)
        waits = [later - earlier for earlier, later in pairwise(times[:-1])]  # the SDK looks once more by itself
        assert 0.5 <= waits[0] <= 1
        assert all(30 <= wait <= 61 for wait in waits[20:])
        assert len(set(waits)) > len(waits) // 2
        assert set(seen) == {"in_progress", "ended"}


async def test_whatever_goes_wrong_meanwhile_is_waited_over() -> None:
    """Outages, rate limits, connections that break, a batch that is not found at first; results that are cut."""
    looks = [Status(529), Status(500), Drop(at=BEFORE_RESPONSE), SLOWLY, Drop(at=after_events(0)), Status(408)]
    cuts = [CutFrame(at=after_events(0), end=end) for end in ("eof", "drop", "reset")]
    reads = [Status(503), *cuts, EndOfFile(at=after_events(0)), SLOWLY, Silence(at=after_events(0))]
    script = Script("Hi.", batches=Batches(seconds=60, unknown_for=10, polls=looks, reads=reads))
    async with serving(script) as (server, client):
        batch = await made(client)
        answered = await answer(client, "messages", batch.id, "mine", {})
        assert answered.result is not None
        times = polls(server)
        assert any(later - earlier > 49 for earlier, later in pairwise(times))


@pytest.mark.parametrize("status", [401, 403, 400])
async def test_what_will_not_pass_is_raised(status: int) -> None:
    async with serving(Script("Hi.", batches=Batches(polls=[Status(status)]))) as (_, client):
        batch = await made(client)
        with pytest.raises(anthropic.APIStatusError) as caught:
            await answer(client, "messages", batch.id, "mine", {})
        assert caught.value.status_code == status


async def test_a_batch_that_is_not_there_is_raised_after_a_minute() -> None:
    async with serving("Hi.") as (_, client):
        started = anyio.current_time()
        with pytest.raises(anthropic.NotFoundError):
            await answer(client, "messages", "msgbatch_none", "mine", {})
        assert 60 <= anyio.current_time() - started < 150


@pytest.mark.parametrize("body", [b'{"id": "\xff"}', b"[" * 100_000, b"", b"null", DATELESS])
async def test_what_cannot_be_read_is_asked_for_again(body: bytes) -> None:
    """A body in another encoding, and one that nobody could decode, are no end of the wait."""
    looks = iter([body, body])

    def look(request: httpx2.Request) -> httpx2.Response:
        content = next(looks, None)
        if content is not None:
            return httpx2.Response(200, content=content, headers={"content-type": "application/json"})
        return httpx2.Response(401, json={"type": "error", "error": {"type": "authentication_error"}})

    async with AsyncAnthropic(
        api_key="test", base_url="http://api", http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(look))
    ) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await answer(client, "messages", "msgbatch_1", "mine", {})
    assert next(looks, None) is None


async def test_a_client_that_cannot_ask_is_not_waited_for() -> None:
    """It was closed, or its address is none: that does not pass in a day."""
    async with serving("Hi.") as (server, client):
        batch = await made(client)
        nowhere = client.with_options(base_url="nowhere://api")
        with pytest.raises(anthropic.APIConnectionError):
            await answer(nowhere, "messages", batch.id, "mine", {})
        await client.close()
        started = anyio.current_time()
        with pytest.raises(anthropic.APIConnectionError):
            await answer(client, "messages", batch.id, "mine", {})
        assert anyio.current_time() - started < 60
        assert polls(server) == []


async def test_a_server_that_says_nothing_is_not_waited_for_long() -> None:
    """Ten minutes for each try is the SDK's; who has given a time knows better."""
    for arguments, seconds in (({}, 7.0), ({"timeout": 20}, 20.0)):
        async with serving(Script("Hi.", batches=Batches(creates=[Silence()]))) as (_, client):
            started = anyio.current_time()
            policy = Policy(idle_timeout=7, max_attempts=1)
            with pytest.raises(anthropic.APITimeoutError):
                await create(client, "messages", {**ASK, **arguments}, "mine", policy)
            assert anyio.current_time() - started == pytest.approx(seconds, abs=0.1)


async def test_results_that_are_gone_or_never_to_be_read() -> None:
    """After 29 days there are none; and a file that has nothing of ours is not read for ever."""
    async with serving("Hi.") as (server, client):
        batch = await made(client)
        answered = await answer(client, "messages", batch.id, "another", {})
        assert answered.result is None
        assert sum(request.path.endswith("/results") for request in server.requests) == 8
        await anyio.sleep(30 * 86_400)
        answered = await answer(client, "messages", batch.id, "mine", {})
        assert answered.result is None
        assert answered.batch.archived_at is not None


async def test_the_beta_has_its_own_call() -> None:
    """With the betas in each of its headers."""
    async with serving("Hi.") as (server, client):
        request = {**ASK, "betas": ["files-api-2025-04-14"]}
        batch = await create(client, "beta", request, "mine", Policy())
        answered = await answer(client, "beta", batch.id, "mine", {"betas": ["files-api-2025-04-14"]})
        assert answered.result is not None
        sent = [each.headers.get("anthropic-beta", "") for each in server.requests]
        assert "files-api-2025-04-14" in sent[0]
        assert "betas" not in server.batches[0].requests[0].params


# -- small parts


class Weather(BaseModel):
    celsius: float


def test_the_schema_of_a_type_goes_where_the_sdk_puts_it() -> None:
    """Beside what the caller's `output_config` says."""
    request = with_schema({"output_format": Weather, "output_config": {"effort": "low"}})
    assert request["output_config"]["effort"] == "low"
    assert request["output_config"]["format"]["type"] == "json_schema"
    assert "celsius" in request["output_config"]["format"]["schema"]["properties"]
    assert "output_format" not in request
    assert with_schema({"model": "m", "output_format": None}) == {"model": "m"}


def test_what_a_call_does_not_take_is_kept_from_it() -> None:
    """SDK 1.0 takes less."""

    class Call:
        def retrieve(self, id: str, *, betas: object = None) -> None:
            """Takes betas."""

    assert supported_arguments(Call().retrieve, {"betas": ["b"], "workspace_id": "w"}) == {"betas": ["b"]}


def test_an_error_of_the_sdk_is_classified() -> None:
    """With a status or without one, or with nothing at all."""
    request = httpx2.Request("GET", "/")
    assert failure_of(anthropic.APIConnectionError(request=request)).kind is Kind.CONNECTION
    assert failure_of(anthropic.APIError("?", request, body=None)).kind is Kind.MALFORMED
