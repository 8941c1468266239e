"""What `make chat` adds for the show: who is at work, kill -9 for whoever writes, and a rolling restart.

No part of a backend: `app.py` knows nothing of it. It runs where CHAT_CHAOS is set, as `python -m chat` does, and kills
no process but those that have set it.

    GET /chaos           the workers, by process id, and how many answers each is writing; `x-worker` says who was asked
    PUT /chaos/kill      kill -9 those that are writing
    PUT /chaos/restart   replace all workers, one after the other, as a deploy does
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse

from unbroken import StreamHost

from .app import PAGE, PAGE_HEADERS
from .app import app as chat

if not os.environ.get("CHAT_CHAOS"):
    raise RuntimeError("this kills its own workers when it is asked to: set CHAT_CHAOS=1 if that is wanted")

#: Each worker has a file here that says how many answers it is writing; how often it is written anew, and how long it
#: is believed, in seconds.
WORKERS: Final = Path(os.environ.get("CHAT_DATA", "chat-data")) / "chaos"
EVERY: Final = 0.1
BELIEVED: Final = 2.0

BUTTONS: Final = """\
<aside id="chaos" aria-label="Chaos">
  <ul id="workers" aria-label="Workers"></ul>
  <button id="kill" type="button">kill -9 the writer</button>
  <button id="restart" type="button">Rolling restart</button>
</aside>
<script type="module" src="/static/chaos.js"></script>
"""


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[Any]:
    WORKERS.mkdir(mode=0o700, exist_ok=True, parents=True)
    async with chat.router.lifespan_context(chat) as state, anyio.create_task_group() as tasks:
        assert state is not None
        tasks.start_soon(tell, state["backend"].host)
        yield state
        tasks.cancel_scope.cancel()
        (WORKERS / str(os.getpid())).unlink(missing_ok=True)


async def tell(host: StreamHost) -> None:
    """Say how many answers this worker is writing, for as long as it lives."""
    mine = WORKERS / str(os.getpid())
    while True:
        half = mine.with_suffix(".half")
        half.write_text(str(host.streams))
        half.replace(mine)
        await anyio.sleep(EVERY)


app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/chaos")
def look(response: Response) -> dict[int, int]:
    response.headers["x-worker"] = str(os.getpid())
    return workers()


def workers() -> dict[int, int]:
    """How many answers each worker is writing."""
    found = {}
    for file in WORKERS.iterdir():
        try:
            if file.suffix == "" and time.time() - file.stat().st_mtime < BELIEVED:
                found[int(file.name)] = int(file.read_text())
        except FileNotFoundError:
            continue  # it has just left
    return dict(sorted(found.items()))


@app.put("/chaos/kill")
def kill() -> list[int]:
    writing = [pid for pid, streams in workers().items() if streams]
    # This one last: it does not come back from that.
    for pid in sorted(writing, key=lambda pid: pid == os.getpid()):
        (WORKERS / str(pid)).unlink(missing_ok=True)
        os.kill(pid, signal.SIGKILL)
    return writing


@app.put("/chaos/restart", status_code=202)
def restart() -> None:
    # Uvicorn's parent process replaces its workers when it is told to, and a killed one by itself.
    os.kill(os.getppid(), signal.SIGHUP)


@app.get("/")
@app.get("/chats/{chat}")
def page() -> HTMLResponse:
    return HTMLResponse(PAGE.replace("</body>", f"{BUTTONS}</body>"), headers=PAGE_HEADERS)


app.mount("/", chat)
