"""Reads what others write of the streams that somebody in this process waits for: one tail for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import anyio
import anyio.lowlevel

from ..journal import Journal, JournalUnavailable
from .channel import Channel
from .questions import STOOD_STILL

__all__ = ["Tail"]

#: The longest that one question for news may take, in seconds: what was missed by a fault is seen then.
_WAIT: Final = 1.0
#: How much longer it may take to be answered, in seconds; then the journal is taken to be away.
_LATE: Final = 5.0
#: Between tries where the journal is away, in seconds.
_PAUSE: Final = 0.1


class Tail:
    """The tail of one journal.

    Args:
        journal: Where streams are.
        fetch: Publishes to a channel what the journal has behind it. Raises `JournalError`.
    """

    def __init__(self, journal: Journal, fetch: Callable[[Channel], Awaitable[None]]) -> None:
        self._journal = journal
        self._fetch = fetch
        self._watched: dict[Channel, int] = {}
        self._asking: Mapping[str, int] = {}
        self._waiting: anyio.CancelScope | None = None
        self._stood_still = False  # when it was asked last

    @contextmanager
    def watching(self, channel: Channel) -> Iterator[None]:
        """While this is open, and `run` runs, what others write of the stream is published to its channel."""
        self._watched[channel] = self._watched.get(channel, 0) + 1
        # Who has read what there was comes back for more, and is mostly waited for still.
        asked = self._asking.get(channel.stream_id)
        if self._waiting is not None and (asked is None or asked > channel.head):
            self._waiting.cancel()
        try:
            yield
        finally:
            self._watched[channel] -= 1
            if not self._watched[channel]:
                del self._watched[channel]

    async def run(self) -> None:
        """Read, as long as anybody waits."""
        while self._watched:
            channels = [channel for channel in self._watched if not (channel.written_here or channel.gone)]
            began = anyio.current_time()
            try:
                news = await self._news({channel.stream_id: channel.head for channel in channels})
                for channel in channels:
                    if channel.stream_id not in news or await self._brings(channel, began):
                        channel.is_back()
                # A journal that has what was asked for need not wait; those who want to read it have to get their turn.
                await anyio.lowlevel.checkpoint()
            except Exception as error:  # of a journal of one's own, too: nobody may wait for what will not come
                for channel in channels:
                    channel.is_away(error, began)
                await anyio.sleep(_PAUSE)

    async def _brings(self, channel: Channel, began: float) -> bool:
        """Fetch what is new of one stream. What cannot be read of it concerns its own readers alone."""
        try:
            await self._fetch(channel)
        except JournalUnavailable:
            raise
        except Exception as error:
            channel.is_away(error, began)
            await anyio.sleep(_PAUSE)
            return False
        return True

    async def _news(self, after: Mapping[str, int]) -> Sequence[str]:
        news: Sequence[str] = ()
        self._asking = after
        late = anyio.current_time() + _WAIT + _LATE + STOOD_STILL
        try:
            with anyio.CancelScope() as self._waiting:
                if after:
                    with anyio.fail_after(_WAIT + _LATE):
                        found = await self._journal.wait(after, _WAIT)
                    news = list(after) if found is None else list(found)  # type: ignore[redundant-expr]
                else:
                    await anyio.sleep(_WAIT)
        except TimeoutError:
            if not self._has_stood_still(late):
                raise JournalUnavailable("the journal does not answer") from None
        except JournalUnavailable:
            if not self._has_stood_still(late):
                raise
        else:
            self._stood_still = False
        finally:
            self._waiting, self._asking = None, {}
        return news

    def _has_stood_still(self, late: float) -> bool:
        """Whether it is this process that has done nothing, until now, when it is too late: so it can be once."""
        stood_still, self._stood_still = self._stood_still, anyio.current_time() >= late
        return self._stood_still and not stood_still
