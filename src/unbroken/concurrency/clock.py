"""The time by which streams share what they know."""

from __future__ import annotations

import sys
import time

__all__ = ["monotonic"]


def monotonic() -> float:
    """Seconds that streams on any event loop agree on; in a test on trio's virtual clock, that clock's."""
    testing = sys.modules.get("trio.testing")
    if testing is not None:
        import trio

        try:
            clock = trio.lowlevel.current_clock()
        except RuntimeError:
            return time.monotonic()
        if isinstance(clock, testing.MockClock):
            return float(clock.current_time())
    return time.monotonic()
