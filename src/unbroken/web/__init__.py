"""Streams to the browser: `StreamResponse` for Starlette and FastAPI (extra `web`), `StreamApp` for any other ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .app import StreamApp, WireName
from .errors import BrokenOff

if TYPE_CHECKING:
    from .response import StreamResponse

__all__ = ["BrokenOff", "StreamApp", "StreamResponse", "WireName"]


def __getattr__(name: str) -> object:
    if name != "StreamResponse":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .response import StreamResponse

    return StreamResponse
