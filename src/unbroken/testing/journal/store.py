"""The store that a test has its journals on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from unbroken.journal import Journal

__all__ = ["OneStore"]


class OneStore:
    """What a subclass says of the kind of journal that is tested."""

    def journal(self, **options: Any) -> AbstractAsyncContextManager[Journal]:
        """A journal on the test's own store, which is empty when the test begins.

        Args:
            options: Any of `retention` and `orphan_retention`, in seconds, and `max_bytes`, as our journals have them.
        """
        raise NotImplementedError

    def second(self, **options: Any) -> AbstractAsyncContextManager[Journal] | None:
        """Another journal on the same store, as another process would have it. None: there can be no other.

        Args:
            options: As for `journal`.
        """
        del options
        return None

    @asynccontextmanager
    async def two(self, **options: Any) -> AsyncIterator[tuple[Journal, Journal]]:
        """Two journals on one store; twice the same where there can be no other."""
        async with self.journal(**options) as one:
            other = self.second(**options)
            if other is None:
                yield one, one
            else:
                async with other as opened:
                    yield one, opened
