"""Follows what other processes write, for all who wait for it in this one: one question at a time to the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import anyio
import anyio.lowlevel

from ..concurrency.detached import detach
from ..journal import Journal, JournalUnavailable
from .channel import Channel
from .entries import decoded

__all__ = ["Tail"]

#: The longest that one question for news may take, in seconds: what was missed by a fault is seen then.
_WAIT: Final = 1.0
#: How much longer it may take to be answered, in seconds; then the journal is taken to be away.
_LATE: Final = 5.0
#: Between tries where the journal is away, in seconds.
_PAUSE: Final = 0.1


class Tail:
    """Runs while somebody watches.

    Args:
        journal: What is asked.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._watched: dict[str, Channel] = {}
        self._watchers: Counter[str] = Counter()
        self._runs = False
        self._asked: Mapping[str, int] = {}
        self._asking: anyio.CancelScope | None = None

    @contextmanager
    def watching(self, channel: Channel) -> Iterator[None]:
        """While this is open, what others write of the stream is published to its channel."""
        stream_id = channel.stream_id
        if stream_id not in self._watched:
            self._watched[stream_id] = channel
            channel.follows()
        self._watchers[stream_id] += 1
        if not self._runs:
            self._runs = True
            detach(self._run)
        elif self._asking is not None and stream_id not in self._asked:
            self._asking.cancel()
        try:
            yield
        finally:
            self._watchers[stream_id] -= 1
            if not self._watchers[stream_id]:
                del self._watchers[stream_id], self._watched[stream_id]

    async def _run(self) -> None:
        away_since: float | None = None
        try:
            while self._watched:
                channels, asked_at = list(self._watched.values()), anyio.current_time()
                try:
                    for channel in await self._news(channels):
                        await self._fetch(channel)
                except Exception as error:
                    away_since = asked_at if away_since is None else away_since
                    for channel in channels:
                        channel.fail(error, away_since if isinstance(error, JournalUnavailable) else None)
                    await anyio.sleep(_PAUSE)
                else:
                    away_since = None
                    for channel in channels:
                        if isinstance(channel.error, JournalUnavailable):
                            channel.follows()
                    # A journal that answers at once lets nobody in otherwise.
                    await anyio.lowlevel.checkpoint()
        finally:
            self._runs = False

    async def _news(self, channels: Collection[Channel]) -> list[Channel]:
        """Those of which there may be something new; none where others are to be asked for, too."""
        # What this process writes itself needs no asking.
        self._asked = {channel.stream_id: channel.head for channel in channels if not channel.written_here}
        found: Collection[str] | None = ()
        with anyio.CancelScope() as self._asking:
            try:
                with anyio.fail_after(_WAIT + _LATE):
                    if self._asked:
                        found = await self._journal.wait(self._asked, _WAIT)
                    else:
                        await anyio.sleep(_WAIT)
            except TimeoutError:
                raise JournalUnavailable("the journal does not answer") from None
            finally:
                asked, self._asked, self._asking = self._asked, {}, None
        news = asked if found is None else found
        return [channel for channel in channels if channel.stream_id in news]

    async def _fetch(self, channel: Channel) -> None:
        """What is new of one stream. What cannot be read is told to its own readers alone."""
        stream_id, after = channel.stream_id, channel.head
        try:
            with anyio.fail_after(_LATE):
                batch = await self._journal.read(stream_id, after=after)
        except TimeoutError:
            raise JournalUnavailable("the journal does not answer") from None
        if batch is None or not channel.saw(batch.state) or (batch.state.head < after and not channel.written_here):
            # Its readers look for themselves, and see it.
            channel.forget()
            return
        try:
            channel.publish(decoded(batch, self._journal.codec))
        except Exception as error:
            channel.fail(error, None)
            await anyio.sleep(_PAUSE)
