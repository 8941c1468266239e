"""The clock of the fault server's tests."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing


@pytest.fixture
def anyio_backend() -> Any:
    """Trio on a virtual clock: a wait takes no time, and times are exact."""
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}
