"""Visitors of the chat without a browser: requests straight to the application, its events as a browser reads them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from chat.app import app

from harness import all_closed
from unbroken.testing import Answer, FaultServer, Script

__all__ = ["CHAT", "Frame", "Site", "Worker", "ended", "frames", "site", "text_of"]

CHAT = "/chats/5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a"


@dataclass(frozen=True)
class Frame:
    """One event as a browser would dispatch it."""

    type: str
    data: dict[str, Any]
    id: str


def frames(stream: str) -> list[Frame]:
    """The whole events of a stream; what was cut off at its end is not dispatched, and comments never are."""
    found = []
    for block in stream.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append(Frame(fields["event"], json.loads(fields["data"]), fields["id"]))
    return found


def text_of(seen: Sequence[Frame]) -> str:
    """What the page shows after these events."""
    text = ""
    for frame in seen:
        if frame.type == "message_start":
            text = ""
        elif frame.type == "content_block_delta":
            text += frame.data["delta"].get("text", "")
    return text


def ended(seen: Sequence[Frame]) -> bool:
    """Whether the answer is over."""
    return bool(seen) and seen[-1].type in ("message_stop", "error")


class Worker:
    """One process of the application's, as far as a process is needed: its own journal, client and host."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state

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
            await app(self._scope(method, path, headers or {}), receive, send)
        return status, b"".join(chunks).decode()

    async def ask(self, text: str, number: int = 0, chat: str = CHAT) -> int:
        """Ask a question; the status."""
        body = json.dumps({"text": text}).encode()
        path = f"{chat}/questions/{number}"
        return (await self.call("PUT", path, body, {"content-type": "application/json"}))[0]

    async def stop(self, number: int = 0, chat: str = CHAT) -> int:
        """Stop an answer; the status."""
        return (await self.call("POST", f"{chat}/answers/{number}/stop"))[0]

    async def follow(
        self,
        enough: Callable[[list[Frame]], bool] = ended,
        *,
        number: int = 0,
        last: str | None = None,
    ) -> list[Frame]:
        """Read the events of an answer until it is enough, then hang up; the application has to notice.

        Args:
            enough: Looks at what came so far.
            number: Which answer.
            last: The header `Last-Event-ID`; None: there is none.
        """
        stream, statuses = "", []
        gone = anyio.Event()

        async def send(message: Any) -> None:
            nonlocal stream
            if "status" in message:
                statuses.append(message["status"])
            if not gone.is_set():
                stream += message.get("body", b"").decode()
                if enough(frames(stream)):
                    gone.set()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        headers = {} if last is None else {"last-event-id": last}
        with anyio.fail_after(120):
            await app(self._scope("GET", f"{CHAT}/answers/{number}", headers), receive, send)
        assert statuses == [200]
        return frames(stream)

    def _scope(self, method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": dict(self._state),
        }


class Site:
    """The application's workers, which share a directory and nothing else, and the API that they ask."""

    def __init__(self, api: FaultServer) -> None:
        self.api = api

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """One more worker; it leaves at the end, as one does that is replaced by a deploy."""
        async with app.router.lifespan_context(app) as state:
            assert state is not None
            yield Worker(state)


@asynccontextmanager
async def site(script: Script | Answer | str, data: Path) -> AsyncIterator[Site]:
    """The application on a fault server, in this event loop, without a worker yet."""
    async with FaultServer(script) as api:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ANTHROPIC_BASE_URL", api.url)
            patch.setenv("ANTHROPIC_API_KEY", "test")
            patch.setenv("CHAT_DATA", str(data))
            yield Site(api)
        await all_closed(api)
