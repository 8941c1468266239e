"""Fills the report in: one book for each attempt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import anyio

from ..core.failure import Failure
from ..core.models.table import ModelInfo, ascii_and_other
from ..core.printable import printable
from ..core.wire.decoded import CONTENT, Event
from ..report import AttemptReport, Report
from .telemetry import Telemetry

if TYPE_CHECKING:
    from ..core.seam.seam import Seam

__all__ = ["AttemptRecorder"]

_INPUT: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def _written(delta: Mapping[str, Any]) -> str:
    """What the model wrote in a delta, of any kind."""
    return delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""


class AttemptRecorder:
    """Keeps one attempt's entry in the report, from the moment in which its request is sent.

    Args:
        report: The stream's report; an entry is added.
        started: When the stream was entered, in monotonic seconds.
        route: The rank of the route.
        model: The model that is asked.
        info: What is known of it: how much it writes with a token.
        form: The form of the request.
        waited: Seconds that were waited for this attempt.
        hedge: Whether it is sent while others are still being waited for.
        prompt: By which wording it asks for the rest (`AttemptReport.prompt`).
        telemetry: What is told of the stream. None: nobody listens.

    Attributes:
        entry: What the report shows.
    """

    def __init__(
        self,
        report: Report,
        started: float,
        *,
        route: int,
        model: str,
        info: ModelInfo,
        form: str,
        waited: float,
        hedge: bool = False,
        prompt: str | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._sent_at = anyio.current_time()
        self._info = info
        self._ascii = 0
        self._other = 0
        self._seam: Seam | None = None
        self._seam_told = False
        self.entry: AttemptReport = AttemptReport(
            number=len(report.attempts) + 1,
            route=route,
            model=model,
            form=form,
            started=self._sent_at - started,
            waited=waited,
            hedge=hedge,
            prompt=prompt,
        )
        report.attempts.append(self.entry)
        self._telemetry = telemetry
        self._span = None if telemetry is None else telemetry.attempt(self.entry)

    def current(self) -> AbstractContextManager[object]:
        """What OpenTelemetry's spans are made of within is below this attempt's, if it has one."""
        return nullcontext() if self._span is None else self._span.current()

    def headers(self, request_id: str | None, status: int, seam: Seam | None) -> None:
        """Its headers are there; `seam` is how its text will be joined."""
        self.entry.request_id = request_id
        self.entry.status = status
        self.entry.headers = self.since_sent()
        self._seam = seam

    def note(self, event: Event) -> None:
        """An event of it arrived."""
        type_ = event.get("type")
        match type_:
            case "content_block_delta":
                text = _written(event["delta"])
                self.entry.received += len(text)
                ascii_only, other = ascii_and_other(text)
                self._ascii += ascii_only
                self._other += other
            case "message_start":
                # Its `output_tokens` is a placeholder.
                self._copy_usage(event["message"].get("usage") or {}, (*_INPUT, "speed"))
            case "message_delta":
                self._copy_usage(event.get("usage") or {}, (*_INPUT, "output_tokens", "speed"))
        if self.entry.first_content is None and type_ in CONTENT:
            self.entry.first_content = self.since_sent()
        if self._span is not None:
            self._span.note(event)

    def deliver(self, events: Iterable[Event]) -> None:
        """Events of it were delivered."""
        for event in events:
            if event.get("type") == "content_block_delta":
                delta = event["delta"]
                self.entry.delivered += len(_written(delta))
                self.entry.characters += len(delta.get("text") or "")
        if self._telemetry is not None:
            self._notify_seam(self._telemetry)

    def _notify_seam(self, telemetry: Telemetry) -> None:
        if not self._seam_told and self._seam is not None and self._seam.is_joined:
            self._seam_told = True
            telemetry.seam(self.entry, self._seam.result.kind, self._seam.result.discarded)

    def end(self, outcome: str, failure: Failure | None = None) -> None:
        """It is over; what comes later changes nothing."""
        entry = self.entry
        if entry.ended is not None:
            return
        entry.outcome = str(outcome)
        entry.ended = self.since_sent()
        if failure is not None:
            entry.error_type = failure.type
            entry.status = entry.status or failure.status
            entry.request_id = entry.request_id or printable(getattr(failure.error, "request_id", None)) or None
        if entry.output_tokens is None and (self._ascii or self._other):
            entry.estimated_output_tokens = self._info.least_tokens(self._ascii, self._other)
        # What a loser was asked for was never joined.
        if outcome != "lost" and self._seam is not None and self._seam.state == "joined":
            entry.seam = self._seam.result.kind
            entry.discarded = self._seam.result.discarded
        if self._span is not None:
            self._span.end(entry)

    @property
    def input_tokens(self) -> int:
        """All of its input that the API has told of, caches included."""
        return sum(getattr(self.entry, name) or 0 for name in _INPUT)

    def assume_input(self, tokens: int) -> None:
        """What its input is assumed to have been, in tokens, where the API has not said."""
        if self.entry.input_tokens is None:
            self.entry.estimated_input_tokens = tokens

    def since_sent(self) -> float:
        """Seconds since the request was sent."""
        return anyio.current_time() - self._sent_at

    def _copy_usage(self, usage: Mapping[str, Any], names: Iterable[str]) -> None:
        for name in names:
            if usage.get(name) is not None:
                setattr(self.entry, name, usage[name])
        written = usage.get("cache_creation")
        if isinstance(written, Mapping) and written.get("ephemeral_1h_input_tokens") is not None:
            self.entry.cache_creation_1h_input_tokens = written["ephemeral_1h_input_tokens"]
