"""One response to one client, who may leave, stall, or ask for what is not there."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from tests.web.fakes import Client, FakeStream
from tests.web.golden import WIRES
from tests.web.messages import STREAMS

from unbroken.web import BrokenOff, StreamApp

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual", "asyncio")]

TEXT = STREAMS["text"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fails", [False, True])
async def test_a_client_that_leaves(wire: Any, fails: bool) -> None:
    """The response ends quietly, and reading with it; whether the server says so when asked, or when sent to."""
    stream, client = FakeStream(TEXT, live=5), Client(leaves_after=2, fails=fails)
    await client.get(StreamApp(stream, wire))
    assert not client.is_complete
    assert (stream.closed, stream.readers) == (1, 0)


async def test_a_client_of_a_server_that_says_nothing() -> None:
    """Some say that a client is gone only by what `send` raises."""
    stream, client = FakeStream(TEXT), Client(leaves_after=1, fails=True)
    app = StreamApp(stream)

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, anyio.sleep_forever, send)

    await client.get(deaf)
    assert (stream.closed, stream.readers) == (1, 0)


async def test_a_client_that_leaves_before_anything_was_sent() -> None:
    """Nothing is sent then."""
    stream, client = FakeStream(TEXT, live=0), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(stream))
        await anyio.wait_all_tasks_blocked()
        client.leave()
    assert client.messages == []
    assert (stream.closed, stream.readers) == (1, 0)


async def test_a_request_with_a_body() -> None:
    """The AI SDK posts; what is left of that is read, and is no sign of leaving."""
    stream, client = FakeStream(TEXT), Client()
    pieces = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.request", "body": b"}"}]
    await client.get(StreamApp(stream, "ui-message"), method="POST", requests=pieces)
    assert client.is_complete


@pytest.mark.backends("virtual")
@pytest.mark.parametrize("wire", WIRES)
async def test_a_client_that_takes_nothing_is_dropped(wire: Any) -> None:
    """After its time; meanwhile a few events are held, and nobody waits for it."""
    stream, client, began = FakeStream(TEXT), Client(stalls_after=1), anyio.current_time()
    with pytest.raises(BrokenOff, match="taken nothing for 5 seconds"):
        await client.get(StreamApp(stream, wire, send_timeout=5))
    assert anyio.current_time() - began == pytest.approx(5)
    assert (stream.closed, stream.readers) == (1, 0)
    assert not client.is_complete


async def test_a_server_that_cancels() -> None:
    """As Hypercorn does when its grace is over: the body is not ended, and the stream is closed."""
    stream, client = FakeStream(TEXT, live=5), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, StreamApp(stream))
        await client.until(lambda: b"lighthouse" in client.body)
        tasks.cancel_scope.cancel()
    assert not client.is_complete
    assert (stream.closed, stream.readers) == (1, 0)


@pytest.mark.backends("virtual")
async def test_closing_takes_its_time_and_no_more() -> None:
    """A stream that does not close keeps no response."""

    class Stuck(FakeStream):
        async def close(self) -> None:
            await anyio.sleep_forever()

    client, began = Client(), anyio.current_time()
    await client.get(StreamApp(Stuck(TEXT)))
    assert client.is_complete
    assert anyio.current_time() - began == pytest.approx(10)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"wire": "json"}, "wire must be one of anthropic, text, ui-message, not 'json'"),
        ({"ping": 0}, "ping must be a positive number of seconds, not 0"),
        ({"send_timeout": -1.0}, "send_timeout must be a positive number of seconds"),
        ({"retry": float("nan")}, "retry must be a positive number of seconds"),
    ],
)
def test_arguments_that_are_none(arguments: dict[str, Any], said: str) -> None:
    """They are refused at once."""
    with pytest.raises(ValueError, match=said):
        StreamApp(FakeStream(TEXT), **arguments)
