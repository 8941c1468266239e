"""Who is there: a lock of the kernel's for each open journal, which ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import Final

from ..errors import JournalError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # leases alone say who is there

__all__ = ["Presence"]

#: A file that is being made has its lock after microseconds; seconds.
_UNFINISHED: Final = 60.0


class Presence:
    """One open journal's lock, and a look at those of others.

    Args:
        path: Of the journal, without links: all who open it have to find the same directory.

    Raises:
        JournalError: The file system has no locks.
        OSError: The directory cannot be made or written.
    """

    def __init__(self, path: str) -> None:
        self.worker: int = secrets.randbits(62) + 1
        self._directory = Path(f"{path}-workers")
        self._handle: int | None = None
        if fcntl is None:
            return
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._handle = self._appear(path)
        self._sweep()

    @property
    def is_seen(self) -> bool:
        """Whether others can see that this journal is open; where they cannot, leases alone say so."""
        return self._handle is not None

    def is_there(self, worker: int) -> bool:
        """Whether this worker's journal is open, as far as anybody can see."""
        if worker == self.worker or fcntl is None:
            return True
        try:
            handle = os.open(self._file(worker), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look at the same time do not take each other for the worker.
            return not _lock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def leave(self) -> None:
        """Give up the lock, and remove its file."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._file(self.worker).unlink()
            os.close(self._handle)
            self._handle = None

    def close_in_child(self) -> None:
        """After a fork, in the child: the lock would otherwise last as long as that."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _file(self, worker: int) -> Path:
        return self._directory / f"{worker:016x}"

    def _appear(self, path: str) -> int:
        # Locked before it has its name: nobody may find it free.
        unfinished = self._directory / f".{self.worker:016x}"
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if not _lock(handle, fcntl.LOCK_EX) or self._is_free(unfinished):
                raise JournalError(f"the journal {path} is on a file system that has no locks (flock)")
            unfinished.rename(self._file(self.worker))
        except BaseException as error:
            os.close(handle)
            unfinished.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise JournalError(f"the journal {path} is on a file system that has no locks (flock)") from error
            raise
        return handle

    def _is_free(self, file: Path) -> bool:
        handle = os.open(file, os.O_RDWR)
        try:
            return _lock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def _sweep(self) -> None:
        """Remove what dead workers have left."""
        for file in self._directory.iterdir():
            with contextlib.suppress(OSError):
                if file.name.startswith(".") and time.time() - file.stat().st_mtime < _UNFINISHED:
                    continue
                if self._is_free(file):
                    file.unlink()


def _lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
