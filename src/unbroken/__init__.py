"""Claude streams that survive overload.

`resilient_stream(client, ...)` replaces `client.messages.stream(...)`; see its documentation.
"""

from __future__ import annotations

from .api import StreamArguments, resilient_stream
from .core.partial import Partial
from .engine.stream import ResilientStream, ResilientStreamManager
from .errors import StreamFailed, StreamStalled, StreamTimeout, StreamTruncated
from .health import Health
from .policy import Policy
from .report import AttemptReport, Notice, Report, Usage
from .routes import Route

__all__ = [
    "AttemptReport",
    "Health",
    "Notice",
    "Partial",
    "Policy",
    "Report",
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


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("unbroken")
    raise AttributeError(f"module 'unbroken' has no attribute {name!r}")
