"""What a tracer that has wrapped `messages.stream` sees of an answer.

A tracer counts tokens by what is read from the stream that it has wrapped, and ends its span with the last of it. The
engine reads the bytes themselves. So what it has read is kept, and shown to the tracer when the attempt is over: the
same bytes, and the same end. It is kept where something has wrapped the stream, and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import anthropic
import httpx2

__all__ = ["Watched", "watched"]

#: Where the SDK's own code is.
_SDK: Final = os.path.dirname(anthropic.__file__) + os.sep


def watched(manager: Any, stream: Any) -> Watched | None:
    """How to show an answer to whoever has wrapped its stream; None where nobody has.

    Args:
        manager: What `messages.stream` gave.
        stream: What entering it gave.
    """
    if not hasattr(type(stream), "__aiter__"):
        return None
    # The names that a wrapper goes by are often those of what it wraps; where its code stands is not.
    entered, read = getattr(type(manager), "__aenter__", None), getattr(type(stream), "__aiter__", None)
    return None if _is_sdks_own(entered) and _is_sdks_own(read) else Watched(stream)


def _is_sdks_own(function: Any) -> bool:
    return str(getattr(getattr(function, "__code__", None), "co_filename", "")).startswith(_SDK)


class Watched:
    """An answer that is read here first, and then by a tracer.

    Args:
        stream: The tracer's stream; nothing may have been read from it.

    Attributes:
        response: The response to read.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        given: httpx2.Response = stream.response
        kept = _Kept(given.stream)
        self.response: httpx2.Response = httpx2.Response(
            given.status_code,
            headers=given.headers,
            stream=kept,
            request=given.request,
            extensions=given.extensions,
        )
        given.stream = _Again(kept)

    async def show(self) -> None:
        """Let the tracer read what was read. What it raises is its own affair: of this attempt all is known."""
        with suppress(Exception):
            async for _ in self._stream.text_stream:
                pass


class _Kept(httpx2.AsyncByteStream):
    """A body, whose bytes are kept as they are read."""

    def __init__(self, body: Any) -> None:
        self.chunks: list[bytes] = []
        self.error: Exception | None = None
        self._body = body

    def __getattr__(self, name: str) -> Any:
        # The SDK's own span is told by what stands on the body (`reporting/sdk_span.py`).
        return getattr(self._body, name)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                self.chunks.append(chunk)
                yield chunk
        except Exception as error:
            self.error = error
            raise

    async def aclose(self) -> None:
        await self._body.aclose()


class _Again(httpx2.AsyncByteStream):
    """What was read of a body, and what it died of."""

    def __init__(self, kept: _Kept) -> None:
        self._kept = kept

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._kept.chunks:
            yield chunk
        if self._kept.error is not None:
            raise self._kept.error

    async def aclose(self) -> None:
        await self._kept.aclose()
