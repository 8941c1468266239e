"""`unbroken doctor`: what a request, its key, its models and the way to them suffer from."""

from __future__ import annotations

from .examination import DEFAULT_MODEL, Options, examine

__all__ = ["DEFAULT_MODEL", "Options", "examine"]
