"""The UI message stream as server-sent events, from any chunk on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from ..core.wire.decoded import Event
from .position import has_been_told, number_of, told
from .problem import Problem
from .sse import MEDIA_TYPE, with_id
from .ui_message import Chunk, UIMessageChunks

__all__ = ["UIMessageWire"]

_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
_DONE: Final = b"data: [DONE]\n\n"


class UIMessageWire:
    """The chunks behind those that a reader has. It is to be given every event from the first one on.

    Args:
        start_index: The first chunk to send, counted from 0.
        after: The position behind which a reader of events goes on, where it does not count chunks. None: it has none.
        stream_id: Where the AI SDK's workflow transport comes back to.
    """

    media_type: Final = MEDIA_TYPE
    has_frames: Final = True

    def __init__(self, start_index: int = 0, after: str | None = None, *, stream_id: str = "") -> None:
        #: What the AI SDK's transports look for.
        self.headers: Mapping[str, str] = {"x-vercel-ai-ui-message-stream": "v1", "x-workflow-run-id": stream_id}
        self.count: int = 0
        self._chunks = UIMessageChunks()
        self._start_index = start_index
        self._seen = number_of(after or "")
        self._is_told = has_been_told(after)
        self._position = after or "0"
        self._has_sent = False

    @property
    def over(self) -> bool:
        """Whether the last chunk was made."""
        return self._chunks.over

    def push(self, position: str, event: Event) -> bytes:
        """Those chunks of an event that the reader does not have; the last one has the event's position as its id."""
        number = number_of(position)
        if number > self._seen:
            self._is_told = False
            self._position = position
        return self._encode(self._chunks.push(event), position, is_seen=0 < number <= self._seen)

    def end(self) -> bytes:
        """The message's last chunks, where it has not ended by itself."""
        return self._encode(self._chunks.end(), told(self._position), is_seen=self._is_told)

    def fail(self, problem: Problem) -> bytes:
        """How it has ended."""
        return self._encode(self._chunks.fail(problem), told(self._position), is_seen=self._is_told)

    def _encode(self, chunks: Iterable[Chunk], id: str, *, is_seen: bool) -> bytes:
        frames: list[bytes] = []
        for chunk in chunks:
            if not is_seen and self.count >= self._start_index:
                frames.append(b"data: %b\n\n" % _ENCODE(chunk).encode())
            self.count += 1
        if frames:
            self._has_sent = True
            frames[-1] = with_id(id, frames[-1])
        if self.over and self._has_sent:
            frames.append(_DONE)
        return b"".join(frames)
