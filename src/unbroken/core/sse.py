"""The decoder of server-sent events by the name that it had before it moved to `core/wire`; others read it there."""

from __future__ import annotations

from .wire.sse import MAX_FRAME, ServerSentEvent, SSEDecoder

__all__ = ["MAX_FRAME", "SSEDecoder", "ServerSentEvent"]
