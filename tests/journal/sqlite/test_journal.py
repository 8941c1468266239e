"""The journal in a file does what every journal does, also where two objects have the same file open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unbroken.journal import SQLiteJournal
from unbroken.testing.journal import JournalSuite


@pytest.mark.anyio
class TestSQLiteJournal(JournalSuite):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "journal.db"

    def journal(self, **options: Any) -> SQLiteJournal:
        return SQLiteJournal(self.path, **options)

    second = journal
