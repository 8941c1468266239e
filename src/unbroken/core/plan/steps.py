"""What may be done next: what the law in `plan.py` answers."""

from __future__ import annotations

from dataclasses import dataclass

from ..requests.forms import Form

__all__ = ["Ask", "Fail", "Finish", "JoinAsItIs", "Step"]


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
