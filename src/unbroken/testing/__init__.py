"""A fault server for the Messages API, to test what an application does when Claude's streams break.

    from unbroken.testing import FaultServer, Reset, Script, after_characters

    async with FaultServer(Script("A long answer.", faults=[Reset(at=after_characters(6))])) as server:
        client = AsyncAnthropic(base_url=server.url, api_key="test")

With pytest there is a fixture, `fault_server`. The server needs `h11`, which the anthropic SDK brings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbroken.testing.manners.manners import Manner
    from unbroken.testing.script.batches import Batches
    from unbroken.testing.script.blocks import Block, RawBlock, RedactedThinking, ServerTool, Text, Thinking, ToolUse
    from unbroken.testing.script.faults import (
        AFTER_CONTENT,
        AFTER_LAST_TEXT,
        AFTER_MESSAGE_DELTA,
        AFTER_MESSAGE_START,
        AFTER_MESSAGE_STOP,
        BEFORE_MESSAGE_START,
        BEFORE_RESPONSE,
        At,
        BadJson,
        CutFrame,
        Drop,
        EndOfFile,
        ErrorEvent,
        Event,
        Fault,
        Pings,
        Point,
        Refuse,
        Reset,
        Silence,
        Slow,
        Status,
        after_blocks,
        after_characters,
        after_events,
        after_fraction,
    )
    from unbroken.testing.script.limits import RateLimitName, ramp_limited, rate_limited, spend_limited
    from unbroken.testing.script.poison import (
        Poison,
        Where,
        all_of,
        any_of,
        has_keyword,
        has_parameter,
        has_text,
        has_tool,
        larger_than,
        longer_than,
    )
    from unbroken.testing.script.script import Answer, Script
    from unbroken.testing.server.server import FaultServer
    from unbroken.testing.server.threaded import ThreadedFaultServer
    from unbroken.testing.services.batching import Batch, BatchedRequest
    from unbroken.testing.services.service_status import Indicator, ServiceIncident, ServiceStatus
    from unbroken.testing.wire.record import Connection, Request

__all__ = [
    "AFTER_CONTENT",
    "AFTER_LAST_TEXT",
    "AFTER_MESSAGE_DELTA",
    "AFTER_MESSAGE_START",
    "AFTER_MESSAGE_STOP",
    "BEFORE_MESSAGE_START",
    "BEFORE_RESPONSE",
    "Answer",
    "At",
    "BadJson",
    "Batch",
    "BatchedRequest",
    "Batches",
    "Block",
    "Connection",
    "CutFrame",
    "Drop",
    "EndOfFile",
    "ErrorEvent",
    "Event",
    "Fault",
    "FaultServer",
    "Indicator",
    "Manner",
    "Pings",
    "Point",
    "Poison",
    "RateLimitName",
    "RawBlock",
    "RedactedThinking",
    "Refuse",
    "Request",
    "Reset",
    "Script",
    "ServerTool",
    "ServiceIncident",
    "ServiceStatus",
    "Silence",
    "Slow",
    "Status",
    "Text",
    "Thinking",
    "ThreadedFaultServer",
    "ToolUse",
    "Where",
    "after_blocks",
    "after_characters",
    "after_events",
    "after_fraction",
    "all_of",
    "any_of",
    "has_keyword",
    "has_parameter",
    "has_text",
    "has_tool",
    "larger_than",
    "longer_than",
    "ramp_limited",
    "rate_limited",
    "spend_limited",
]

_HOMES = (
    "script.script",
    "script.blocks",
    "script.faults",
    "script.batches",
    "script.limits",
    "script.poison",
    "manners.manners",
    "services.batching",
    "services.service_status",
    "wire.record",
    "server.server",
    "server.threaded",
)


def __getattr__(name: str) -> Any:
    # Lazily, because pytest imports this package for its plugin even where no test wants a server.
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
