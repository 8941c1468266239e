"""A journal in a file: for one machine, with any number of processes. Needs nothing but the standard library."""

from .journal import SQLiteJournal

__all__ = ["SQLiteJournal"]
