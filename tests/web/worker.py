"""A worker: one real web server in a process of its own, which serves the streams of a journal.

    python -m tests.web.worker KIND JOURNAL SOCKET

KIND is `fastapi` or `starlette`, both on Uvicorn, or `hypercorn`; SOCKET is the number of an open file. The paths are
those that the AI SDK's transports and the SDK of the Messages API ask for; the chat's, or the model's, name is the
stream's id. Who takes nothing of the stream `impatient` is dropped after 0.3 seconds.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from unbroken import AttachedStream, attach
from unbroken.journal import SQLiteJournal
from unbroken.web import StreamApp, StreamResponse, WireName

__all__ = ["main"]


class Streams:
    """What the views do."""

    def __init__(self, journal: SQLiteJournal) -> None:
        self.journal = journal

    def stream(self, stream_id: str, after: str | None = None) -> AttachedStream:
        """A reader."""
        return attach(self.journal, stream_id, after=after)

    def response(self, stream_id: str, wire: WireName, after: str | None = None) -> StreamResponse:
        """What goes to the client."""
        timeout = 0.3 if stream_id == "impatient" else 300
        return StreamResponse(self.stream(stream_id, after), wire, send_timeout=timeout)


def starlette(streams: Streams, lifespan: Any) -> Starlette:
    """The application on Starlette."""

    async def chat(request: Request) -> Response:
        body = json.loads(await request.body()) if request.method == "POST" else {}
        return streams.response(body.get("id") or request.path_params["id"], "ui-message")

    async def read(request: Request) -> Response:
        wire: Any = request.path_params["wire"]
        return streams.response(request.path_params["id"], wire)

    async def messages(request: Request) -> Response:
        # As the API is asked: from the beginning, whatever the client sends.
        return streams.response(json.loads(await request.body())["model"], "anthropic", "0")

    return Starlette(
        routes=[
            Route("/api/chat", chat, methods=["POST"]),
            Route("/api/chat/{id:path}/stream", chat),
            Route("/v1/messages", messages, methods=["POST"]),
            Route("/{wire}/{id:path}", read, methods=["GET", "HEAD"]),
        ],
        lifespan=lifespan,
    )


def fastapi(streams: Streams, lifespan: Any) -> Any:
    """The same on FastAPI."""
    from fastapi import FastAPI

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/chat", response_model=None)
    async def begin(body: dict[str, Any]) -> StreamResponse:
        return streams.response(body["id"], "ui-message")

    @app.get("/api/chat/{id:path}/stream", response_model=None)
    async def go_on(id: str) -> StreamResponse:
        return streams.response(id, "ui-message")

    @app.post("/v1/messages", response_model=None)
    async def messages(body: dict[str, Any]) -> StreamResponse:
        return streams.response(body["model"], "anthropic", "0")

    @app.api_route("/{wire}/{id:path}", methods=["GET", "HEAD"], response_model=None)
    async def read(wire: WireName, id: str) -> StreamResponse:
        return streams.response(id, wire)

    return app


def plain(streams: Streams, lifespan: Any) -> Callable[..., Awaitable[None]]:
    """Without a framework: `/{wire}/{id}` alone."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            async with lifespan(None):
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        _, wire, stream_id = scope["path"].split("/", 2)
        await StreamApp(streams.stream(stream_id), wire)(scope, receive, send)

    return app


def main(kind: str, path: str, number: str) -> None:
    """Serve until a signal comes."""
    journal = SQLiteJournal(path)
    streams = Streams(journal)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with journal:
            print("ready", flush=True)
            yield
        print("left", flush=True)

    listening = socket.socket(fileno=int(number))
    # Who does not read is noticed soon.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    if kind == "hypercorn":
        _hypercorn(plain(streams, lifespan), listening)
        return
    app = {"fastapi": fastapi, "starlette": starlette}[kind](streams, lifespan)
    # As it comes: without a limit to the time that a shutdown may take.
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run([listening])


def _hypercorn(app: Any, listening: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.graceful_timeout = 0.5
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main(*sys.argv[1:])
