"""What journals raise. No text has anything of an entry."""

from __future__ import annotations

__all__ = ["Fenced", "JournalCorrupt", "JournalError", "JournalFull", "JournalUnavailable", "StreamGone"]


class JournalError(Exception):
    """A journal cannot be used: it is of another version, on a file system without locks, closed."""


class JournalUnavailable(JournalError):
    """It cannot be reached just now, or is locked by another. Whether it has done what it was asked is not known."""


class JournalFull(JournalError):
    """It has no room for what was to be written."""


class JournalCorrupt(JournalError):
    """What is stored cannot be read."""


class Fenced(JournalError):
    """Another has taken the stream, or it has ended: this writer may write it no more."""


class StreamGone(JournalError):
    """The stream is not there any more, or has lost entries that were acknowledged."""
