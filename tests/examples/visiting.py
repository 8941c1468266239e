"""Visitors of the chat without a browser: requests straight to the application, its events as a browser reads them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from chat.answering import Model
from chat.app import make_app
from chat.chats import Chats
from starlette.applications import Starlette

from harness import serving
from unbroken.testing import Answer, FaultServer, Script

__all__ = ["CHAT", "Frame", "Site", "ended", "frames", "site", "text_of"]

CHAT = "/chats/" + "5a" * 16


@dataclass(frozen=True)
class Frame:
    """One event as a browser would dispatch it; `id` is None where it had none."""

    type: str
    data: dict[str, Any]
    id: int | None = None


def frames(stream: str) -> list[Frame]:
    """The whole events of a stream; what was cut off at its end is not dispatched."""
    found = []
    for block in stream.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            position = int(fields["id"]) if "id" in fields else None
            found.append(Frame(fields["event"], json.loads(fields["data"]), position))
    return found


def text_of(seen: Sequence[Frame]) -> str:
    """All text of the answers."""
    return "".join(frame.data["text"] for frame in seen if frame.type == "text")


def ended(seen: Sequence[Frame]) -> bool:
    """Whether the answer, or the chat, is over."""
    return bool(seen) and seen[-1].type in ("end", "gone")


@dataclass
class Site:
    """The application, and the API that it asks."""

    app: Starlette
    server: FaultServer

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Send a request; its status and its body."""
        status, chunks = 0, []

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            chunks.append(message.get("body", b""))

        inbox = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return inbox.pop() if inbox else await anyio.sleep_forever()

        with anyio.fail_after(120):
            await self.app(_scope(method, path, headers or {}), receive, send)
        return status, b"".join(chunks).decode()

    async def ask(self, text: str, number: int = 0, chat: str = CHAT) -> int:
        """Ask a question; the status."""
        body = json.dumps({"text": text}).encode()
        path = f"{chat}/questions/{number}"
        return (await self.call("PUT", path, body, {"content-type": "application/json"}))[0]

    async def stop(self, number: int = 0, chat: str = CHAT) -> int:
        """Stop an answer; the status."""
        return (await self.call("POST", f"{chat}/questions/{number}/stop"))[0]

    async def follow(
        self,
        enough: Callable[[list[Frame]], bool] = ended,
        *,
        after: str = "0",
        last: str | None = None,
        chat: str = CHAT,
    ) -> list[Frame]:
        """Read the events of a chat until it is enough, then hang up; the application has to notice.

        Args:
            enough: Looks at what came so far.
            after: The position in the address.
            last: The header `Last-Event-ID`; None: there is none.
            chat: Which one.
        """
        stream = ""
        gone = anyio.Event()

        async def send(message: Any) -> None:
            nonlocal stream
            assert message.get("status", 200) == 200
            if not gone.is_set():
                stream += message.get("body", b"").decode()
                if enough(frames(stream)):
                    gone.set()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        headers = {} if last is None else {"last-event-id": last}
        with anyio.fail_after(1000):
            await self.app(_scope("GET", f"{chat}/events", headers, f"after={after}"), receive, send)
        return frames(stream)


@asynccontextmanager
async def site(script: Script | Answer | str, chats: Chats | None = None, **model: Any) -> AsyncIterator[Site]:
    """The application on a fault server, in this event loop; `model` is for `Model`."""
    async with serving(script) as (server, client):
        app = make_app(Model(client, **model), Chats() if chats is None else chats)
        async with app.router.lifespan_context(app):
            yield Site(app, server)


def _scope(method: str, path: str, headers: dict[str, str], query: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
