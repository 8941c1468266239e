"""The file of results: one whole line for each request, once, however often the process that writes it is killed.

A line is one `write` behind all others, so that it is there as a whole or, where the disk was full or the machine went
down, as the beginning of one at the end of the file. Such a beginning is cut away when the file is opened: the request
has no result then, and gets one from the journal. A lock says that one process writes the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from .lines import Result, result_of
from .source import digest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # nothing keeps two runs apart there

__all__ = ["ResultFile", "ResultFileError", "results_in", "without_failed"]

#: What every line of ours begins with.
_BEGINNING: Final = b'{"custom_id": '


class ResultFileError(Exception):
    """The file of results cannot be used as it is; the text says why. It was left as it was."""


class ResultFile:
    """Results on their way into a file. It is opened by whoever writes it, and closed.

    Args:
        path: Of the file; it is made, for its owner alone, if there is none.

    Attributes:
        path: As given.
        counts: How many results there are of each kind.

    Raises:
        ResultFileError: It is no file of results, or another process writes it.
        OSError: It cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)
        self.counts: dict[str, int] = {}
        self._done: set[bytes] = set()
        # Read and written through one descriptor, so that a lock holds for both.
        self._handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            if not stat.S_ISREG(os.fstat(self._handle).st_mode):
                raise ResultFileError(f"{self.path} is no file that can be written to at its end")
            if not _locked(self._handle):
                raise ResultFileError(f"{self.path} is written by another run")
            self._size = self._repair()
        except BaseException:
            os.close(self._handle)
            raise

    def __contains__(self, custom_id: str) -> bool:
        return digest(custom_id) in self._done

    def __len__(self) -> int:
        return len(self._done)

    def _repair(self) -> int:
        """Read what is there, and cut away what is no whole line at its end. Returns its size."""
        size = 0
        with os.fdopen(os.dup(self._handle), "rb") as file:
            file.seek(0)
            for number, line in enumerate(file, 1):
                result = result_of(line) if line.strip() else None
                if result is not None:
                    self._note(result)
                    if not line.endswith(b"\n"):  # somebody has edited it
                        os.write(self._handle, b"\n")
                        size += 1
                elif line.strip() and (line.endswith(b"\n") or not _is_beginning(line)):
                    raise ResultFileError(f"line {number} of {self.path} is no result: it is left as it is")
                elif not line.endswith(b"\n"):
                    os.ftruncate(self._handle, size)
                    return size
                size += len(line)
        return size

    def _note(self, result: Result) -> None:
        key = digest(result.custom_id)
        if key in self._done:
            return
        self._done.add(key)
        self.counts[result.kind] = self.counts.get(result.kind, 0) + 1

    def append(self, result: Result, line: bytes) -> None:
        """Write the line of a result. Where that raises, the file is as it was.

        Raises:
            OSError: It cannot be written: the disk is full, say.
        """
        try:
            written = os.write(self._handle, line)
            while written < len(line):  # the disk is full: the next write says so; or the line is longer than 2 GiB
                written += os.write(self._handle, line[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._handle, self._size)
            raise
        self._size += len(line)
        self._note(result)

    def sync(self) -> None:
        """Return when what was written is on the disk. Raises `OSError`."""
        os.fsync(self._handle)

    def close(self) -> None:
        """Give the file up."""
        os.close(self._handle)


def results_in(path: Path) -> Iterator[Result]:
    """The results that a file has, without opening it for writing; none where there is no file. Raises `OSError`."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            result = result_of(line)
            if result is not None:
                yield result


def without_failed(path: Path) -> int:
    """Take the results that are no messages out of a file, so that their requests are asked again; how many.

    The file is replaced as a whole, or stays as it was. Raises `ResultFileError` and `OSError` as `ResultFile`.
    """
    if not path.exists():
        return 0
    file = ResultFile(path)
    try:
        failed = sum(number for kind, number in file.counts.items() if kind != "succeeded")
        if failed:
            _replace(path)
        return failed
    finally:
        file.close()


def _replace(path: Path) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with path.open("rb") as old, os.fdopen(handle, "wb") as new:
            os.fchmod(new.fileno(), os.fstat(old.fileno()).st_mode & 0o777)
            for line in _succeeded(old):
                new.write(line)
            new.flush()
            os.fsync(new.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _succeeded(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        result = result_of(line)
        if result is not None and result.kind == "succeeded":
            yield line


def _is_beginning(line: bytes) -> bool:
    """Whether this may be the beginning of a line that one of ours has begun to write."""
    return line.startswith((_BEGINNING, b'{"custom_id":')) or _BEGINNING.startswith(line)


def _locked(handle: int) -> bool:
    """Lock a file until it is closed, or the process has died. False: another has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
