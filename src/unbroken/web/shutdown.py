"""Hears that the server is shutting down, while it still waits for responses to end.

ASGI has no word for it: an application is told when all connections are closed, and Uvicorn closes a connection when
its response has ended. A response that lasts as long as an answer would keep the worker from leaving, and other workers
from taking its streams over. Uvicorn's own handler of SIGTERM says when to go; other servers cancel responses by
themselves when their grace is over.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import anyio
from anyio.lowlevel import RunVar

from ..concurrency.detached import detach

__all__ = ["at_shutdown"]

#: How often the server is looked at, in seconds, for all responses together; Uvicorn itself looks as often.
_POLL: Final = 0.1


class _Watch:
    """Looks at the server while any response is open."""

    def __init__(self) -> None:
        self.stops: set[Callable[[], None]] = set()
        self.is_running = False

    async def run(self) -> None:
        try:
            while self.stops:
                if (server := _uvicorn()) is not None and server.should_exit:
                    for stop in list(self.stops):
                        stop()
                await anyio.sleep(_POLL)
        finally:
            self.is_running = False


_WATCHES: Final[RunVar[_Watch]] = RunVar("unbroken.web.shutdown")


@contextmanager
def at_shutdown(stop: Callable[[], None]) -> Iterator[None]:
    """While this is open, `stop` is called when the server is shutting down; perhaps more than once."""
    if _uvicorn() is None:
        yield
        return
    try:
        watch = _WATCHES.get()
    except LookupError:
        watch = _Watch()
        _WATCHES.set(watch)
    watch.stops.add(stop)
    if not watch.is_running:
        watch.is_running = True
        detach(watch.run)
    try:
        yield
    finally:
        watch.stops.discard(stop)


def _uvicorn() -> Any:
    """The Uvicorn server that runs this process; None: another does, or none that takes signals."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return server if isinstance(getattr(server, "should_exit", None), bool) else None
