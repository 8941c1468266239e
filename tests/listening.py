"""An application that listens with OpenTelemetry's SDK, and keeps in memory what it hears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@dataclass
class Heard:
    """What was heard.

    Attributes:
        provider: The application's tracer provider.
    """

    provider: TracerProvider
    _spans: InMemorySpanExporter
    _metrics: InMemoryMetricReader

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Every span that has ended, in that order."""
        return self._spans.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    @property
    def stream(self) -> ReadableSpan:
        """The one stream's."""
        (span,) = (span for span in self.spans if span.name.startswith("chat "))
        return span

    @property
    def attempts(self) -> list[ReadableSpan]:
        """Its attempts', in the order in which they were sent."""
        return sorted(self.named("unbroken.attempt"), key=lambda span: attributes(span)["unbroken.attempt.number"])

    @property
    def sdk(self) -> list[ReadableSpan]:
        """The SDK's own."""
        return self.named("anthropic.messages.create")

    @property
    def events(self) -> list[str]:
        """The names of the stream's events, in order."""
        return [event.name for event in self.stream.events]

    def measured(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """A metric's points: by its attributes, a counter's value or a histogram's sum."""
        data = self._metrics.get_metrics_data()
        resources = [] if data is None else data.resource_metrics
        found = [m for resource in resources for s in resource.scope_metrics for m in s.metrics if m.name == name]
        points = [point for metric in found for point in metric.data.data_points]
        return {
            tuple(sorted((p.attributes or {}).items())): p.value if hasattr(p, "value") else p.sum  # type: ignore[union-attr]
            for p in points
        }


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """A span's attributes."""
    assert span.attributes is not None
    return span.attributes


def parent(span: ReadableSpan) -> int | None:
    """The id of the span that it is below; None: of none."""
    return None if span.parent is None else span.parent.span_id


@contextmanager
def listening() -> Iterator[Heard]:
    """Set up what an application sets up, until the end of the block: OpenTelemetry itself takes it once for all."""
    provider, spans, reader = TracerProvider(), InMemorySpanExporter(), InMemoryMetricReader()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    meters = MeterProvider([reader])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "get_tracer_provider", lambda: provider)
        patch.setattr(metrics, "get_meter_provider", lambda: meters)
        yield Heard(provider, spans, reader)
    provider.shutdown()
    meters.shutdown()
