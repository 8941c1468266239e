"""Loads what only a failure, or a route that is slow, needs before there is one.

A failure may be that there is no file descriptor left, and then nothing can be imported any more; nor after the files
were replaced by those of another version, or are out of reach. Nobody waits for it: it is done once, in a thread, while
the first stream waits for its first answer.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from threading import Lock, Thread
from typing import Final

__all__ = ["preload"]

#: What is imported where it is needed, with all that it imports itself.
_MODULES: Final = (
    "unbroken.core.seam.anchor",
    "unbroken.core.seam.seam",
    "unbroken.batches.request",
    "unbroken.core.models.prices",
    "unbroken.diagnosis.postmortem",
    "unbroken.engine.hedged_call",
    "unbroken.engine.last_resort",
    "unbroken.preflight.gate",
)


class _Preloading:
    """Whether it is done."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._begun = False

    def begin(self) -> None:
        with self._lock:
            begun, self._begun = self._begun, True
        if begun:
            return
        # Where no thread can be started, it is all loaded where it is needed.
        with suppress(RuntimeError):
            Thread(target=self._load, name="unbroken-preloading", daemon=True).start()

    def _load(self) -> None:
        try:
            for module in _MODULES:
                import_module(module)
        except Exception:
            # Such as that there is no descriptor for it: the next stream tries again.
            self._begun = False


_preloading: Final = _Preloading()


def preload() -> None:
    """Begin, if that was not done yet. Raises nothing, and does not wait."""
    _preloading.begin()
