"""Calls of which it is not known whether they were done: their connection was lost, or they were cancelled.

The same call again must do nothing twice, and has to have the answer of the first. So each call that changes who writes
a stream has a name, which the server keeps with the stream, and which the same call has again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final, NamedTuple

from ..errors import JournalError, JournalUnavailable

__all__ = ["Call", "Unsure"]

#: So many are kept; whoever calls again does so within seconds.
_MOST: Final = 10_000


class Call(NamedTuple):
    """A call.

    Attributes:
        name: Its name, which no other call of any worker has.
        again: Whether it was made before, and may have been done.
    """

    name: str
    again: bool


class Unsure:
    """What one worker does not know.

    Args:
        worker: Its name.
    """

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._numbers = count(1)
        self._names: dict[Hashable, str] = {}

    @contextmanager
    def call(self, key: Hashable) -> Iterator[Call]:
        """Around a call; `key` is the same for the same call, and only for that."""
        name = self._names.pop(key, None)
        call = Call(name or f"{self._worker}-{next(self._numbers)}", name is not None)
        try:
            yield call
        except BaseException as error:
            if isinstance(error, JournalUnavailable) or not isinstance(error, JournalError):
                if len(self._names) >= _MOST:
                    del self._names[next(iter(self._names))]
                self._names[key] = call.name
            raise
