"""`unbroken host`: a process that writes the streams of a journal which nobody writes, until it is told to leave."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import anyio

from ..api.host import StreamHost
from ..durable.claim import LEASE
from ..durable.writer import Writer
from ..journal import Journal, JournalError
from .chat import client_for
from .host_view import HostView
from .journals import Place
from .problems import Problem

__all__ = ["Hosting", "host"]

#: How often the live view is drawn, in seconds.
_FRAME: Final = 0.25
#: How often it is asked how many streams wait, in frames.
_FRAMES: Final = 4
#: The most waiting streams that are counted.
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """What the command line said.

    Attributes:
        place: The journal.
        fallbacks: Where to go when a stream's model does not answer.
        base_url: Another address of the API; None: the SDK's.
        max_streams: The most streams that are written at a time; None: any number.
        lease: Seconds after which a stream is taken from a writer without a sign of life; None: the default.
        grace: Seconds that leaving waits for what is written.
        plain: Whether there are lines also in a terminal.
    """

    place: Place
    fallbacks: tuple[str, ...] = ()
    base_url: str | None = None
    max_streams: int | None = None
    lease: float | None = None
    grace: float = 0.0
    plain: bool = False


async def host(hosting: Hosting) -> bool:
    """Write streams until SIGTERM or SIGINT comes, and leave what is unfinished to others.

    Returns:
        Whether it was told by SIGTERM, which is no interruption.

    Raises:
        Problem: There is no key, or what was said is out of range.
        JournalError: The journal cannot be opened.
    """
    view = HostView(plain=hosting.plain)
    async with client_for(hosting.base_url) as client:
        try:
            journal = hosting.place.journal(make=True)
            watched = _Watched(view, journal, client, hosting)
        except ValueError as error:
            raise Problem(str(error)) from None
        async with journal:
            async with watched:
                told = await _until_told(view, watched, journal, str(hosting.place))
                view.leave(watched.streams, hosting.grace)
            view.end()
    return told == signal.SIGTERM


class _Watched(StreamHost):
    """A host, of whose streams a view is told."""

    def __init__(self, view: HostView, journal: Journal, client: Any, hosting: Hosting) -> None:
        super().__init__(
            journal,
            client,
            fallback_models=hosting.fallbacks,
            max_streams=hosting.max_streams,
            lease=LEASE if hosting.lease is None else hosting.lease,
            grace=hosting.grace,
        )
        self._view = view

    def _note(self, writer: Writer) -> None:
        self._view.note(writer)


async def _until_told(view: HostView, host: StreamHost, journal: Journal, place: str) -> int:
    """Show what goes on until a signal comes; which one. The next one finds its usual effect again."""
    if sys.platform == "win32":
        view.begin(place)
        with view:
            await _draw(view, host, journal)
    # Not before the host has begun: until then, there is nothing to be left to others.
    with view, anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        view.begin(place)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_draw, view, host, journal)
            told = await anext(signals)
            tasks.cancel_scope.cancel()
    return told


async def _draw(view: HostView, host: StreamHost, journal: Journal) -> None:
    """Draw the live view, for ever."""
    frame, waiting = 0, 0
    while True:
        if view.is_live:
            if frame % _FRAMES == 0:
                with suppress(JournalError):
                    waiting = max(0, len(await journal.orphans(_MOST)) - host.streams)
            view.draw(waiting)
            frame += 1
        await anyio.sleep(_FRAME)
