"""Leaving a stream over HTTP/2: at once, and the server is told. A real peer on loopback, by `h2`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import anyio.abc
import httpx2
import pytest
from anthropic import AsyncAnthropic

from harness import ask, until
from unbroken import Hedging, Policy, resilient_stream
from unbroken.engine import attempt as attempting
from unbroken.sdk.http2 import reset

h2_connection = pytest.importorskip("h2.connection", reason="the peer is made with h2")
h2_config = pytest.importorskip("h2.config")
h2_events = pytest.importorskip("h2.events")

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]


def frame(type_: str, **fields: Any) -> bytes:
    """One event of the API's."""
    return f"event: {type_}\ndata: {json.dumps({'type': type_, **fields})}\n\n".encode()


MESSAGE: Final = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
BEGIN: Final = (
    frame("message_start", message={**MESSAGE, "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}})
    + frame("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + frame("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello."})
)
END: Final = (
    frame("content_block_stop", index=0)
    + frame("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3})
    + frame("message_stop")
)


class Peer:
    """Answers each request with its headers and, but for models that are slow, with the beginning of a message.

    Attributes:
        resets: The error code of each stream that was reset.
        connections: How many were made.
    """

    def __init__(self, *, whole: bool) -> None:
        self.resets: list[int] = []
        self.connections = 0
        self._whole = whole

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        """One connection."""
        self.connections += 1
        connection = h2_connection.H2Connection(h2_config.H2Configuration(client_side=False))
        connection.initiate_connection()
        bodies: dict[int, bytes] = {}
        async with stream:
            await stream.send(connection.data_to_send())
            while True:
                try:
                    data = await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return
                for event in connection.receive_data(data):
                    self._take(connection, event, bodies)
                if out := connection.data_to_send():
                    await stream.send(out)

    def _take(self, connection: Any, event: Any, bodies: dict[int, bytes]) -> None:
        match event:
            case h2_events.StreamReset():
                self.resets.append(int(event.error_code))
            case h2_events.DataReceived():
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
            case h2_events.StreamEnded():
                headers = [(":status", "200"), ("content-type", "text/event-stream"), ("request-id", "req_1")]
                connection.send_headers(event.stream_id, headers)
                if "opus" in json.loads(bodies[event.stream_id])["model"]:
                    connection.send_data(event.stream_id, BEGIN + (END if self._whole else b""), self._whole)


@asynccontextmanager
async def peering(*, whole: bool = False) -> AsyncIterator[tuple[Peer, AsyncAnthropic]]:
    """A peer, and a client that speaks HTTP/2 with it."""
    peer = Peer(whole=whole)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, peer.serve)
        transport = httpx2.AsyncHTTPTransport(http1=False, http2=True)
        url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        http_client = httpx2.AsyncClient(transport=transport)
        async with AsyncAnthropic(base_url=url, api_key="test", http_client=http_client) as client:
            yield peer, client
        tasks.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing that waits for anything is a test that does not end."""
    monkeypatch.setattr(attempting, "_CLOSE_TIMEOUT", float("inf"))


async def test_leaving_early_waits_for_nothing_and_the_server_is_told() -> None:
    """The server is silent; the connection lives on, for others."""
    async with peering() as (peer, client):
        for _ in range(2):
            async with resilient_stream(client, **ask()) as stream:
                assert await anext(stream.text_stream) == "Hello."
        await until(lambda: len(peer.resets) == 2)
        assert peer.resets == [8, 8]  # CANCEL
        assert peer.connections == 1


async def test_an_answer_that_ended_is_not_reset() -> None:
    """There is nothing to be told."""
    async with peering(whole=True) as (peer, client):
        async with resilient_stream(client, **ask()) as stream:
            assert await stream.get_final_text() == "Hello."
            assert not await reset(stream.response)
        async with resilient_stream(client, **ask()) as stream:
            await stream.until_done()
        assert peer.resets == []


async def test_the_loser_of_a_race_is_told() -> None:
    """It has answered with headers, and nothing more."""
    async with peering() as (peer, client):
        changes: dict[str, Any] = {"model": "claude-haiku-4-5", "fallback_models": ["claude-opus-5-5"]}
        policy = Policy(hedging=Hedging(delay=0.2))
        async with resilient_stream(client, **ask(**changes, policy=policy)) as stream:
            assert await anext(stream.text_stream) == "Hello."
            await until(lambda: len(peer.resets) == 1)


async def test_another_transport_has_nothing_to_reset() -> None:
    """Nor one whose private names have changed."""
    assert not await reset(httpx2.Response(200))
    assert not await reset(httpx2.Response(200, extensions={"http_version": b"HTTP/2"}))
