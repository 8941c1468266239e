"""The logger `unbroken`, for who must not be killed by those who listen to it."""

from __future__ import annotations

import logging
from contextlib import suppress

__all__ = ["log"]

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
