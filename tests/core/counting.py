"""Counts work without a clock."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def steps(work: Callable[[], T]) -> tuple[int, Counter[str], T]:
    """How many lines of Python the work goes over, how often it calls each function of C by name, and its result."""
    lines, calls = 0, Counter[str]()

    def trace(frame: object, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    def profile(frame: object, event: str, argument: Any) -> None:
        if event == "c_call":
            calls[argument.__name__] += 1

    tracing, profiling = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        result = work()
    finally:
        sys.setprofile(profiling)
        sys.settrace(tracing)
    return lines, calls, result
