"""What a command reads: a file that is named, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import typer

__all__ = ["bytes_of", "from_stdin"]

#: Bytes that are read of a file or of standard input at most. Ours: three times what the API takes, so that what is too
#: large for it is told as that.
_MOST: Final = 100_000_000


def bytes_of(name: str) -> bytes:
    """A file, or what comes on standard input."""
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(name).open("rb") as file:  # which may be a device without an end
                data = file.read(_MOST + 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise typer.BadParameter(f"{name} cannot be read: {why}", param_hint="REQUEST.json") from None
    if len(data) > _MOST:
        raise typer.BadParameter(
            f"{name} has more than {_MOST:,} bytes, which is no request", param_hint="REQUEST.json"
        )
    return data


def from_stdin() -> str:
    """What comes on standard input, as text."""
    try:
        text = sys.stdin.read(_MOST + 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except UnicodeDecodeError:
        typer.echo("unbroken: what comes on standard input is not text in UTF-8", err=True)
        raise typer.Exit(1) from None
    if len(text) > _MOST:
        typer.echo(f"unbroken: what comes on standard input has more than {_MOST:,} characters", err=True)
        raise typer.Exit(1)
    return text
