"""What somebody has read of a stream."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Seen"]


@dataclass(slots=True)
class Seen:
    """What one reader has of one stream.

    Attributes:
        number: The stream's.
        who: The reader.
        pieces: The text that it has.
        begun: How many `message_start` it had.
        stopped: How many `message_stop`.
        position: Of the last event that it had; `"0"`: none yet.
        returns: How often it came back.
        passing: How often it was told of an error after which it came back (`PASSING`), by its words.
        rewinds: How often it was told that the journal had lost what it had been given.
        ended: How it has ended: `"complete"`, or what was raised. None: it has not.
    """

    number: int
    who: str
    pieces: list[str] = field(default_factory=list)
    begun: int = 0
    stopped: int = 0
    position: str = "0"
    returns: int = 0
    passing: Counter[str] = field(default_factory=Counter)
    rewinds: int = 0
    ended: str | None = None

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.pieces)

    def take(self, position: str, event: Any) -> None:
        """Take a raw event."""
        self.position = position
        match event["type"]:
            case "content_block_delta":
                self.pieces.append(event["delta"].get("text", ""))
            case "message_start":
                self.begun += 1
            case "message_stop":
                self.stopped += 1
            case "rewind":
                self.rewinds += 1
                self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.pieces, self.begun, self.stopped, self.position = [], 0, 0, "0"
