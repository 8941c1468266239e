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
    from .core.models import ModelInfo
    from .core.partial import Partial
    from .core.prices import PRICES, Price
    from .engine.stream import ResilientStream, ResilientStreamManager
    from .errors import StreamFailed, StreamStalled, StreamTimeout, StreamTruncated
    from .health import Health
    from .middleware import ResilienceMiddleware
    from .policy import Hedging, Policy
    from .report import AttemptCost, AttemptReport, Cost, Notice, Report, Usage
    from .routes import Route

    __version__: str

__all__ = [
    "PRICES",
    "AttemptCost",
    "AttemptReport",
    "Cost",
    "Health",
    "Hedging",
    "ModelInfo",
    "Notice",
    "Partial",
    "Policy",
    "Price",
    "Report",
    "ResilienceMiddleware",
    "ResilientStream",
    "ResilientStreamManager",
    "Route",
    "StreamArguments",
    "StreamFailed",
    "StreamStalled",
    "StreamTimeout",
    "StreamTruncated",
    "Usage",
    "resilient_stream",
]

_HOMES = {
    ".api": ("StreamArguments", "resilient_stream"),
    ".core.models": ("ModelInfo",),
    ".core.partial": ("Partial",),
    ".core.prices": ("PRICES", "Price"),
    ".engine.stream": ("ResilientStream", "ResilientStreamManager"),
    ".errors": ("StreamFailed", "StreamStalled", "StreamTimeout", "StreamTruncated"),
    ".health": ("Health",),
    ".middleware": ("ResilienceMiddleware",),
    ".policy": ("Hedging", "Policy"),
    ".report": ("AttemptCost", "AttemptReport", "Cost", "Notice", "Report", "Usage"),
    ".routes": ("Route",),
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
