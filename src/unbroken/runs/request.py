"""One request of a run, in the format of the Message Batches API: `custom_id` and `params`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..engine.last_resort import named
from .errors import BrokenRequest

__all__ = ["PREFIX", "RunRequest", "arguments_of", "read_line", "read_request", "stream_id_of"]


#: What the ids of a run's streams begin with.
PREFIX: Final = "run/"


def stream_id_of(custom_id: str) -> str:
    """What the stream of a request is called in the journal."""
    return PREFIX + custom_id


@dataclass(frozen=True, slots=True, repr=False)
class RunRequest:
    """A request that can be told from others.

    Attributes:
        number: Its line in the file, or its place in what was given, from 1.
        custom_id: What it is called.
        params: As in the Message Batches API: the body of a request to the Messages API.
    """

    number: int
    custom_id: str
    params: Mapping[str, Any]

    @property
    def stream_id(self) -> str:
        """What its stream is called in the journal."""
        return stream_id_of(self.custom_id)


def read_line(number: int, line: bytes) -> RunRequest:
    """The request that a line of a file holds. Raises `BrokenRequest`."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise BrokenRequest(number, "the line is no JSON") from None
    return read_request(number, data)


def read_request(number: int, data: object) -> RunRequest:
    """The request that somebody gave as plain data. Raises `BrokenRequest`."""
    if not isinstance(data, Mapping):
        raise BrokenRequest(number, "it is no JSON object with custom_id and params")
    custom_id, params = data.get("custom_id"), data.get("params")
    if not isinstance(custom_id, str):
        raise BrokenRequest(number, "it has no custom_id")
    try:
        named(custom_id)
    except ValueError as error:
        raise BrokenRequest(number, str(error)) from None
    if not isinstance(params, Mapping):
        raise BrokenRequest(number, "it has no params")
    return RunRequest(number, custom_id, params)


def arguments_of(request: RunRequest, accepted: frozenset[str], model: str | None = None) -> dict[str, Any]:
    """The params as arguments of `messages.stream`.

    Args:
        request: The request.
        accepted: What the installed SDK's `stream` takes; any other field goes into `extra_body`, as it is.
        model: Who is to be asked; None: whom the request names.

    Raises:
        BrokenRequest: A field that every request needs is missing.
    """
    params = dict(request.params)
    if model is not None:
        params["model"] = model
    params.pop("stream", None)  # a file for batches may say that it is false; here every answer is streamed
    for name in ("model", "max_tokens", "messages"):
        if name not in params:
            raise BrokenRequest(request.number, f"its params have no {name}")
    beside = {name: params.pop(name) for name in [*params] if name not in accepted}
    if beside:
        extra = params.get("extra_body")
        params["extra_body"] = {**(extra if isinstance(extra, Mapping) else {}), **beside}
    return params
