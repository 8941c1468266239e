"""What the tests with processes share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.durable.processes.fleet import forking


@pytest.fixture(scope="session", autouse=True)
def zygote() -> Iterator[None]:
    """What forks workers."""
    yield from forking()
