"""What a process prints, read as it comes: one that nobody reads stops where its pipe is full."""

from __future__ import annotations

import subprocess
from queue import SimpleQueue
from threading import Thread

__all__ = ["Output"]


class Output:
    """The lines of a process.

    Args:
        process: Its `stdout` is a pipe of text.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._process = process
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def line(self) -> str:
        """The next line, when it is there; it is an error that there is none."""
        line = self._lines.get(timeout=300)
        assert line, "the process has ended"
        return line

    def rest(self) -> str:
        """All lines that were not read yet; waits until the process has ended."""
        self._process.wait(timeout=300)
        self._thread.join(timeout=300)
        lines = []
        while line := self._lines.get(timeout=300):
            lines.append(line)
        return "".join(lines)
