"""A journal of a process that kills itself, at a moment that was chosen."""

from __future__ import annotations

import os
import signal
from typing import Any

__all__ = ["Killing"]


class Killing:
    """A journal, in the moment of one of whose calls the process is killed.

    Args:
        journal: The journal.
        call: The name of one of its methods.
        n: Which of its calls, from 1; of `"append"`, the one that brings so many entries in all.
        when: `"before"` it is passed on, or `"after"` it has returned.
        how: The signal.
    """

    def __init__(self, journal: Any, *, call: str, n: int, when: str, how: int = signal.SIGKILL) -> None:
        self._journal = journal
        self._call = call
        self._left = n
        self._when = when
        self._how = how

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._journal, name)
        if name != self._call:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            before = self._left
            self._left -= len(args[1]) if name == "append" else 1
            is_it = before > 0 >= self._left
            if is_it and self._when == "before":
                os.kill(os.getpid(), self._how)
            result = await found(*args, **kwargs)
            if is_it and self._when == "after":
                os.kill(os.getpid(), self._how)
            return result

        return call
