"""What can go wrong with a response, and where: plain values that a `Script` puts in order.

A fault is one class, which also says how it is played; to add one, write it and name it here. Its place is an `At`. A
place that the response never comes to (the fourth event of a response of three) means that nothing happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from unbroken.testing.script.faults.connection import Drop, EndOfFile, Refuse, Reset
from unbroken.testing.script.faults.fault import ErrorEvent, ResponseFault, Status
from unbroken.testing.script.faults.frames import BadJson, CutFrame, Event
from unbroken.testing.script.faults.place import (
    AFTER_CONTENT,
    AFTER_LAST_TEXT,
    AFTER_MESSAGE_DELTA,
    AFTER_MESSAGE_START,
    AFTER_MESSAGE_STOP,
    BEFORE_MESSAGE_START,
    BEFORE_RESPONSE,
    At,
    Point,
    after_blocks,
    after_characters,
    after_events,
    after_fraction,
)
from unbroken.testing.script.faults.waits import Pings, Silence, Slow

__all__ = [
    "AFTER_CONTENT",
    "AFTER_LAST_TEXT",
    "AFTER_MESSAGE_DELTA",
    "AFTER_MESSAGE_START",
    "AFTER_MESSAGE_STOP",
    "BEFORE_MESSAGE_START",
    "BEFORE_RESPONSE",
    "At",
    "BadJson",
    "CutFrame",
    "Drop",
    "EndOfFile",
    "ErrorEvent",
    "Event",
    "Fault",
    "Pings",
    "Point",
    "Refuse",
    "Reset",
    "Silence",
    "Slow",
    "Status",
    "after_blocks",
    "after_characters",
    "after_events",
    "after_fraction",
]

#: What goes wrong with a response, or that there is none because connections are refused.
Fault: TypeAlias = ResponseFault | Refuse
#: What goes wrong with one request: nothing, one thing, or several.
Step: TypeAlias = Fault | Sequence[Fault] | None


def kinds() -> tuple[type[Fault], ...]:
    """Every class of fault that is named above."""
    named = (globals()[name] for name in __all__)
    return tuple(each for each in named if isinstance(each, type) and issubclass(each, ResponseFault | Refuse))
