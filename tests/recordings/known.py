"""Recorded streams of which we make something else than the SDK does, on purpose, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["DIFFERENT"]

DIFFERENT: Final[Mapping[str, str]] = {
    "rec-101": "a call that max_tokens cut: the SDK hands the half over, we do not",
    "rec-105": "the same",
    "rec-230": "an unknown event before message_start: the SDK gives it the type of message_start",
    "rec-346": "`data: [DONE]` at the end: the SDK fails on it",
}
