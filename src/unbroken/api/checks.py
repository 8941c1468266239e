"""What can be told of a call's arguments before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import httpx2

from ..arguments import as_given
from ..sdk.clients import resource, stream_arguments
from ..sdk.typed_events import Api

__all__ = ["accepted_arguments", "check_arguments", "check_seconds", "check_whole", "version_sent"]


def version_sent(client: Any, request: Mapping[str, Any]) -> object:
    """The `anthropic-version` that is sent; None where the client sends none, as other platforms' do."""
    for headers in (request.get("extra_headers"), getattr(client, "default_headers", None)):
        if isinstance(headers, Mapping) and "anthropic-version" in headers:
            return headers["anthropic-version"]
    return None


def accepted_arguments(client: Any, api: Api, caller: str = "resilient_stream") -> frozenset[str]:
    """The names that this client's `messages.stream` takes."""
    if hasattr(type(client), "__enter__") and not hasattr(type(client), "__aenter__"):
        raise TypeError(f"{caller} needs an async client such as AsyncAnthropic, not {type(client).__name__}")
    try:
        names = stream_arguments(resource(client, api), api)
    except AttributeError:
        where = "beta.messages" if api == "beta" else "messages"
        raise TypeError(f"{type(client).__name__} is no Anthropic client: it has no {where}.stream") from None
    return names


def check_timeout(timeout: object) -> None:
    """Raise `TypeError` or `ValueError` for what the SDK does not take as a timeout.

    It takes seconds, None, an `httpx2.Timeout`, or a tuple of seconds to connect, read, write and wait for the pool.
    """
    if timeout is None or isinstance(timeout, httpx2.Timeout):
        return
    if type(timeout).__module__.partition(".")[0] == "httpx":
        name = type(timeout).__name__
        raise TypeError(
            f"Invalid `timeout` argument; `httpx.{name}` is from the `httpx` package, but this SDK uses `httpx2`. "
            f"Use `httpx2.{name}` instead."
        )
    parts: tuple[Any, ...] = (timeout,)
    if isinstance(timeout, tuple) and 2 <= len(timeout) <= 4:
        parts = tuple(each for each in timeout if each is not None)
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in parts):
        takes = "a number of seconds, None, an httpx2.Timeout, or a tuple (connect, read, write, pool)"
        raise TypeError(f"timeout must be {takes}, not {timeout!r}")
    if not all(each >= 0 for each in parts):
        raise ValueError(f"timeout must not be negative, not {timeout!r}")


def check_arguments(request: dict[str, Any], accepted: frozenset[str], caller: str = "resilient_stream") -> None:
    """Raise `TypeError` or `ValueError` for what can be told of a request, as it is sent, before that."""
    extra = request.get("extra_body")
    if extra is not None and not isinstance(extra, Mapping):
        raise TypeError(f"extra_body must be a mapping, not {type(extra).__name__}")
    if request.get("stream", True) is not True:
        raise ValueError(f"{caller}() streams, and extra_body says that it must not: leave 'stream' out")
    unknown = sorted(set(as_given(request)) - accepted)
    if unknown:
        raise TypeError(f"{caller}() got an unexpected argument {unknown[0]!r}; messages.stream has none such")
    missing = [name for name in ("max_tokens", "messages") if name not in request]
    if missing:
        raise ValueError(f"the fallback {request['model']!r} unsets {missing[0]!r}, which every request needs")
    model, max_tokens, messages = request["model"], request["max_tokens"], request["messages"]
    if not isinstance(model, str):
        raise TypeError(f"model must be a string, not {type(model).__name__}")
    if not model:
        raise ValueError("model must not be empty")
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int):
        raise TypeError(f"max_tokens must be an int, not {type(max_tokens).__name__}")
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Iterable):
        raise TypeError(f"messages must be a list of messages, not {type(messages).__name__}")
    check_timeout(request.get("timeout"))
    for name in ("extra_headers", "extra_query"):
        if not isinstance(request.get(name, {}), Mapping | None):
            raise TypeError(f"{name} must be a mapping, not {type(request[name]).__name__}")


def check_whole(name: str, value: object, least: int) -> int:
    """A whole number that is not below `least`. Raises `TypeError` or `ValueError` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
    return value


def check_seconds(name: str, value: object, *, above: float | None = None) -> float:
    """A time in seconds, not negative, nor `above`. Raises `TypeError` or `ValueError` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if not value >= 0 or value == above:
        raise ValueError(f"{name} must be {'above 0' if above is not None else 'at least 0'} seconds, not {value!r}")
    return float(value)
