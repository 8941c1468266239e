"""Sends the pieces of thousands of responses, each when it is due, from one timer."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from benchmarks.lags import Lags

__all__ = ["Metronome", "Paced"]

#: Seconds between two looks at what is due. The clock of epoll has milliseconds, and one look for many pieces is cheap.
TICK: Final = 0.001


@dataclass(slots=True, eq=False)
class Paced:
    """One response on its way.

    Attributes:
        pieces: What to send, one each time; nothing where it is empty. Each is asked for in the moment in which it
            is sent.
        every: Seconds between two of them.
        write: Sends one.
        done: Called once, when the last one is sent.
        due: When the next one is to be sent, in seconds of the loop's clock.
        full: Whether the connection takes no more for now: whoever clears it tells `Metronome.again`.
        stopped: Whether there is nothing more to send.
    """

    pieces: Iterator[bytes]
    every: float
    write: Callable[[bytes], object]
    done: Callable[[], object]
    due: float = 0.0
    full: bool = False
    stopped: bool = False


@dataclass(slots=True)
class Metronome:
    """Sends what is due. One task for all: a timer for each piece would cost more than the pieces.

    Attributes:
        lags: How many seconds later than due the pieces were sent.
        sent: How many pieces were sent.
    """

    lags: Lags = field(default_factory=Lags)
    sent: int = 0
    _heap: list[tuple[float, int, Paced]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _timer: asyncio.TimerHandle | None = None

    def start(self, paced: Paced) -> None:
        """Send its first piece now and the others as they fall due."""
        paced.due = asyncio.get_running_loop().time()
        self.again(paced)

    def again(self, paced: Paced) -> None:
        """Go on with what was full."""
        self._push(paced)
        self._look()

    def _push(self, paced: Paced) -> None:
        heapq.heappush(self._heap, (paced.due, next(self._order), paced))

    def _look(self) -> None:
        """Send all that is due, and come again for the next."""
        loop = asyncio.get_running_loop()
        heap = self._heap
        now = loop.time()
        while heap and heap[0][0] <= now:
            paced = heapq.heappop(heap)[2]
            if not paced.stopped:
                self._send(paced, loop.time())
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(max(heap[0][0], now + TICK), self._look) if heap else None

    def _send(self, paced: Paced, now: float) -> None:
        piece = next(paced.pieces, None)
        if piece is None:
            paced.stopped = True
            paced.done()
            return
        if piece:
            self.sent += 1
            self.lags.add(now - paced.due)
            paced.write(piece)
        paced.due += paced.every
        if not paced.full:
            self._push(paced)
