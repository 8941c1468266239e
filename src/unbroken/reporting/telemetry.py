"""What OpenTelemetry is told of one stream, where the application has set it up; where it has not, nothing is made.

Nothing here imports OpenTelemetry, which is optional: an application that listens has imported it. Message content is
told to nobody: what is told is in the report, which has none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.message.partial import Partial
from ..health.health import Health
from ..logs import quietly
from ..report import AttemptReport, Notice, Report
from ..routes import Route

if TYPE_CHECKING:
    from .metrics import Instruments
    from .spans import AttemptSpan, StreamSpan

__all__ = ["Telemetry", "listen"]


def listen(
    routes: Sequence[Route], request: Mapping[str, Any], health: Health, *, in_one_piece: bool = False
) -> Telemetry | None:
    """What a stream tells, beginning now; None when nobody listens.

    Args:
        routes: In rank order.
        request: The caller's request.
        health: What the stream shares with others.
        in_one_piece: Whether its answer is asked for in one piece.
    """
    spans = _span(routes, request, in_one_piece)
    instruments = _instruments(health)
    return Telemetry(spans, instruments) if spans or instruments else None


@quietly
def _span(routes: Sequence[Route], request: Mapping[str, Any], in_one_piece: bool) -> StreamSpan | None:
    if "opentelemetry.trace" not in sys.modules:
        return None
    from . import spans as tracing

    return tracing.begin(routes, request, in_one_piece=in_one_piece)


@quietly
def _instruments(health: Health) -> Instruments | None:
    if "opentelemetry.metrics" not in sys.modules:
        return None
    from . import metrics

    return metrics.begin(health)


class Telemetry:
    """Tells of one stream. Nothing here raises.

    Args:
        span: The stream's span; None: nobody listens to spans.
        instruments: What measures it; None: nobody listens to metrics.
    """

    def __init__(self, span: StreamSpan | None, instruments: Instruments | None) -> None:
        self._span = span
        self._instruments = instruments

    @quietly
    def attempt(self, entry: AttemptReport) -> AttemptSpan | None:
        """A request is sent. Returns its span, to be ended with the report's entry; None: no tracer is set up."""
        return None if self._span is None else self._span.attempt(entry)

    @quietly
    def notice(self, notice: Notice) -> None:
        """Something happened on the way."""
        if self._span is not None:
            self._span.notice(notice)

    @quietly
    def seam(self, entry: AttemptReport, kind: str, discarded: int) -> None:
        """An attempt's text was joined to what had been delivered.

        Args:
            entry: The attempt.
            kind: How, as the report has it.
            discarded: Characters that it repeated, and that were cut.
        """
        if self._span is not None:
            self._span.seam(entry, kind, discarded)

    @quietly
    def end(self, report: Report, partial: Partial, error: str) -> None:
        """The stream is over.

        Args:
            report: How it went.
            partial: What was delivered.
            error: The name of the exception that it ends with, if it failed.
        """
        if self._span is not None:
            self._span.end(report, partial, error)
        if self._instruments is not None:
            self._instruments.record(report)
