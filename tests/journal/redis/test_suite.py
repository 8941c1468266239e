"""The journal in Redis does what every journal does, and so do two of them on one server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from unbroken.journal.redis import RedisJournal
from unbroken.testing.journal import JournalSuite


@pytest.mark.anyio
class TestRedisJournal(JournalSuite):
    @pytest.fixture(autouse=True)
    def place(self, journals: Callable[..., RedisJournal]) -> None:
        self.journals = journals

    def journal(self, **options: Any) -> RedisJournal:
        return self.journals(**options)

    def second(self, **options: Any) -> RedisJournal:
        return self.journals(**options)
