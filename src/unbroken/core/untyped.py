"""Values of which nothing is known: what the network sent, and what a caller gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["mapping"]


def mapping(value: object) -> Mapping[str, Any]:
    """The value, if it is a mapping; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}
