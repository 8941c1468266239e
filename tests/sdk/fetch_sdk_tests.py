"""Fetch the test suite of the installed anthropic SDK, with an environment that can run it.

`make sdk-tests` runs this; it does its work once for each version of the SDK. The suite comes from the source
distribution of exactly that version. What it imports (`respx`, `inline-snapshot`, ...) brings pytest plugins with it,
so it gets an environment of its own, below the one that runs this.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

ANTHROPIC: Final = version("anthropic")
PLACE: Final = Path(sys.prefix) / "sdk-tests" / ANTHROPIC
SUITE: Final = PLACE / f"anthropic-{ANTHROPIC}"
PYTHON: Final = PLACE / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
DONE: Final = PLACE / "done"

# What the suite's conftest.py and its streaming tests import, by the bounds of its own pyproject.toml and lock file.
_NEEDS: Final = (
    f"anthropic[aiohttp]=={ANTHROPIC}",
    f"anyio=={version('anyio')}",
    "http-snapshot[httpx]==0.1.9",
    "inline-snapshot>=0.28",
    "pip",
    "pytest>=9,<10",
    "pytest-asyncio>=1.3,<2",
    "respx>=0.22,<0.24",
)


def fetch() -> None:
    """Fill `PLACE`, unless it is filled.

    Raises:
        subprocess.CalledProcessError: A package cannot be had.
    """
    if DONE.exists():
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--python", sys.executable, PLACE / "venv")
        _run(uv, "pip", "install", "--quiet", "--python", PYTHON, *_NEEDS)
    else:
        _run(sys.executable, "-m", "venv", PLACE / "venv")
        _run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_NEEDS)
    # uv has no `download`.
    only_source = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "anthropic")
    _run(PYTHON, "-m", "pip", "download", *only_source, "--dest", PLACE, f"anthropic=={ANTHROPIC}")
    with tarfile.open(PLACE / f"anthropic-{ANTHROPIC}.tar.gz") as archive:
        archive.extractall(PLACE, filter="data")
    DONE.touch()


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    fetch()
