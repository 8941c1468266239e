"""What `unbroken` raises, by one name; `from unbroken import StreamFailed` is the same."""

from __future__ import annotations

from .engine.errors import (
    BatchCanceled,
    BatchErrored,
    BatchExpired,
    BatchFailed,
    BatchTimeout,
    StreamFailed,
    StreamTimeout,
)
from .exceptions import StreamStalled, StreamTruncated

__all__ = [
    "BatchCanceled",
    "BatchErrored",
    "BatchExpired",
    "BatchFailed",
    "BatchTimeout",
    "StreamFailed",
    "StreamStalled",
    "StreamTimeout",
    "StreamTruncated",
]
