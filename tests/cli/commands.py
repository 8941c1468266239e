"""What the tests of the command line share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

KEY = "sk-ant-a-secret"
TEXT = "The lamp is lit, the glass is clear of salt, and the clockwork is wound. " * 4


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on stderr with which a command fails."""
        (line,) = self.err.splitlines()
        assert line.startswith("unbroken: ")
        assert self.code == 1
        return line.removeprefix("unbroken: ")


Run = Callable[..., Ran]
Start = Callable[..., "subprocess.Popen[str]"]
