"""What a journal has of a stream that another process has begun, and what whoever goes on with it may add."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Prepare", "StreamRecord"]


@dataclass(frozen=True, slots=True, repr=False)
class StreamRecord:
    """What the journal has of a stream that is about to be gone on with.

    Attributes:
        stream_id: Its id.
        api: `"messages"` or `"beta"`.
        arguments: Of `messages.stream`, without what is never stored: keys, `extra_headers`, `extra_query`, MCP
            servers' `authorization_token`.
    """

    stream_id: str
    api: Literal["messages", "beta"]
    arguments: Mapping[str, Any]


#: Gives what a record does not have: arguments to set over its own, and any of `client`, `fallback_models`, `policy`,
#: `health` and `on_notice`. None: nothing.
Prepare = Callable[[StreamRecord], Mapping[str, Any] | Awaitable[Mapping[str, Any] | None] | None]
