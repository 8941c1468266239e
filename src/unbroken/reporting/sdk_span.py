"""The SDK's own span of a request: told what its own reader, which ours replaces, would have told it.

From 2.0 on the SDK makes an OpenTelemetry span of every request. Its `AsyncStream` shows each event to an observer on
the body of the response, which ends the span with the usage when the body ends; the message that the events make comes
from the SDK's own accumulator. We read the bytes ourselves and accumulate nothing, so the observer would see none.

Private to the SDK, and named nowhere else: `response.stream.stream_observer` with `begin`, `item` and `end`, and
`share_snapshot` of its `inner`. Where they are not, the SDK's span ends without the usage, and nothing else changes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import anthropic
from anthropic.types import Message
from anthropic.types.beta import BetaMessage

from ..core.failure import Failure, Kind
from ..core.message.partial import Partial
from ..core.wire.decoded import Event
from ..logs import quietly
from ..sdk.typed_events import Api

__all__ = ["SdkSpan"]


class SdkSpan:
    """What keeps the SDK's span of one request.

    Args:
        observer: The SDK's own.
        share: Takes what gives the message so far.
        api: Whose message it is.
    """

    def __init__(self, observer: Any, share: Callable[[Callable[[], Any]], object], api: Api) -> None:
        self._observer = observer
        self._partial = Partial()
        self._has_delta = False
        share(functools.partial(_message, self._partial, BetaMessage if api == "beta" else Message))
        observer.begin()

    @classmethod
    @quietly
    def of(cls, response: Any, api: Api) -> SdkSpan | None:
        """The SDK's span of the request that this response answers; None where it has none."""
        observer = getattr(getattr(response, "stream", None), "stream_observer", None)
        share = getattr(getattr(observer, "inner", None), "share_snapshot", None)
        if share is None or not all(hasattr(observer, name) for name in ("begin", "item", "end")):
            return None
        return cls(observer, share, api)

    @quietly
    def take(self, events: Sequence[Event], failure: Failure | None) -> None:
        """Events have arrived, and perhaps what the attempt died of."""
        for event in events:
            self._partial.apply(event)
            is_delta = event.get("type") == "content_block_delta"
            # Of the deltas, it looks at the first alone: that is when the first chunk came.
            if not (is_delta and self._has_delta):
                self._observer.item(event)
            self._has_delta = self._has_delta or is_delta
        # A body that ends has told it so by itself.
        if failure is not None and failure.kind is not Kind.TRUNCATED:
            self._observer.end("failed", failure.error)


def _message(partial: Partial, type_: type[anthropic.BaseModel]) -> Any:
    """The message so far as the SDK has it; None before its start."""
    if partial.message is None:
        return None
    ending: dict[str, Any] = partial.ending.get("delta") or {}
    return type_.construct(**{**partial.message, **ending, "content": partial.content, "usage": partial.usage})
