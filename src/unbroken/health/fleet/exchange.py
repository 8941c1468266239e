"""The exchange with the fleet, through Redis: in a task of its own, for which nobody waits."""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib import resources
from threading import Lock
from typing import Any, Final

import anyio

from ...concurrency.detached import Abandoned, Step, call_soon, detach, wakeups
from ...journal.errors import JournalError
from ...journal.redis.address import Address
from ...journal.redis.link import Link
from ...logs import log
from .board import Board

__all__ = ["Exchange"]

#: Seconds between two exchanges when there is no news: less than a second, so that no process is further behind.
_PERIOD: Final = 0.5
#: Seconds between two exchanges, at least.
_GAP: Final = 0.02
#: Seconds until a server that was not reached is asked again, at most.
_LONGEST: Final = 5.0
#: After so many seconds in which no stream has asked for anything, there is no exchange, until one does.
_IDLE: Final = 60.0


class Exchange:
    """Tells the fleet what is new here, and the board what is new there.

    It runs on the event loop of the stream that came first. When that loop ends, the next stream begins it on its own.

    Args:
        address: Of the server.
        base: What the names of all keys begin with.
        timeout: Seconds in which the server has to answer.
        lock: Held while the board is read or changed.
        board: What is exchanged.
        clock: Monotonic seconds.
    """

    def __init__(
        self, address: Address, base: str, timeout: float, lock: Lock, board: Board, clock: Callable[[], float]
    ) -> None:
        self.is_away: bool = False
        self._address = address
        self._base = base
        self._timeout = timeout
        self._lock = lock
        self._board = board
        self._clock = clock
        self._starting = Lock()
        self._pid = -1
        self._worker = ""
        self._number = 0  # of the task: the one that was begun last is the one that goes on
        self._beat = -math.inf
        self._asked = -math.inf
        self._step: Step | None = None
        self._thread = 0
        self._wake: Callable[[], object] = _nothing
        board.on_news(self._nudge)

    def keep_going(self) -> None:
        """Begin it where it does not run. Does not wait, does not raise."""
        now = self._asked = self._clock()
        # A loop that was closed with its tasks pending says nothing; nor does a child of `fork`.
        if now - self._beat < self._silence and self._pid == os.getpid():
            return
        with self._starting:
            if now - self._beat < self._silence and self._pid == os.getpid():
                return
            if self._pid != os.getpid():
                self._pid, self._worker = os.getpid(), secrets.token_hex(8)
            self._number += 1
            try:
                self._step = detach(partial(self._run, self._number))
            except RuntimeError:  # no event loop runs here
                return
            self._thread = threading.get_ident()
            self._beat = now

    async def stop(self) -> None:
        """End it; the next stream begins it anew."""
        with self._starting:
            self._number += 1
            self._beat = -math.inf
            step, self._step = self._step, None
        if step is None:
            return
        if self._thread != threading.get_ident():
            self._nudge()
            return
        with anyio.CancelScope(shield=True), suppress(Abandoned):
            await step.cancel()

    # -- inside

    @property
    def _silence(self) -> float:
        """How long a task that is alive may say nothing, in seconds."""
        return 2 * (self._timeout + _LONGEST)

    def _nudge(self) -> None:
        self._wake()

    async def _run(self, number: int) -> None:
        link = Link(self._address, "unbroken-fleet", self._timeout)
        call, new_wakeup = call_soon(), wakeups()
        delay = _PERIOD
        try:
            while number == self._number and self._clock() - self._asked < _IDLE:
                self._beat = self._clock()
                wakeup = new_wakeup()
                self._wake = partial(call, wakeup.set)
                if await self._reach(link):
                    delay = _PERIOD
                    await anyio.sleep(_GAP)
                    with anyio.move_on_after(delay - _GAP):
                        await wakeup.wait()
                else:
                    await anyio.sleep(delay)
                    delay = min(2 * delay, _LONGEST)
        finally:
            if number == self._number:
                self._beat = -math.inf
                self._wake = _nothing
            with anyio.CancelScope(shield=True):
                await link.close()

    async def _reach(self, link: Link) -> bool:
        """One exchange. Returns whether the fleet was reached."""
        with self._lock:
            said, sent = self._board.collect(self._clock())
        reply: Any = None
        error: object = "has said what cannot be read"
        try:
            reply = json.loads(await link.ask(b"EVAL", _script(), 1, self._base, self._worker, json.dumps(said)))
            with self._lock:
                self._board.take_in(reply, sent, self._clock())
            self._tell_back()
            return True
        except JournalError as failure:
            error = failure
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        except BaseException:
            with self._lock:
                self._board.lost(sent, self._clock())
            raise
        with self._lock:
            self._board.lost(sent, self._clock())
        if not self.is_away:
            self.is_away = True
            log(
                logging.WARNING,
                "SharedHealth does not reach its fleet: %s. This process goes on with what it knows.",
                error,
            )
        return False

    def _tell_back(self) -> None:
        if self.is_away:
            self.is_away = False
            log(logging.INFO, "SharedHealth reaches its fleet again, through Redis at %s.", self._address)


@cache
def _script() -> bytes:
    return (resources.files(__package__) / "exchange.lua").read_bytes()


def _nothing() -> None:
    pass
