"""Which of OpenTelemetry's providers listen."""

from __future__ import annotations

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from unbroken.reporting.providers import is_set_up


def test_the_apis_own_providers_do_nothing() -> None:
    """Neither the defaults nor those that say so are a listener; the SDK's are."""
    idle = [trace.ProxyTracerProvider(), trace.NoOpTracerProvider()]
    assert not any(map(is_set_up, [*idle, metrics.NoOpMeterProvider(), metrics.get_meter_provider()]))
    assert is_set_up(TracerProvider())
    assert is_set_up(MeterProvider())
