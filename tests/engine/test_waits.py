"""What was waited for, and how long."""

from __future__ import annotations

import anyio
import pytest

from unbroken.engine.waits import Waits

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]


async def test_each_wait_is_counted_until_a_request_takes_them() -> None:
    """Two of one kind are one; what takes no time was no wait."""
    waits = Waits()
    for seconds in (1.0, 2.0):
        with waits.spent("budget"):
            await anyio.sleep(seconds)
    with waits.spent("limit"):
        await anyio.sleep(0.5)
    with waits.spent("breaker"):
        pass
    assert waits.take() == {"budget": 3.0, "limit": 0.5}
    assert waits.take() == {}


async def test_a_wait_that_is_cancelled_was_one() -> None:
    """As long as it lasted."""
    waits = Waits()
    with anyio.move_on_after(1.5), waits.spent("limit"):
        await anyio.sleep(10)
    assert waits.take() == {"limit": 1.5}
