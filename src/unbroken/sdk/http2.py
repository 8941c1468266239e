"""Tells an HTTP/2 server that nobody reads a response any more.

httpx closes one without a word: the server goes on writing, and what it writes uses the connection's window up, which
other streams share. `RST_STREAM` ends that (RFC 9113, section 5.4.2). There is no public way to send it; the private
names are those of httpcore2's `AsyncHTTP2Connection` and of what httpx2 and the SDK put around its stream. Where they
are not found, as with other transports, nothing is sent, and the response is closed as httpx does it.
"""

from __future__ import annotations

from typing import Any, Final

import anyio
import httpx2

__all__ = ["reset"]

#: RFC 9113, section 7: "the stream is no longer needed".
_CANCEL: Final = 0x8
#: By which names a stream has the one that it wraps.
_WRAPPED: Final = ("_stream", "_httpcore_stream", "inner", "_inner")
#: How long a frame of 13 bytes may wait for a connection that takes nothing, in seconds.
_PATIENCE: Final = 0.05


async def reset(response: httpx2.Response) -> bool:
    """Send `RST_STREAM` for a response over HTTP/2 that has not ended; whether it was sent. Raises nothing."""
    if response.extensions.get("http_version") != b"HTTP/2":
        return False
    stream: Any = response.stream
    while stream is not None and not hasattr(stream, "_stream_id"):
        stream = next((getattr(stream, name) for name in _WRAPPED if hasattr(stream, name)), None)
    try:
        connection, id_, request = stream._connection, stream._stream_id, stream._request  # noqa: SLF001
        state, write = connection._h2_state, connection._write_outgoing_data  # noqa: SLF001
        state.reset_stream(id_, error_code=_CANCEL)
        with anyio.move_on_after(_PATIENCE) as scope:
            await write(request)
    except Exception:
        # It has ended, its connection is lost, or the names have changed.
        return False
    return not scope.cancelled_caught
