"""The virtual environments of the peers: made once, and again when what they need has changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.survival.peers import ROOT, Peer

__all__ = ["complaints", "install", "pip", "python_of"]

FOLDER: Final = ROOT / ".venv-survival"
#: Beside the environment it speaks of: what was installed there.
STAMP: Final = "installed.txt"


def python_of(peer: Peer) -> Path:
    """The python of a peer's environment, whether it is there or not."""
    return FOLDER / peer.environment / ("Scripts" if os.name == "nt" else "bin") / "python"


def install(peer: Peer) -> Path:
    """Make sure that a peer's environment is there; its python.

    What the resolver finds no versions for together is installed in two steps: what fits, and then the releases that
    the peer names over it. `complaints` says what does not fit then.

    Raises:
        RuntimeError: If it cannot be installed.
    """
    stamp = FOLDER / peer.environment / STAMP
    wanted = "\n".join(peer.requires)
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python_of(peer)
    shutil.rmtree(stamp.parent, ignore_errors=True)
    _run(*_maker(), str(stamp.parent))
    arguments = [part for requirement in peer.requires for part in requirement.split(" ", 1)]
    try:
        _run(*_installer(peer), *arguments)
    except RuntimeError:
        _run(*_installer(peer), *(re.sub("==.*", "", argument) for argument in arguments))
        _run(*_installer(peer), "--no-deps", *arguments)
    stamp.write_text(wanted, "utf-8")
    return python_of(peer)


def complaints(peer: Peer) -> list[str]:
    """What the installer finds amiss in a peer's environment: requirements that are not met."""
    checked = subprocess.run([*pip(peer, "check")], capture_output=True, text=True, check=False)
    return [line for line in checked.stdout.splitlines() if " has requirement " in line or " requires " in line]


def _maker() -> list[str]:
    return ["uv", "venv", "--quiet", "--python", sys.executable] if _uv() else [sys.executable, "-m", "venv"]


def _installer(peer: Peer) -> list[str]:
    return [*pip(peer, "install"), "--quiet"]


def pip(peer: Peer, command: str) -> list[str]:
    """What runs a command of pip's on a peer's environment."""
    python = str(python_of(peer))
    return ["uv", "pip", command, "--python", python] if _uv() else [python, "-m", "pip", command]


def _uv() -> bool:
    return shutil.which("uv") is not None


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
