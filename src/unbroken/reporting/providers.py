"""OpenTelemetry's providers: whether an application has set one up."""

from __future__ import annotations

__all__ = ["is_set_up"]


def is_set_up(provider: object) -> bool:
    """Whether this provider does anything: those of the OpenTelemetry API itself do not."""
    return not type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))
