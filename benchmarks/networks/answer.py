"""What the model writes: server and judge both know it."""

from __future__ import annotations

from typing import Final

from tests.corpus.texts import TEXTS

__all__ = ["MIDDLE", "PACE", "TEXT"]

#: Seconds between two events, of some six characters each: an answer takes seven seconds.
PACE: Final = 0.011
#: So many characters of each answer have come when its middle is reached.
MIDDLE: Final = 800

_LENGTH: Final = 4000

#: The texts that are hard to join, one after the other, each under a heading of its own.
TEXT: Final = "\n\n".join(f"## {name}\n\n{text.strip()}" for name, text in TEXTS.items())[:_LENGTH].strip()
