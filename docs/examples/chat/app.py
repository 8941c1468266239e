"""The web application: the page, and the four requests that it makes.

    PUT  /chats/{id}/questions/{number}        ask; asked again, it does nothing, so that it can be tried until it works
    POST /chats/{id}/questions/{number}/stop   stop the answer to it
    GET  /chats/{id}/events                    the chat's log, and all that is added to it, as server-sent events
    GET  /, /chats/{id}                        the page

The page makes up the id, 128 random bits, and whoever knows it reads the chat. Put your own login before all of it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import anyio
from anyio.abc import TaskGroup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .answering import Model, answer
from .chats import Chats, Full
from .sse import GONE, EventStream

__all__ = ["make_app"]

STATIC: Final = Path(__file__).parent / "static"

#: Characters of a question, and bytes of the request that brings it: JSON has up to 12 bytes for a character.
LONGEST_QUESTION: Final = 20_000
LARGEST_BODY: Final = 12 * LONGEST_QUESTION + 100

#: The page loads nothing from elsewhere, and tells nobody its address, which is the key to the chat.
PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
#: What stands between (nginx, for one) must not hold events back, and nothing may keep them.
EVENT_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


def make_app(model: Model, chats: Chats) -> Starlette:
    """The application.

    Args:
        model: Who answers.
        chats: Where the chats are kept.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # Answers belong to the application and not to a request: they go on when whoever asked is gone.
        async with anyio.create_task_group() as backend.answers:
            yield
            backend.answers.cancel_scope.cancel()

    backend = Backend(model, chats)
    chat, question = "/chats/{id:uuid}", "/chats/{id:uuid}/questions/{number:int}"
    routes = [
        Route("/", page),
        Route(chat, page),
        Route(f"{chat}/events", backend.events),
        Route(question, backend.ask, methods=["PUT"]),
        Route(f"{question}/stop", backend.stop, methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def page(_: Request) -> Response:
    """The page. It is the same for every chat: it finds the id in its own address."""
    return FileResponse(STATIC / "chat.html", headers=PAGE_HEADERS)


class Backend:
    """What the page asks for."""

    answers: TaskGroup

    def __init__(self, model: Model, chats: Chats) -> None:
        self._model = model
        self._chats = chats

    async def ask(self, request: Request) -> Response:
        """Ask a question; the first one opens the chat. The answer goes into the chat's log."""
        text = await _question(request)
        if isinstance(text, Response):
            return text
        chat_id, number = _of(request)
        chat = self._chats.find(chat_id)
        if chat is None:
            if number:
                return _refusal(404, "This chat is no longer kept. Begin a new one.")
            try:
                chat = self._chats.open(chat_id)
            except Full:
                return _refusal(429, "Too many people are asking. Try again in a minute.")
        asked = chat.questions
        if number < len(asked) and asked[number] == text:
            return Response(status_code=204)
        if number != len(asked) or chat.answering:
            return _refusal(409, "Something else was asked in the meantime.")
        chat.ask(text)
        self.answers.start_soon(answer, chat, self._model)
        return Response(status_code=201)

    async def stop(self, request: Request) -> Response:
        """Stop an answer. Nothing happens if it is over."""
        chat_id, number = _of(request)
        if chat := self._chats.find(chat_id):
            chat.stop(number)
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """The chat's events after the one that the reader saw last."""
        # The browser sends the header when it connects again by itself: it is newer than the address.
        last = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        seen = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
        chat = self._chats.find(_of(request)[0])
        if chat is None or seen > len(chat.events):
            return Response(GONE, media_type="text/event-stream", headers=EVENT_HEADERS)
        return StreamingResponse(EventStream(chat, seen), media_type="text/event-stream", headers=EVENT_HEADERS)


def _of(request: Request) -> tuple[UUID, int]:
    return request.path_params["id"], request.path_params.get("number", 0)


async def _question(request: Request) -> str | Response:
    """The text of the question, or what is wrong with it."""
    # Of a page elsewhere, the browser asks first whether it may send this type; it may not.
    if request.headers.get("content-type") != "application/json":
        return _refusal(415, "A question comes as application/json.")
    body = b""
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > LARGEST_BODY:
                return _refusal(413, "The question is too long.")
    try:
        text = json.loads(body)["text"]
    except (ValueError, LookupError, TypeError, RecursionError):
        text = None
    if not isinstance(text, str) or not text.strip():
        return _refusal(400, "There is no question.")
    return text if len(text) <= LONGEST_QUESTION else _refusal(413, "The question is too long.")


def _refusal(status: int, words: str) -> Response:
    return JSONResponse({"words": words}, status_code=status)
