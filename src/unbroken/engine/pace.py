"""How fast an attempt writes: characters in windows of waiting for the network."""

from __future__ import annotations

import math
from typing import Final

from ..core.wire.decoded import Event
from ..core.wire.deltas import Delta

__all__ = ["Pace"]

#: Sums of waits are compared with a window's length; seconds below this are rounding.
_ROUNDING: Final = 1e-6


class Pace:
    """Counts the characters in windows of a fixed length, one after the other, and says when one had too few.

    Args:
        chars_per_second: What is enough, in characters of text, thinking and tool input.
        window: The length of a window, in seconds of waiting for the network: a slow reader is no slow stream.
    """

    def __init__(self, chars_per_second: float, window: float) -> None:
        self._enough = chars_per_second * window
        self._window = window
        self._waited = 0.0
        self._chars = 0
        self._writing = False

    @property
    def patience(self) -> float:
        """How long silence may last before a window has had too little in it, in seconds; infinite between blocks.

        A model may think for long without showing it, before a block and in one that stays empty.
        """
        if not self._writing:
            return math.inf
        return self._left + (self._window if self._chars >= self._enough else 0.0)

    def came(self, event: Event) -> None:
        """Count what an event brought."""
        if isinstance(event, Delta):
            self._chars += event.length
            self._writing = self._writing or event.length > 0
        elif event["type"] == "content_block_start":
            self._writing = event["content_block"].get("type") == "text"
        elif event["type"] == "content_block_stop":
            self._writing = False

    def waited(self, seconds: float) -> bool:
        """Count a wait, in seconds. True: a window has ended with too little in it."""
        if not self._writing:
            return False
        left = self._left
        if seconds < left - _ROUNDING:
            self._waited += seconds
            return False
        slow = self._chars < self._enough
        self._waited, self._chars = max(0.0, seconds - left), 0
        return slow

    @property
    def _left(self) -> float:
        return self._window - self._waited
