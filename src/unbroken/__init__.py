"""Claude streams that survive overload.

`resilient_stream(client, ...)` replaces `client.messages.stream(...)`; see its documentation.

Names are imported when they are first used, because pytest imports this package in every run of every project that has
it installed (for the fixture of `unbroken.testing`), and the SDK takes a second or more to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import StreamArguments, resilient_stream
    from .core.diagnosis import DiagnosedRequest, Diagnosis
    from .core.models import ModelInfo
    from .core.partial import Partial
    from .core.prices import PRICES, Price
    from .core.rate_limits import RateLimit
    from .deferred import defer
    from .diagnosing import diagnose
    from .engine.errors import (
        BatchCanceled,
        BatchErrored,
        BatchExpired,
        BatchFailed,
        BatchTimeout,
        Deferred,
        StreamFailed,
        StreamTimeout,
    )
    from .engine.stream import ResilientStream, ResilientStreamManager
    from .exceptions import StreamStalled, StreamTruncated
    from .health import Health
    from .message import resilient_message
    from .middleware import ResilienceMiddleware
    from .policy import Hedging, Policy
    from .preflight import Finding, PreflightFailed
    from .report import AttemptCost, AttemptReport, Cost, Notice, Report, Usage
    from .routes import Route
    from .status import Incident, Status, StatusPage, StatusPageError

    __version__: str

__all__ = [
    "PRICES",
    "AttemptCost",
    "AttemptReport",
    "BatchCanceled",
    "BatchErrored",
    "BatchExpired",
    "BatchFailed",
    "BatchTimeout",
    "Cost",
    "Deferred",
    "DiagnosedRequest",
    "Diagnosis",
    "Finding",
    "Health",
    "Hedging",
    "Incident",
    "ModelInfo",
    "Notice",
    "Partial",
    "Policy",
    "PreflightFailed",
    "Price",
    "RateLimit",
    "Report",
    "ResilienceMiddleware",
    "ResilientStream",
    "ResilientStreamManager",
    "Route",
    "Status",
    "StatusPage",
    "StatusPageError",
    "StreamArguments",
    "StreamFailed",
    "StreamStalled",
    "StreamTimeout",
    "StreamTruncated",
    "Usage",
    "defer",
    "diagnose",
    "resilient_message",
    "resilient_stream",
]

_HOMES = {
    ".api": ("StreamArguments", "resilient_stream"),
    ".core.diagnosis": ("DiagnosedRequest", "Diagnosis"),
    ".core.models": ("ModelInfo",),
    ".core.partial": ("Partial",),
    ".core.prices": ("PRICES", "Price"),
    ".core.rate_limits": ("RateLimit",),
    ".diagnosing": ("diagnose",),
    ".engine.errors": (
        "BatchCanceled",
        "BatchErrored",
        "BatchExpired",
        "BatchFailed",
        "BatchTimeout",
        "Deferred",
        "StreamFailed",
        "StreamTimeout",
    ),
    ".engine.stream": ("ResilientStream", "ResilientStreamManager"),
    ".deferred": ("defer",),
    ".exceptions": ("StreamStalled", "StreamTruncated"),
    ".health": ("Health",),
    ".message": ("resilient_message",),
    ".middleware": ("ResilienceMiddleware",),
    ".policy": ("Hedging", "Policy"),
    ".preflight": ("Finding", "PreflightFailed"),
    ".report": ("AttemptCost", "AttemptReport", "Cost", "Notice", "Report", "Usage"),
    ".routes": ("Route",),
    ".status": ("Incident", "Status", "StatusPage", "StatusPageError"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("unbroken")
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(home, __name__), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
