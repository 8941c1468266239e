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

__all__ = ["materialize", "without_omitted"]

#: Arguments that the API takes as lists, and that callers may give as any iterable.
_LISTS: Final = ("messages", "tools", "stop_sequences", "betas")


def without_omitted(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that were given: those that are neither `omit` nor `not_given`.

    An `omit` in `extra_body` unsets the argument of that name, as in the SDK.
    """
    chosen = {name: value for name, value in arguments.items() if not _is_omitted(value)}
    extra = chosen.get("extra_body")
    if isinstance(extra, Mapping) and (unset := {name for name, value in extra.items() if _is_omitted(value)}):
        chosen = {name: value for name, value in chosen.items() if name not in unset}
        chosen["extra_body"] = {name: value for name, value in extra.items() if name not in unset}
    return chosen


def _is_omitted(value: Any) -> bool:
    return isinstance(value, anthropic.Omit | anthropic.NotGiven)


async def materialize(*requests: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Copies of some sets of arguments that can be sent any number of times.

    A file is read once, wherever and however often it is named.

    Raises:
        OSError: A file cannot be read.
    """
    files: dict[int, Any] = {}
    listed = [
        {
            name: _copy(list(value) if name in _LISTS and _is_iterable(value) else value, _note_in(files))
            for name, value in request.items()
        }
        for request in requests
    ]
    if not files:
        return listed
    read = await anyio.to_thread.run_sync(
        lambda: {key: _read(file) for key, file in files.items()}, abandon_on_cancel=True
    )
    return [_copy(request, lambda file: read[id(file)]) for request in listed]


def _note_in(files: dict[int, Any]) -> Callable[[Any], Any]:
    def note(file: Any) -> Any:
        files[id(file)] = file
        return file

    return note


def _copy(value: Any, file: Callable[[Any], Any]) -> Any:
    """A copy of the containers, with each file replaced by what `file` says."""
    if isinstance(value, io.IOBase | os.PathLike):
        return file(value)
    if isinstance(value, Mapping):
        return {key: _copy(item, file) for key, item in value.items()}
    if isinstance(value, list | tuple) or (isinstance(value, Iterable) and hasattr(value, "__next__")):
        # A generator of content blocks can be read once only.
        return [_copy(item, file) for item in value]
    return value


def _read(file: Any) -> str:
    """A file as the API takes it: base64 text."""
    content = file.read() if isinstance(file, io.IOBase) else Path(file).read_bytes()
    if isinstance(content, str):
        content = content.encode()
    return base64.b64encode(content).decode()


def _is_iterable(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
