"""Nothing but the text, as it comes. There is no frame that could say how it went: what is not whole breaks off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..core.wire.decoded import Event
from ..core.wire.surrogates import encodable
from .problem import Problem
from .wire import REWIND

__all__ = ["TextWire"]


class TextWire:
    """The text of all text blocks, in UTF-8, one behind the other."""

    media_type: Final = "text/plain; charset=utf-8"
    #: So that a browser shows it as it comes, and does not wait for more to guess its type from.
    headers: Final[Mapping[str, str]] = {"x-content-type-options": "nosniff"}
    has_frames: Final = False

    def __init__(self) -> None:
        self.over: bool = False
        self._has_begun = False

    def push(self, _position: str, event: Event, /) -> bytes | None:
        """The text that it brings; None where what was shown is void."""
        text = ""
        type_ = event.get("type")
        if type_ == REWIND:
            return None if self._has_begun else b""
        match type_:
            case "content_block_delta":
                delta = event["delta"]
                text = delta["text"] if delta.get("type") == "text_delta" else ""
            case "content_block_start":
                text = _text_of(event["content_block"])
            case "message_start":
                text = "".join(map(_text_of, event["message"].get("content") or ()))
            case "message_stop":
                self.over = True
        self._has_begun = self._has_begun or bool(text)
        return encodable(text).encode()

    def end(self) -> bytes:
        """Nothing: the body ends."""
        self.over = True
        return b""

    def fail(self, _problem: Problem, /) -> None:
        """It cannot be told."""


def _text_of(block: Mapping[str, Any]) -> str:
    text = block.get("text") if block.get("type") == "text" else None
    return text if isinstance(text, str) else ""
