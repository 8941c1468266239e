"""What a response raises so that the server breaks its body off."""

from __future__ import annotations

__all__ = ["BrokenOff"]


class BrokenOff(Exception):
    """The body of a response was broken off, so that nobody takes half an answer for a whole one.

    It goes to the server, which closes the connection without the last chunk, and logs it. The answer goes on; whoever
    reads it comes back.
    """
