"""What a peer sent cannot be read: the one exception for it, whose text may be shown."""

from __future__ import annotations

__all__ = ["Malformed"]


class Malformed(ValueError):
    """Why it cannot be read, in a few words of ours.

    Nothing of what was sent is in it, nor in an exception behind it.
    """
