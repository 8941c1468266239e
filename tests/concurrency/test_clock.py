"""Which clock streams go by."""

from __future__ import annotations

import time

import pytest
import trio
import trio.testing

from unbroken.concurrency.clock import monotonic


def test_a_virtual_clock_is_gone_by() -> None:
    """A test on trio's own clock, which jumps, sees its seconds."""
    clock = trio.testing.MockClock(autojump_threshold=0)

    async def an_hour() -> float:
        before = monotonic()
        await trio.sleep(3600)
        return monotonic() - before

    assert trio.run(an_hour, clock=clock) == 3600


@pytest.mark.anyio
async def test_elsewhere_it_is_that_of_the_machine() -> None:
    """Threads and event loops agree on it."""
    before = time.monotonic()
    assert before <= monotonic() <= time.monotonic()
