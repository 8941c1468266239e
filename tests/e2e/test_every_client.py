"""Clients: the default one, aiohttp, the beta API, a second client, options; and inputs that can be read once only."""

from __future__ import annotations

import base64
import copy
import io
import pickle
from pathlib import Path
from typing import Any, Final

import anthropic
import pytest
from anthropic import AsyncAnthropic

from harness import AT_ONCE, CONTINUE, PREFILL, ask, assert_unbroken, read, read_on, serving
from unbroken import Policy, Route, StreamFailed, resilient_stream
from unbroken.testing import Answer, FaultServer, Reset, Script, Status, Thinking, after_characters

pytestmark = pytest.mark.anyio

TEXT: Final = "A client is a client: what it speaks over is its own affair, and the answer is the same."
TWO_CUTS: Final = (Reset(at=after_characters(20)), Reset(at=after_characters(50)))


async def test_the_default_client_survives_two_cuts() -> None:
    """`AsyncAnthropic()` as it comes, on every event loop."""
    async with FaultServer(Script(TEXT, faults=TWO_CUTS)) as server:
        async with AsyncAnthropic(base_url=server.url, api_key="test") as client:
            assert_unbroken(await read(client), TEXT)
        await server.all_closed()
        assert len(server.requests) == 3


@pytest.mark.backends("asyncio", "uvloop")
@pytest.mark.parametrize("fault", [*TWO_CUTS, Status(529)], ids=repr)
async def test_the_aiohttp_client_survives_a_cut(fault: Any) -> None:
    """`DefaultAioHttpClient`, which runs on asyncio alone."""
    async with FaultServer(Script(TEXT, faults=[fault, fault])) as server:
        http_client = anthropic.DefaultAioHttpClient()
        async with AsyncAnthropic(base_url=server.url, api_key="test", http_client=http_client) as client:
            assert_unbroken(await read(client), TEXT)
        await server.all_closed()
        assert len(server.requests) == 3


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_the_beta_api_gives_beta_types(model: str) -> None:
    """The same over `client.beta.messages`, with its headers."""
    from anthropic.types.beta import BetaMessage, BetaRawMessageStartEvent

    async with serving(Script(TEXT, faults=TWO_CUTS)) as (server, client):
        reading = await read(client, model=model, api="beta", betas=["some-beta-2026-01-01"])
        assert reading.text == TEXT
        assert isinstance(reading.message, BetaMessage)
        assert isinstance(reading.events[0], BetaRawMessageStartEvent)
        assert all("some-beta-2026-01-01" in request.headers["anthropic-beta"] for request in server.requests)


async def test_a_route_leads_to_a_second_client() -> None:
    """The first client's server dies in the middle, and the second one's goes on in the same block."""
    answer = Answer(TEXT)
    dying = Script(answer, faults=[Reset(at=after_characters(30))], then=Status(529))
    async with serving(dying) as (first, client), serving(answer) as (second, other):
        route = Route(client=other, model=PREFILL)
        reading = await read(
            client, fallback_models=[route], policy=Policy(initial_backoff=0, max_attempts_per_route=1)
        )
        assert_unbroken(reading, TEXT)
        assert reading.message.model == CONTINUE
        assert [attempt.route for attempt in reading.report.attempts] == [0, 1]
        assert (len(first.requests), len(second.requests)) == (1, 1)


async def test_a_wrong_key_rules_out_its_own_client_only() -> None:
    """The other client has another key."""
    async with serving(Script(TEXT, then=Status(401))) as (first, client), serving(Answer(TEXT)) as (second, other):
        reading = await read(client, fallback_models=[PREFILL, Route(client=other, model=PREFILL)])
        assert_unbroken(reading, TEXT)
        assert (len(first.requests), len(second.requests)) == (1, 1)


