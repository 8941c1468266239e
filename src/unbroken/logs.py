"""Telling others, who may fail to listen: the logger `unbroken`, and calls of OpenTelemetry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["log", "quietly"]

P = ParamSpec("P")
T = TypeVar("T")

logger: logging.Logger = logging.getLogger("unbroken")


def log(level: int, message: str, *args: object, exc_info: bool = False) -> None:
    """Log a message; what a filter, a handler or a record factory raises is dropped: there is nobody left to tell.

    Args:
        level: Of the message, as `logging` has them.
        message: With places for `args`, as `logging` has them.
        args: What goes there.
        exc_info: Whether the exception that is being handled is logged with it.
    """
    with suppress(Exception):
        # About the line of whoever calls this, as with the logger's own methods.
        logger.log(level, message, *args, exc_info=exc_info or None, stacklevel=2)


def quietly(function: Callable[P, T]) -> Callable[P, T | None]:
    """The function, which returns None where it would raise: a listener that fails does not break the stream."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception:
            log(logging.DEBUG, "OpenTelemetry could not be told; the stream goes on", exc_info=True)
            return None

    return call
