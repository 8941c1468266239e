"""A server that shuts down while responses are open."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import anyio
import pytest
from tests.web.fakes import Client, FakeStream
from tests.web.messages import STREAMS

from unbroken.web import BrokenOff, StreamApp
from unbroken.web.shutdown import at_shutdown

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual", "asyncio")]


class Server:
    """What Uvicorn has: a flag, and a handler of signals that sets it."""

    should_exit = False

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """SIGTERM goes there."""
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def server() -> Iterator[Server]:
    """One that runs this process."""
    server = Server()
    with handled(server.handle_exit):
        yield server


async def test_every_response_is_told(server: Server) -> None:
    """Once the server has its signal; one that is over is not."""
    told = {name: anyio.Event() for name in ("a", "b")}

    async def respond(name: str) -> None:
        with at_shutdown(told[name].set):
            await told[name].wait()

    async with anyio.create_task_group() as tasks:
        for name in told:
            tasks.start_soon(respond, name)
        with at_shutdown(lambda: pytest.fail("it is over")):
            await anyio.lowlevel.checkpoint()
        server.should_exit = True
        with anyio.fail_after(60):
            for each in told.values():
                await each.wait()


async def test_a_body_is_broken_off(server: Server) -> None:
    """So that its reader goes to another worker, and this one can leave."""
    stream, client = FakeStream(STREAMS["text"], live=5), Client()
    with pytest.raises(ExceptionGroup) as caught:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, StreamApp(stream))
            await client.until(lambda: b"lighthouse" in client.body)
            server.should_exit = True
    (error,) = caught.value.exceptions
    assert isinstance(error, BrokenOff)
    assert not client.is_complete
    assert (stream.closed, stream.readers) == (1, 0)


async def test_a_body_that_was_not_begun_is_begun_and_broken_off(server: Server) -> None:
    """A browser comes back to that, and not after an error's status."""
    client = Client()
    server.should_exit = True
    with pytest.raises(BrokenOff):
        await client.get(StreamApp(FakeStream(STREAMS["text"], live=0)))
    assert (client.status, client.is_complete) == (200, False)


async def test_another_server_says_nothing() -> None:
    """Whatever its handler is."""

    class Other:
        should_exit = "no"

        def handle(self, number: int, frame: FrameType | None) -> None:
            raise NotImplementedError

    for handler in (Other().handle, lambda number, frame: None):
        with handled(handler), at_shutdown(lambda: pytest.fail("it was told")):
            await anyio.sleep(0.3)


async def test_who_looks_stops_when_nobody_is_left(server: Server) -> None:
    """And begins again with the next response."""
    for _ in range(2):
        told = anyio.Event()
        with at_shutdown(told.set):
            server.should_exit = True
            with anyio.fail_after(60):
                await told.wait()
        server.should_exit = False
        await anyio.sleep(0.3)
