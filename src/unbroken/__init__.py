"""Claude streams that survive overload.

`resilient_stream(client, ...)` replaces `client.messages.stream(...)`; see its documentation.

Names are imported when they are first used, because pytest imports this package in every run of every project that has
it installed (for the fixture of `unbroken.testing`), and the SDK takes a second or more to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.batch import defer
    from .api.diagnose import diagnose
    from .api.message import resilient_message
    from .api.middleware import ResilienceMiddleware
    from .api.stream import StreamArguments, resilient_stream
    from .core.message.partial import Partial
    from .core.models.prices import PRICES, Price
    from .core.models.table import ModelInfo
    from .diagnosis.diagnosis import DiagnosedRequest, Diagnosis
    from .diagnosis.rate_limits import RateLimit
    from .engine.stream import ResilientStream, ResilientStreamManager
    from .errors import (
        BatchCanceled,
        BatchErrored,
        BatchExpired,
        BatchFailed,
        BatchTimeout,
        Deferred,
        StreamFailed,
        StreamTimeout,
    )
    from .health.health import Health
    from .health.status_page import Incident, Status, StatusPage, StatusPageError
    from .policy import Hedging, Policy
    from .preflight import Finding, PreflightFailed
    from .report import AttemptCost, AttemptReport, Cost, Notice, Report, Usage
    from .routes import Route
    from .sdk.exceptions import StreamStalled, StreamTruncated

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
    ".api.batch": ("defer",),
    ".api.diagnose": ("diagnose",),
    ".api.message": ("resilient_message",),
    ".api.middleware": ("ResilienceMiddleware",),
    ".api.stream": ("StreamArguments", "resilient_stream"),
    ".core.message.partial": ("Partial",),
    ".core.models.prices": ("PRICES", "Price"),
    ".core.models.table": ("ModelInfo",),
    ".diagnosis.diagnosis": ("DiagnosedRequest", "Diagnosis"),
    ".diagnosis.rate_limits": ("RateLimit",),
    ".engine.stream": ("ResilientStream", "ResilientStreamManager"),
    ".errors": (
        "BatchCanceled",
        "BatchErrored",
        "BatchExpired",
        "BatchFailed",
        "BatchTimeout",
        "Deferred",
        "StreamFailed",
        "StreamTimeout",
    ),
    ".health.health": ("Health",),
    ".health.status_page": ("Incident", "Status", "StatusPage", "StatusPageError"),
    ".policy": ("Hedging", "Policy"),
    ".preflight": ("Finding", "PreflightFailed"),
    ".report": ("AttemptCost", "AttemptReport", "Cost", "Notice", "Report", "Usage"),
    ".routes": ("Route",),
    ".sdk.exceptions": ("StreamStalled", "StreamTruncated"),
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
