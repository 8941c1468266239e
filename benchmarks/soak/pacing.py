"""Sends the pieces of thousands of responses, each when it is due, from one timer."""

from __future__ import annotations

import asyncio
import heapq
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from benchmarks.soak.lags import Lags

__all__ = ["Metronome", "Paced", "close"]

#: Seconds between two looks at what is due. The clock of epoll has milliseconds, and one look for many pieces is cheap.
TICK: Final = 0.001
#: Seconds until a socket whose buffer was full is tried again.
FULL: Final = 0.01
#: SO_LINGER, on, for no time: closing sends RST.
_LINGER: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True, eq=False)
class Paced:
    """One response on its way.

    Attributes:
        sock: Where to; not blocking.
        pieces: What to send, one each time; nothing where it is empty. Each is asked for in the moment in which it
            is sent.
        every: Seconds between two of them.
        done: Called once, when the last one is sent, or when the client is found to be gone.
        due: When the next one is to be sent, in seconds of the loop's clock.
        left: What the socket did not take.
        stopped: Whether it is given up.
    """

    sock: socket.socket
    pieces: Iterator[bytes]
    every: float
    done: Callable[[], None]
    due: float = 0.0
    left: bytes = b""
    stopped: bool = False

    def stop(self) -> None:
        """Send no more of it."""
        self.stopped = True


@dataclass(slots=True)
class Metronome:
    """Sends what is due. One task for all: a timer for each piece would cost more than the pieces.

    Attributes:
        lags: How many seconds later than due the pieces were sent.
        sent: How many pieces were sent.
        full: How often a socket took no more.
    """

    lags: Lags = field(default_factory=Lags)
    sent: int = 0
    full: int = 0
    _heap: list[tuple[float, int, Paced]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _timer: asyncio.TimerHandle | None = None

    def start(self, paced: Paced) -> None:
        """Send its first piece now and the others as they fall due."""
        paced.due = asyncio.get_running_loop().time()
        self._push(paced, paced.due)
        self._look()

    def _push(self, paced: Paced, when: float) -> None:
        heapq.heappush(self._heap, (when, next(self._order), paced))

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
        data = paced.left
        if not data:
            piece = next(paced.pieces, None)
            if piece is None:
                paced.stopped = True
                paced.done()
                return
            data, late = piece, now - paced.due
            paced.due += paced.every
            if not data:
                self._push(paced, paced.due)
                return
            self.sent += 1
            self.lags.add(late)
        try:
            taken = paced.sock.send(data)
        except BlockingIOError:
            taken = 0
        except OSError:
            paced.stopped = True
            paced.done()
            return
        paced.left = data[taken:]
        self.full += bool(paced.left)
        self._push(paced, now + FULL if paced.left else paced.due)


def close(sock: socket.socket, *, reset: bool = False) -> None:
    """Close a connection: properly (TCP FIN), or with a reset (TCP RST)."""
    with suppress(OSError):
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        else:
            sock.shutdown(socket.SHUT_WR)
    sock.close()
