"""The caller's arguments, made ready to be sent more than once.

Iterables are listed, and files are read, once and off the event loop; nothing of the caller's is changed.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import anthropic
import anyio.to_thread

__all__ = ["given", "settle"]

#: Arguments that the API takes as lists, and that callers may give as any iterable.
_LISTS: Final = ("messages", "tools", "stop_sequences", "betas")


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that were given: those that are neither `omit` nor `not_given`."""
    return {
        name: value for name, value in arguments.items() if not isinstance(value, anthropic.Omit | anthropic.NotGiven)
    }


async def settle(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the arguments that can be sent any number of times.

    Raises:
        OSError: A file cannot be read.
    """
    files: list[Any] = []
    listed = {
        name: _copy(list(value) if name in _LISTS and _is_iterable(value) else value, files.append)
        for name, value in arguments.items()
    }
    if not files:
        return listed
    contents = iter(await anyio.to_thread.run_sync(lambda: [_read(file) for file in files]))
    return {name: _copy(value, None, contents) for name, value in listed.items()}


def _copy(value: Any, found: Callable[[Any], None] | None, contents: Any = None) -> Any:
    """A copy of the containers; files are reported to `found`, or replaced by the next of `contents`."""
    if isinstance(value, io.IOBase | os.PathLike):
        if found is None:
            return next(contents)
        found(value)
        return value
    if isinstance(value, Mapping):
        return {key: _copy(item, found, contents) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item, found, contents) for item in value]
    if isinstance(value, Iterable) and hasattr(value, "__next__"):
        # A generator of content blocks can be read once only.
        return [_copy(item, found, contents) for item in value]
    return value


def _read(file: Any) -> str:
    """A file as the API takes it: base64 text."""
    content = file.read() if isinstance(file, io.IOBase) else Path(file).read_bytes()
    if isinstance(content, str):
        content = content.encode()
    return base64.b64encode(content).decode()


def _is_iterable(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
