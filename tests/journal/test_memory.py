"""The journal in memory does what every journal does; it is its own second."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.journal import MemoryJournal
from unbroken.testing.journal import JournalSuite


@pytest.mark.anyio
class TestMemoryJournal(JournalSuite):
    def journal(self, **options: Any) -> MemoryJournal:
        return MemoryJournal(**options)