async def test_thinking_is_left_out_when_another_model_goes_on() -> None:
    """No other model can read it."""
    answer = Answer([Thinking("A private thought."), TEXT])
    dying = Script(faults=[Reset(at=after_characters(30))], then=Status(529))
    async with serving(Script(answer, models={CONTINUE: dying})) as (server, client):
        policy = Policy(initial_backoff=0, max_attempts_per_route=1)
        reading = await read(client, fallback_models=["claude-sonnet-5-5"], policy=policy)
        assert_unbroken(reading, answer)
        assert server.requests[-1].model == "claude-sonnet-5-5"
        assert "A private thought." not in server.requests[-1].raw.decode()


async def test_a_patch_sets_and_unsets_arguments() -> None:
    """A value sets one, None unsets it, for this route alone."""
    dead = Script(then=Status(529))
    async with serving(Script(TEXT, models={CONTINUE: dead})) as (server, client):
        reading = await read(
            client,
            system="Be brief.",
            fallback_models=[{"model": PREFILL, "system": None, "metadata": {"user_id": "u"}}],
            policy=Policy(initial_backoff=0, max_attempts_per_route=1),
        )
        assert_unbroken(reading, TEXT)
        assert server.requests[0].body["system"] == "Be brief."
        assert "system" not in server.requests[1].body
        assert server.requests[1].body["metadata"] == {"user_id": "u"}
        assert "metadata" not in server.requests[0].body


async def test_the_clients_own_retries_are_not_used() -> None:
    """Retries that multiply are a storm: `max_retries=5` makes no request more."""
    async with serving(Script(TEXT, then=Status(529)), max_retries=5) as (server, client):
        with pytest.raises(StreamFailed):
            await read(client, policy=Policy(initial_backoff=0, max_attempts=2))
        assert len(server.requests) == 2
        assert client.max_retries == 5


async def test_options_of_the_client_hold_for_every_attempt() -> None:
    """`with_options`, default headers and the call's own headers."""
    async with serving(Script(TEXT, faults=TWO_CUTS), default_headers={"x-mine": "1"}) as (server, client):
        tuned = client.with_options(timeout=30, default_headers={"x-yours": "2"})
        assert_unbroken(await read(tuned, extra_headers={"x-ours": "3"}), TEXT)
        for request in server.requests:
            assert [request.headers[name] for name in ("x-mine", "x-yours", "x-ours")] == ["1", "2", "3"]


async def test_a_sync_client_is_a_type_error_at_the_call() -> None:
    """Before anything is sent."""
    with anthropic.Anthropic(api_key="test") as client, pytest.raises(TypeError, match="async client"):
        resilient_stream(client, **ask())


# -- inputs


PIXELS: Final = bytes(range(256)) * 40


def picture(data: Any) -> list[dict[str, Any]]:
    """A user turn with an image."""
    source = {"type": "base64", "media_type": "image/png", "data": data}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize("kind", ["open_file", "path", "bytes_io"])
async def test_an_image_given_as_a_file_is_sent_whole_on_the_third_attempt_too(kind: str, tmp_path: Path) -> None:
    """It is read once, on entering, and every attempt sends that copy."""
    path = tmp_path / "image.png"
    path.write_bytes(PIXELS)
    with path.open("rb") as file:
        data = {"open_file": file, "path": path, "bytes_io": io.BytesIO(PIXELS)}[kind]
        async with serving(Script(TEXT, faults=TWO_CUTS)) as (server, client):
            assert_unbroken(await read(client, messages=picture(data)), TEXT)
            assert len(server.requests) == 3
            for request in server.requests:
                sent = request.body["messages"][0]["content"][0]["source"]["data"]
                assert base64.b64decode(sent) == PIXELS


