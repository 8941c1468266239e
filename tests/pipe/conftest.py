"""aiostream is for asyncio: the event loops of these tests are asyncio's, and one of them has a clock that jumps."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import pytest

pytest.importorskip("aiostream", reason="unbroken.pipe comes with the extra `pipe`")


class _Jump(selectors.DefaultSelector):
    """Instead of waiting, moves the clock on to when the wait would have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "every task waits for another"
            self.now += max(timeout, 0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits take no time, and times are exact."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


@pytest.fixture(params=["virtual"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Virtual time, unless `backends("asyncio", "uvloop")` asks for the real one."""
    match request.param:
        case "virtual":
            return "asyncio", {"loop_factory": VirtualLoop}
        case "uvloop":
            pytest.importorskip("uvloop", reason="there is no uvloop for this platform")
            return "asyncio", {"use_uvloop": True}
        case _:
            return "asyncio", {}
