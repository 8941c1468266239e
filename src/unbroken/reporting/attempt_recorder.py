"""Fills the report in: one recorder for each attempt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import anyio

from ..core.failure import Failure
from ..core.models.table import ModelInfo
from ..core.printable import printable
from ..core.wire.counters import INPUT_TOKENS, TOKENS
from ..core.wire.decoded import Event
from ..core.wire.deltas import Delta
from ..report import AttemptReport, Report, WaitedFor, input_told
from .telemetry import Telemetry

if TYPE_CHECKING:
    from ..core.seam.seam import Seam

__all__ = ["AttemptRecorder"]


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
        waited_for: What they were waited for. None: it was not noted.
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
        waited_for: dict[WaitedFor, float] | None = None,
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
            waited_for=waited_for or {},
            hedge=hedge,
            prompt=prompt,
        )
        report.attempts.append(self.entry)
        self._telemetry = telemetry
        self._span = None if telemetry is None else telemetry.attempt(self.entry)

    def current(self) -> AbstractContextManager[object]:
        """A context in which OpenTelemetry's new spans become children of this attempt's span, if it has one."""
        return nullcontext() if self._span is None else self._span.current()

    def headers(self, request_id: str | None, status: int, seam: Seam | None) -> None:
        """Its headers are there; `seam` is how its text will be joined."""
        self.entry.request_id = request_id
        self.entry.status = status
        self.entry.headers = self.since_sent()
        self._seam = seam

    def receive(self, events: Iterable[Event]) -> float | None:
        """Events of it have arrived.

        Args:
            events: As `EventReader` gives them.

        Returns:
            Seconds from sending it to now, where the first content is among them; else None.
        """
        entry, brings_content = self.entry, False
        for event in events:
            if isinstance(event, Delta):
                brings_content = True
                entry.received += event.length
                self._ascii += event.length - event.others
                self._other += event.others
                continue
            match event["type"]:
                case "content_block_start":
                    brings_content = True
                case "message_start":
                    # Its `output_tokens` is a placeholder.
                    self._copy_usage(event["message"].get("usage") or {}, (*INPUT_TOKENS, "speed"))
                case "message_delta":
                    self._copy_usage(event.get("usage") or {}, (*TOKENS, "speed"))
            if self._span is not None:
                self._span.note(event)
        if entry.first_content is not None or not brings_content:
            return None
        entry.first_content = self.since_sent()
        return entry.first_content

    def deliver(self, events: Iterable[Event]) -> None:
        """Events of it were delivered."""
        for event in events:
            if isinstance(event, Delta):
                self.entry.delivered += event.length
                if event.kind == "text_delta":
                    self.entry.characters += event.length
        if self._telemetry is not None:
            self._notify_seam(self._telemetry)

    def _notify_seam(self, telemetry: Telemetry) -> None:
        if not self._seam_told and self._seam is not None and self._seam.is_joined:
            self._seam_told = True
            telemetry.seam(self.entry, self._seam.result.kind, self._seam.result.discarded)

    def end(self, outcome: str, failure: Failure | None = None) -> None:
        """The attempt is over. Later calls change nothing."""
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
        return input_told(self.entry)

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
