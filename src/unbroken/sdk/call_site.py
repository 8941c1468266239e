"""Calls the SDK as if from a line of the caller's, so that its warnings are about that line.

The SDK warns of a deprecated model with `stacklevel`. To record what it warns of, and to warn anew, the filters of the
whole process would have to be changed (`warnings.catch_warnings`), which is not safe where there are threads: what one
restores, another has just set. So nothing is recorded. The frames from which the SDK is called have the file, the line
and the module of the caller's own, and Python's warnings do the rest: its filters, and once for each line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import currentframe
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

__all__ = ["NOWHERE", "CallSite"]

_PACKAGE: Final = __name__.partition(".")[0]

# One line each: a frame's line is then the first of its code. Two of them, since the SDK has `stacklevel=3`.
_CALL: Final = (lambda function, arguments: function(**arguments)).__code__
_PASS_ON: Final = (lambda call, function, arguments: call(function, arguments)).__code__


class CallSite:
    """A line from which the SDK is called.

    Args:
        filename: Of the file.
        line: Its number.
        module: The module's name. None: warnings about it are dropped (by Python, which takes a module without a name
            for one that is being torn down).
        registry: The module's `__warningregistry__`: which warnings were shown already.
    """

    __slots__ = ("_filename", "_line", "_names")

    def __init__(self, filename: str, line: int, module: str | None, registry: dict[Any, Any]) -> None:
        self._filename = filename
        self._line = line
        self._names = {"__name__": module, "__warningregistry__": registry}

    @classmethod
    def of(cls, frame: FrameType) -> CallSite:
        """The line that a frame is at."""
        names = frame.f_globals
        registry = names.setdefault("__warningregistry__", {})
        return cls(frame.f_code.co_filename, frame.f_lineno, names.get("__name__", ""), registry)

    @classmethod
    def outside(cls) -> CallSite:
        """The innermost line that is not of this package: where the caller's own code called it."""
        frame = currentframe()
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
            frame = frame.f_back
        return NOWHERE if frame is None else cls.of(frame)

    def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Call a function from there."""
        return self._made(_PASS_ON)(self._made(_CALL), function, arguments)

    def _made(self, code: CodeType) -> FunctionType:
        here = code.replace(co_filename=self._filename, co_firstlineno=self._line)
        return FunctionType(here, self._names)


#: Where nobody is warned of anything.
NOWHERE: Final = CallSite("<unbroken>", 1, None, {})
