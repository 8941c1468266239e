"""What a reader wants of the server, put into the one message of its request."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

__all__ = ["MARKER", "Failure", "Order", "notes"]

Failure = Literal["error event", "reset", "clean end"]

#: Where the text of a resume begins that was not there before the failure; the server's stamps follow, see `notes`.
MARKER: Final = "⟦"


@dataclass(frozen=True, slots=True)
class Order:
    """An answer, and how it comes.

    Attributes:
        events: How many pieces of text it has.
        pace: Pieces a second, each of which is nothing but a stamp (`stamps.py`). None: text,
            all of it as fast as it is taken.
        hold: After how many pieces no more are sent, until the connection is closed. None: never.
        failure: How the stream dies once half of its pieces were sent. None: it does not.
        family: Which of `FAMILIES` its text is of, in pieces of 100 characters. None: people and code.
        name: Of the answer, so that the server knows which one a resume goes on with.
    """

    events: int
    pace: float | None = None
    hold: int | None = None
    failure: Failure | None = None
    name: str = ""
    family: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `messages.stream` that ask for it."""
        return {
            "model": "claude-opus-5-5",
            "max_tokens": 100_000,
            "messages": [{"role": "user", "content": json.dumps(asdict(self))}],
        }

    @staticmethod
    def of(message: dict[str, Any]) -> Order:
        """The order in the first message of a request."""
        content = message["content"]
        return Order(**json.loads(content if isinstance(content, str) else content[0]["text"]))


def notes(text: str) -> tuple[int, int, int]:
    """When the server let the stream die, got the resume and sent its first piece, in ns, from what a resume says."""
    failed, asked, sent = text.partition(MARKER)[2].split()[:3]
    return int(failed), int(asked), int(sent)
