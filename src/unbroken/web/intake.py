"""Reads a stream in a task of its own, so that whoever sends it on can wait for it for a time only.

A read that is cancelled is lost, with all that it would have brought. So it is the waiting for it that is given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

import anyio

from ..core.wire.decoded import Event
from .reader import EntryStream

__all__ = ["Intake"]

#: How many events are read ahead of what is sent. Behind a client that is slow, reading waits.
_AHEAD: Final = 64


class Intake:
    """The entries of one stream, for one reader.

    Attributes:
        error: What reading ended with; None: the stream has ended as complete, or reading has not ended.
    """

    def __init__(self, stream: EntryStream) -> None:
        self.error: Exception | None = None
        self._stream = stream
        self._has_ended = False
        self._read: deque[tuple[str, Event]] = deque()
        self._news = anyio.Event()
        self._room = anyio.Event()

    async def run(self) -> None:
        """Read to the end."""
        entries = self._stream.entries
        try:
            await self._read_all(entries)
        except Exception as error:
            self.error = error
        finally:
            if (aclose := getattr(entries, "aclose", None)) is not None:
                with anyio.CancelScope(shield=True):
                    await aclose()
        self._has_ended = True
        self._news.set()

    async def _read_all(self, entries: AsyncIterator[tuple[str, Event]]) -> None:
        async for entry in entries:
            self._read.append(entry)
            self._news.set()
            if len(self._read) >= _AHEAD:
                self._room = anyio.Event()
                await self._room.wait()

    async def take(self, seconds: float) -> Sequence[tuple[str, Event]]:
        """What has been read since the last time, as soon as there is anything; nothing, if that takes longer."""
        if not self._read and not self._has_ended:
            self._news = anyio.Event()
            with anyio.move_on_after(seconds):
                await self._news.wait()
        taken = tuple(self._read)
        self._read.clear()
        self._room.set()
        return taken

    @property
    def is_over(self) -> bool:
        """Whether all has been taken, and there will be no more."""
        return self._has_ended and not self._read
