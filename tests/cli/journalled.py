"""Streams in a journal of a file, as an application leaves them there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anyio
from anthropic import AsyncAnthropic
from commands import KEY

from unbroken import Policy, resilient_stream
from unbroken.journal import SQLiteJournal, StreamState
from unbroken.testing import ThreadedFaultServer

__all__ = ["ASK", "leave", "states", "write"]

ASK: Final[Mapping[str, Any]] = {
    "model": "claude-opus-5-5",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Is the lamp lit?"}],
    "policy": Policy(initial_backoff=0, max_attempts=3),
}


def write(api: ThreadedFaultServer, path: Path, stream_id: str, **changes: Any) -> None:
    """A stream that has come to its end, whole or not."""
    leave(api, path, stream_id, None, **changes)


def leave(api: ThreadedFaultServer, path: Path, stream_id: str, characters: int | None = 1, **changes: Any) -> None:
    """A stream that its caller has left when so much of its text had come; None: that was read to its end."""

    async def ask() -> None:
        async with SQLiteJournal(path) as journal, AsyncAnthropic(base_url=api.url, api_key=KEY) as client:
            request = {**ASK, **changes, "journal": journal, "stream_id": stream_id}
            try:
                async with resilient_stream(client, **request) as stream:
                    shown = ""
                    async for piece in stream.text_stream:
                        shown += piece
                        if characters is not None and len(shown) >= characters:
                            return
            except Exception:
                if characters is not None:
                    raise

    anyio.run(ask)


def states(path: Path) -> dict[str, StreamState]:
    """What there is, by id."""

    async def look() -> dict[str, StreamState]:
        async with SQLiteJournal(path) as journal:
            return {state.stream_id: state for state in await journal.streams()}

    return anyio.run(look)
