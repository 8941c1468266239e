"""What was asked, in every chat: the application's own table. What was answered is in the journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Chats"]


class Chats:
    """The questions, in a file that all workers share; any database of yours will do.

    Args:
        path: Of the file; it is made if there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("CREATE TABLE IF NOT EXISTS questions (chat, number, text, PRIMARY KEY (chat, number))")

    def questions(self, chat: str) -> list[str]:
        """All that was asked in a chat, in order; none where there is no such chat."""
        with self._opened() as file:
            return [
                text for (text,) in file.execute("SELECT text FROM questions WHERE chat = ? ORDER BY number", [chat])
            ]

    def ask(self, chat: str, number: int, text: str) -> bool:
        """Write a question down in its place; once, however often it comes.

        Returns:
            Whether it stands there. False: something else does, or nothing stands before it.
        """
        with self._opened() as file:
            file.execute(
                "INSERT OR IGNORE INTO questions SELECT ?1, ?2, ?3 "
                "WHERE ?2 = (SELECT count(*) FROM questions WHERE chat = ?1)",
                (chat, number, text),
            )
            there = file.execute("SELECT 1 FROM questions WHERE (chat, number, text) = (?, ?, ?)", (chat, number, text))
            return there.fetchone() is not None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        file = sqlite3.connect(self._path, timeout=10)
        try:
            with file:
                yield file
        finally:
            file.close()
