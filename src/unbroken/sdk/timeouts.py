"""How long one request may take, in each of the ways in which it can take long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2

__all__ = ["Timeouts"]

#: How much of the time to the first content a request may wait for the caller's own pool: it has to give up before the
#: watchdog does, which would take the wait for the server's.
_OF_THE_POOL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an attempt may take, in seconds. They run only while the network is waited for.

    Attributes:
        idle: Without a byte.
        progress: Of bytes without progress (`progress.py`).
        first_content: From the request to the first content.
        chars_per_second: What is too slow, in characters in each window from the first content on. None: nothing is.
        pace_window: The length of such a window.
    """

    idle: float
    progress: float
    first_content: float
    chars_per_second: float | None = None
    pace_window: float = 0.0

    def beside(self, given: Any, *, pings: bool = True) -> tuple[Timeouts, httpx2.Timeout]:
        """These and the transport's own timeout, where the caller has given one too: the shorter read holds.

        Args:
            given: The caller's timeout, as the SDK takes it.
            pings: Whether the platform sends pings. Where it sends none, silence may be thought, and so the time
                without a byte is bounded by that without content alone.
        """
        # A tuple has become a list where the request was copied.
        own = (
            given
            if isinstance(given, httpx2.Timeout)
            else httpx2.Timeout(tuple(given) if isinstance(given, list) else given)
        )
        idle = self.idle if pings else max(self.idle, self.progress, self.first_content)
        read = idle if own.read is None else min(idle, own.read)
        pool = self.first_content * _OF_THE_POOL
        pool = pool if own.pool is None else min(own.pool, pool)
        timeout = httpx2.Timeout(connect=own.connect, write=own.write, pool=pool, read=read)
        return replace(self, idle=read), timeout
