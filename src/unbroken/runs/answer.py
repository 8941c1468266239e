"""What a run gives for each of its requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from ..diagnosis.diagnosis import Diagnosis
from ..report import Report
from ..sdk.typed_events import FormatT

if TYPE_CHECKING:
    from anthropic.types import ParsedMessage

__all__ = ["RunAnswer"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunAnswer(Generic[FormatT]):
    """How one request of a run has ended.

    Attributes:
        custom_id: Of the request.
        number: Its line in the file of requests, or its place in what was given, from 1.
        result: As the Message Batches API has it: `{"type": "succeeded", "message": ...}`, or `"errored"` with the
            `error` and, beside it, the `diagnosis`; `"canceled"` for a stream that somebody has stopped.
        message: The whole message; None where there is none.
        error: Why there is none: `StreamFailed`, or the SDK's own; None where there is one.
        diagnosis: What it died of, whose problem that is, and what to do next; None where there is a message.
        report: How it went, over all processes that have worked on it.
        replayed: Whether it had ended before, and was only read from the journal.
    """

    custom_id: str
    number: int
    result: Mapping[str, Any] = field(repr=False)
    message: ParsedMessage[FormatT] | None = field(default=None, repr=False)
    error: Exception | None = None
    diagnosis: Diagnosis | None = field(default=None, repr=False)
    report: Report = field(default_factory=Report, repr=False)
    replayed: bool = False

    @property
    def text(self) -> str | None:
        """The text of the message, all of its text blocks joined; None where there is no message."""
        if self.message is None:
            return None
        return "".join(block.text for block in self.message.content if block.type == "text")

    def to_dict(self) -> dict[str, Any]:
        """The line of a file of results: `custom_id` and `result`."""
        return {"custom_id": self.custom_id, "result": dict(self.result)}
