"""What is held when an attempt dies, and what may be done next: the two sides of the law in `plan.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..message.partial import Partial
from ..requests.resume import Form

__all__ = ["Ask", "Fail", "Finish", "Held", "JoinAsItIs", "Step", "what_is_held"]


class Held(Enum):
    """What was delivered, as far as it decides."""

    COMPLETE = "complete"
    CALLS = "calls"
    NOTHING = "nothing"
    TEXT = "text"
    RESULTS = "results"
    STUCK = "stuck"


def what_is_held(partial: Partial) -> Held:
    """Only finished blocks and the open text count (DESIGN, section 3)."""
    if partial.complete:
        return Held.COMPLETE
    if partial.whole_calls:
        return Held.CALLS
    if partial.has_unknown:
        return Held.STUCK
    if partial.trailing_text.strip():
        return Held.TEXT
    return Held.NOTHING if partial.is_written else Held.RESULTS


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request.

    Attributes:
        route: The rank of the route.
        form: The caller's own request, or the form of the resume.
        wait: Seconds to wait first.
        costs_retry: Whether it has to be paid from the retry budget.
        whole: Whether all of the text is sent back, so that nothing but the echo tells where to join.
    """

    route: int
    form: Form
    wait: float = 0.0
    costs_retry: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The message is done; supply what is missing of its end."""

    message_stop: bool
    as_tool_use: bool = False


@dataclass(frozen=True, slots=True)
class JoinAsItIs:
    """The continuation matches nothing, and is joined without having been verified."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Nothing more is asked.

    Attributes:
        why: One clause for the error's message.
        error: The SDK's error to raise unchanged; None for `StreamFailed`.
    """

    why: str
    error: Exception | None = None


Step = Ask | Finish | Fail