async def test_a_file_in_the_patch_of_a_route_is_sent_whole_on_every_attempt_too() -> None:
    """It is read on entering, like the others."""
    route = {"model": PREFILL, "messages": picture(io.BytesIO(PIXELS))}
    dead = Script(then=Status(529))
    async with serving(Script(TEXT, faults=TWO_CUTS, models={CONTINUE: dead})) as (server, client):
        policy = Policy(initial_backoff=0, max_attempts_per_route=1)
        assert_unbroken(await read(client, fallback_models=[route], policy=policy), TEXT)
        sent = [request.body["messages"][0]["content"] for request in server.requests if request.model == PREFILL]
        assert len(sent) == 3
        assert all(base64.b64decode(content[0]["source"]["data"]) == PIXELS for content in sent)


async def test_a_file_that_cannot_be_read_is_the_callers_error(tmp_path: Path) -> None:
    """Raised on entering, before anything is sent."""
    async with serving(TEXT) as (server, client):
        with pytest.raises(FileNotFoundError):
            await read(client, messages=picture(tmp_path / "missing.png"))
        assert not server.requests


async def test_nothing_of_the_callers_is_changed() -> None:
    """Messages, tools, system and patches are as they were, after three attempts on two routes."""
    arguments = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Tell me."}]}],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
        "stop_sequences": ["###"],
        "metadata": {"user_id": "u"},
        "fallback_models": [{"model": PREFILL, "metadata": {"user_id": "v"}}],
    }
    before = copy.deepcopy(arguments)
    async with serving(Script(TEXT, faults=[*TWO_CUTS, Status(529)])) as (_, client):
        assert_unbroken(
            await read(client, **arguments, policy=Policy(initial_backoff=0, max_attempts_per_route=1)), TEXT
        )
    assert arguments == before


async def test_messages_may_come_from_a_generator() -> None:
    """It is listed once, and every attempt sends all of it."""
    async with serving(Script(TEXT, faults=TWO_CUTS)) as (server, client):
        messages = ({"role": "user", "content": text} for text in ["Tell me."])
        assert_unbroken(await read(client, messages=messages), TEXT)
        assert all(request.body["messages"][0]["content"] == "Tell me." for request in server.requests)


async def test_the_callers_own_prefill_is_kept_apart_from_what_the_model_wrote() -> None:
    """It is joined to the partial in the resume, and is no part of the message."""
    messages = [{"role": "user", "content": "Tell me."}, {"role": "assistant", "content": TEXT[:8]}]
    async with serving(Script(Answer(TEXT), faults=TWO_CUTS)) as (server, client):
        reading = await read(client, model=PREFILL, messages=messages)
        assert_unbroken(reading, TEXT[8:])
        for request in server.requests[1:]:
            assert [turn["role"] for turn in request.body["messages"]] == ["user", "assistant"]


# -- what the stream says of itself


async def test_response_and_request_id_speak_of_the_attempt_that_feeds_the_stream() -> None:
    """They change with the resume; the message keeps the id and the model it began with."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(30))])) as (server, client):
        async with resilient_stream(client, **ask(policy=AT_ONCE)) as stream:
            assert stream.request_id == server.requests[0].id
            assert stream.response.status_code == 200
            reading = await read_on(stream)
            assert stream.request_id == stream.response.headers["request-id"] == server.requests[1].id
        assert reading.message.id == reading.events[0].message.id
        assert reading.report.request_ids == [request.id for request in server.requests]


async def test_entering_waits_for_headers_and_not_for_content() -> None:
    """`__aenter__` returns when a route has answered; `message_start` is delivered with the first content."""
    async with serving(Script(TEXT, faults=[Status(529), Status(503)])) as (server, client):
        async with resilient_stream(client, **ask()) as stream:
            assert len(server.requests) == 3
            with pytest.raises(AssertionError):
                _ = stream.current_message_snapshot
            assert_unbroken(await read_on(stream), TEXT)


async def test_a_failure_can_be_pickled() -> None:
    """Task queues send errors from process to process."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(30))], then=Status(529))) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client)
    restored = pickle.loads(pickle.dumps(caught.value))
    assert str(restored) == str(caught.value)
    assert restored.partial.text == TEXT[:30]
    assert restored.report == caught.value.report
