"""The backend: a hundred lines of FastAPI. Every worker runs it, and it makes no difference which of them is asked.

    PUT  /chats/{chat}/questions/{number}      ask; a page can send it until it works: nothing is asked twice
    GET  /chats/{chat}/questions               what was asked
    GET  /chats/{chat}/answers/{number}        an answer as server-sent events, from where its reader was
    POST /chats/{chat}/answers/{number}/stop   stop it
    GET  /, /chats/{chat}                      the page

The answer to a question is the stream `{chat}/{number}` of the journal. The page makes up the chat's id, 128 random
bits, and whoever knows it reads the chat: put your own login before all of it, and give `owner=user.id` to `start`,
`attach` and `cancel`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from anthropic import AsyncAnthropic
from anyio import fail_after, to_thread
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from unbroken import Policy, StreamCancelled, StreamConflict, StreamFailed, StreamHost, StreamMissing, attach, cancel
from unbroken.journal import Journal, JournalError, SQLiteJournal
from unbroken.web import BrokenOff, StreamResponse

from .chats import Chats

STATIC: Final = Path(__file__).parent / "static"
PAGE: Final = (STATIC / "chat.html").read_text("utf-8")
#: How long a question waits for the end of the answer before it, in seconds.
PATIENCE: Final = 2.0
#: The page loads nothing from elsewhere, and tells nobody its address, which is the key to the chat.
PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


class Backend(NamedTuple):
    """What every request works with."""

    journal: Journal
    host: StreamHost
    chats: Chats


class Question(BaseModel):
    text: Annotated[str, Field(pattern=r"\S", max_length=20_000)]


def directory() -> Path:
    """Where all workers keep what they share."""
    path = Path(os.environ.get("CHAT_DATA", "chat-data"))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    data = directory()
    async with (
        SQLiteJournal(data / "answers.db", retention=7 * 24 * 3600) as journal,
        AsyncAnthropic() as client,
        StreamHost(
            journal, client, fallback_models=["claude-sonnet-5-5"], policy=Policy(deadline=600), max_streams=200
        ) as host,
    ):
        yield {"backend": Backend(journal, host, await to_thread.run_sync(Chats, data / "chats.db"))}


async def backend(request: Request) -> Backend:
    here: Backend = request.state.backend
    return here


Here = Annotated[Backend, Depends(backend)]
Number = Annotated[int, InPath(ge=0, lt=1_000)]
app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
app.mount("/static", StaticFiles(directory=STATIC))
# A response that is broken off when its worker leaves is as it should be: its reader comes back to another worker.
logging.getLogger("uvicorn.error").addFilter(
    lambda line: not (line.exc_info and isinstance(line.exc_info[1], BrokenOff))
)


@app.put("/chats/{chat}/questions/{number}")
async def ask(chat: UUID, number: Number, question: Question, here: Here) -> Response:
    try:
        with fail_after(PATIENCE):
            messages = await conversation(here, chat, number)
    except TimeoutError:
        raise HTTPException(409, "The answer before it is still on its way.") from None
    if not await to_thread.run_sync(here.chats.ask, str(chat), number, question.text):
        raise HTTPException(409, "Something else was asked in the meantime.")
    messages.append({"role": "user", "content": question.text})
    try:
        begun = await here.host.start(f"{chat}/{number}", model="claude-opus-5-5", max_tokens=4096, messages=messages)
    except StreamConflict:
        raise HTTPException(409, "What was said before it is not what it was.") from None
    return Response(status_code=201 if begun else 204)


async def conversation(here: Backend, chat: UUID, before: int) -> list[dict[str, str]]:
    """What was said so far, without questions that brought nothing, or were refused: they would be again."""
    asked = await to_thread.run_sync(here.chats.questions, str(chat))
    messages = []
    for number, question in enumerate(asked[:before]):
        answer = attach(here.journal, f"{chat}/{number}")
        try:
            await answer.until_done()
        except (StreamMissing, StreamCancelled):
            pass  # not kept any more, or stopped: what had come counts
        except StreamFailed as error:
            if isinstance(error.__cause__, JournalError):
                raise
        if answer.partial.text.strip() and answer.partial.stop_reason != "refusal":
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer.partial.text}]
    return messages


@app.get("/chats/{chat}/questions")
async def questions(chat: UUID, here: Here) -> list[str]:
    return await to_thread.run_sync(here.chats.questions, str(chat))


@app.api_route("/chats/{chat}/answers/{number}", methods=["GET", "HEAD"])
async def read(chat: UUID, number: Number, here: Here) -> StreamResponse:
    return StreamResponse(attach(here.journal, f"{chat}/{number}"))


@app.post("/chats/{chat}/answers/{number}/stop", status_code=204)
async def stop(chat: UUID, number: Number, here: Here) -> None:
    with suppress(StreamMissing):
        await cancel(here.journal, f"{chat}/{number}")


@app.get("/")
@app.get("/chats/{chat}")
async def page() -> HTMLResponse:
    return HTMLResponse(PAGE, headers=PAGE_HEADERS)
