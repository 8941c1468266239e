"""What the names of keys may begin with."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["check_prefix"]

_PREFIX: Final = re.compile(r"[A-Za-z0-9._:/-]{1,100}", re.ASCII)


def check_prefix(prefix: object) -> None:
    """Raise where it is no prefix.

    Raises:
        TypeError: It is no string.
        ValueError: It has other characters, or too many.
    """
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a string, not {prefix!r}")
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"prefix must be 1 to 100 of [A-Za-z0-9._:/-], not {prefix!r}")
