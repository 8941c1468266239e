"""One response, as it is sent: its head, its pieces, and a client that does not take them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import anyio

from .errors import BrokenOff

__all__ = ["Body", "Gone", "Send"]

#: The most that is sent at a time, in bytes. A server takes a piece of any size, and waits for the client with the next
#: one: what it holds for a client that takes nothing is bounded by this. Uvicorn begins to wait at as much.
_PIECE: Final = 65536

#: What an ASGI server sends a message with.
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Gone(Exception):
    """The client is not there any more."""


class Body:
    """One response.

    Args:
        send: Of the ASGI server.
        send_timeout: How long the client may take to take one piece, in seconds. None: as long as it likes.

    Attributes:
        started: Whether the head was sent.
        headers: What is said in it.
    """

    def __init__(self, send: Send, send_timeout: float | None) -> None:
        self.started: bool = False
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self._send = send
        self._send_timeout = send_timeout

    async def start(self, status: int = 200) -> None:
        """Send the head."""
        self.started = True
        headers = [(name, value) for name, value in self.headers if status != 204 or name != b"content-type"]
        await self._deliver({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send a piece; without `more` it is the last one.

        Raises:
            BrokenOff: The client has not taken what was sent before it.
            Gone: It is not there any more.
        """
        for at in range(0, len(data) or 1, _PIECE):
            piece = data[at : at + _PIECE]
            await self._deliver(
                {"type": "http.response.body", "body": piece, "more_body": more or at + _PIECE < len(data)}
            )

    async def _deliver(self, message: MutableMapping[str, Any]) -> None:
        try:
            with anyio.move_on_after(self._send_timeout) as waiting:
                await self._send(message)
        except OSError as error:
            raise Gone from error
        if waiting.cancelled_caught:
            raise BrokenOff(f"the client has taken nothing for {self._send_timeout:g} seconds")
