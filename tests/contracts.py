"""The import contracts of pyproject.toml, which `lint-imports` holds, for the tests that hold other things to them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["contract"]

_PROJECT: Final = Path(__file__).parent.parent / "pyproject.toml"


def contract(name: str) -> Mapping[str, Any]:
    """The one contract whose name begins so."""
    contracts = tomllib.loads(_PROJECT.read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (found,) = (each for each in contracts if each["name"].startswith(name))
    return dict(found)
