"""Claude streams that survive overload.

`resilient_stream(client, ...)` replaces `client.messages.stream(...)`; see its documentation.

Names are imported when they are first used, because pytest imports this package in every run of every project that has
it installed (for the fixture of `unbroken.testing`), and the SDK takes a second or more to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.attach import (
        attach as attach,
        cancel as cancel,
        purge as purge,
    )
    from .api.batch import defer as defer
    from .api.diagnose import diagnose as diagnose
    from .api.host import (
        StreamHost as StreamHost,
        recover as recover,
    )
    from .api.message import resilient_message as resilient_message
    from .api.middleware import ResilienceMiddleware as ResilienceMiddleware
    from .api.record import StreamRecord as StreamRecord
    from .api.run import run as run
    from .api.stream import (
        StreamArguments as StreamArguments,
        resilient_stream as resilient_stream,
    )
    from .core.message.partial import Partial as Partial
    from .core.models.prices import (
        PRICES as PRICES,
        Price as Price,
    )
    from .core.models.table import ModelInfo as ModelInfo
    from .diagnosis.diagnosis import (
        DiagnosedRequest as DiagnosedRequest,
        Diagnosis as Diagnosis,
    )
    from .core.wire.rate_limits import RateLimit as RateLimit
    from .durable.attached import AttachedStream as AttachedStream
    from .durable.errors import (
        StreamCancelled as StreamCancelled,
        StreamConflict as StreamConflict,
        StreamMissing as StreamMissing,
    )
    from .engine.stream import (
        ResilientStream as ResilientStream,
        ResilientStreamManager as ResilientStreamManager,
    )
    from .errors import (
        BatchCanceled as BatchCanceled,
        BatchErrored as BatchErrored,
        BatchExpired as BatchExpired,
        BatchFailed as BatchFailed,
        BatchTimeout as BatchTimeout,
        Deferred as Deferred,
        StreamFailed as StreamFailed,
        StreamTimeout as StreamTimeout,
    )
    from .health.fleet.health import SharedHealth as SharedHealth
    from .health.health import Health as Health
    from .health.limits.settings import Limits as Limits
    from .health.status_page import (
        Incident as Incident,
        Status as Status,
        StatusPage as StatusPage,
        StatusPageError as StatusPageError,
    )
    from .policy import (
        Hedging as Hedging,
        Policy as Policy,
    )
    from .preflight import (
        Finding as Finding,
        PreflightFailed as PreflightFailed,
    )
    from .report import (
        AttemptCost as AttemptCost,
        AttemptReport as AttemptReport,
        Cost as Cost,
        Notice as Notice,
        Report as Report,
        Usage as Usage,
    )
    from .routes import Route as Route
    from .runs.answer import RunAnswer as RunAnswer
    from .runs.errors import (
        BrokenRequest as BrokenRequest,
        RunStopped as RunStopped,
    )
    from .runs.progress import RunProgress as RunProgress
    from .runs.result_file import ResultFileError as ResultFileError
    from .runs.run import Run as Run
    from .sdk.exceptions import (
        StreamStalled as StreamStalled,
        StreamTruncated as StreamTruncated,
    )

    __version__: str

#: The public names, by the module that each is imported from when it is first used. The imports above say the same to
#: type checkers; tests/test_package.py compares the two.
_HOMES = {
    ".api.attach": ("attach", "cancel", "purge"),
    ".api.batch": ("defer",),
    ".api.diagnose": ("diagnose",),
    ".api.host": ("StreamHost", "recover"),
    ".api.message": ("resilient_message",),
    ".api.middleware": ("ResilienceMiddleware",),
    ".api.record": ("StreamRecord",),
    ".api.run": ("run",),
    ".api.stream": ("StreamArguments", "resilient_stream"),
    ".core.message.partial": ("Partial",),
    ".core.models.prices": ("PRICES", "Price"),
    ".core.models.table": ("ModelInfo",),
    ".diagnosis.diagnosis": ("DiagnosedRequest", "Diagnosis"),
    ".core.wire.rate_limits": ("RateLimit",),
    ".durable.attached": ("AttachedStream",),
    ".durable.errors": ("StreamCancelled", "StreamConflict", "StreamMissing"),
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
    ".health.fleet.health": ("SharedHealth",),
    ".health.health": ("Health",),
    ".health.limits.settings": ("Limits",),
    ".health.status_page": ("Incident", "Status", "StatusPage", "StatusPageError"),
    ".policy": ("Hedging", "Policy"),
    ".preflight": ("Finding", "PreflightFailed"),
    ".report": ("AttemptCost", "AttemptReport", "Cost", "Notice", "Report", "Usage"),
    ".routes": ("Route",),
    ".runs.answer": ("RunAnswer",),
    ".runs.errors": ("BrokenRequest", "RunStopped"),
    ".runs.progress": ("RunProgress",),
    ".runs.result_file": ("ResultFileError",),
    ".runs.run": ("Run",),
    ".sdk.exceptions": ("StreamStalled", "StreamTruncated"),
}


def __getattr__(name: str) -> Any:
    if name == "__all__":  # not a list of its own, which type checkers would have to be told once more
        return [name for names in _HOMES.values() for name in names]
    if name == "__version__":
        from importlib.metadata import version

        return version("unbroken")
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(home, __name__), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__"), "__version__"})
