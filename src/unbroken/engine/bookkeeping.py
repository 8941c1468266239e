"""Fills the report in as a stream goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import anyio

from ..core.failure import Failure
from ..core.partial import Event
from ..core.resume import tokens_of
from ..core.seam import Seam
from ..report import AttemptReport, Report

__all__ = ["Books"]

_CONTENT = ("content_block_start", "content_block_delta")


class Books:
    """Keeps one stream's report.

    Args:
        report: What to fill in.
        started: When the stream was entered, in monotonic seconds.
    """

    def __init__(self, report: Report, started: float) -> None:
        self._report = report
        self._started = started
        self._sent_at = started
        self._current: AttemptReport | None = None
        self._ascii = 0
        self._other = 0
        self._seam: Seam | None = None

    def begin(self, route: int, model: str, form: str, waited: float) -> None:
        """A request is about to be sent."""
        self._sent_at = anyio.current_time()
        self._ascii = self._other = 0
        self._seam = None
        self._current = AttemptReport(
            number=len(self._report.attempts) + 1,
            route=route,
            model=model,
            form=form,
            started=self._sent_at - self._started,
            waited=waited,
        )
        self._report.attempts.append(self._current)

    def headers(self, request_id: str | None, status: int, seam: Seam | None) -> None:
        """Its headers are there."""
        if self._current is not None:
            self._current.request_id = request_id
            self._current.status = status
            self._current.headers = self._since_sent()
            self._seam = seam

    def note(self, event: Event) -> None:
        """An event of the attempt at hand arrived."""
        current = self._current
        if current is None:
            return
        match event.get("type"):
            case "content_block_delta":
                delta = event["delta"]
                self._count(delta.get("text") or delta.get("thinking") or delta.get("partial_json") or "")
            case "message_start":
                _copy_usage(current, event["message"].get("usage") or {}, output=False)
            case "message_delta":
                _copy_usage(current, event.get("usage") or {}, output=True)
        if current.first_content is None and event.get("type") in _CONTENT:
            current.first_content = self._since_sent()

    def deliver(self, events: Iterable[Event]) -> None:
        """Events of the attempt at hand were delivered."""
        if self._current is None:
            return
        for event in events:
            if event.get("type") == "content_block_delta":
                self._current.characters += len(event["delta"].get("text") or "")

    def end(self, outcome: str, failure: Failure | None = None) -> None:
        """The attempt at hand is over."""
        current, self._current = self._current, None
        if current is None:
            return
        current.outcome = str(outcome)
        current.ended = self._since_sent()
        if failure is not None:
            current.error_type = failure.type
            current.status = current.status or failure.status
            current.request_id = current.request_id or getattr(failure.error, "request_id", None)
        if current.output_tokens is None and (self._ascii or self._other):
            current.estimated_output_tokens = tokens_of(self._ascii, self._other)
        if self._seam is not None and self._seam.state == "joined":
            current.seam = self._seam.result.kind
            current.discarded = self._seam.result.discarded

    def close(self, outcome: Literal["complete", "failed", "closed"]) -> None:
        """The stream is over."""
        if self._report.outcome == "open":
            self._report.outcome = outcome
            self._report.duration = anyio.current_time() - self._started

    def _count(self, text: str) -> None:
        ascii_only = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
        self._ascii += ascii_only
        self._other += len(text) - ascii_only

    def _since_sent(self) -> float:
        return anyio.current_time() - self._sent_at


def _copy_usage(attempt: AttemptReport, usage: Mapping[str, Any], *, output: bool) -> None:
    names = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
    # At the start `output_tokens` is a placeholder; at the end it is the count.
    for name in [*names, "output_tokens"] if output else names:
        if usage.get(name) is not None:
            setattr(attempt, name, usage[name])
