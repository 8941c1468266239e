"""The AI SDK's own readers: `python -m tests.web.clients.environment [pytest's arguments]` from the project.

They are installed once, by npm, apart from all else; the tests of `test_ai_sdk.py`, and of the page about `useChat`,
are then run with them. Node has to be there. The versions are the newest of the day on which they were chosen
(`package.json`); they ask for Node 22, and run on 20. What `@ai-sdk/workflow` needs on a server (`workflow`, a hundred
packages) its transport does not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["FOLDER", "SOURCES", "main"]

SOURCES: Final = Path(__file__).parent
ROOT: Final = SOURCES.parent.parent.parent
#: Where they are installed; `make clean` deletes it.
FOLDER: Final = ROOT / ".venv-web-clients"


def install() -> None:
    """Install what `package.json` says, where that is not there yet."""
    stamp, wanted = FOLDER / "installed.json", SOURCES / "package.json"
    if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
        return
    if shutil.which("npm") is None:
        sys.exit("There is no npm: install Node, 20 or later.")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    shutil.copy(wanted, FOLDER)
    command = [
        "npm",
        "install",
        "--legacy-peer-deps",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    subprocess.run(command, cwd=FOLDER, check=True)
    shutil.copy(wanted, stamp)


def main(*arguments: str) -> int:
    """Install them, and run pytest; its exit code."""
    install()
    tests = arguments or ("tests/web/test_ai_sdk.py", "tests/docs/test_use_chat_page.py")
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
