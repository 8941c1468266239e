"""The command line: `unbroken demo`, `chat`, `doctor`, `deferred`, `run`, `host` and `streams`.

It needs the extra `cli` (Typer and Rich).
"""

from __future__ import annotations

import io
import sys

__all__ = ["main"]

_EXTRA = frozenset({"typer", "rich", "click"})


def main() -> None:
    """Run the command line and exit.

    Raises:
        SystemExit: Always; 0 when all went well, 2 for a wrong command line, 130 after Ctrl-C, 1 for anything else.
    """
    try:
        import rich  # noqa: F401  # Typer can be had without it

        from .app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.exit("unbroken: the command line needs the extra `cli`: pip install 'unbroken[cli]'")
    except KeyboardInterrupt:
        sys.exit(130)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe's encoding may have no ✓, nor what a model writes
    app()
