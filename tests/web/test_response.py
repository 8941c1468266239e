"""What a view returns: to Starlette, and to FastAPI, as it is."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.web.fakes import Client, FakeStream
from tests.web.golden import WIRES
from tests.web.messages import STREAMS
from tests.web.wires import body_of

import unbroken.web
from unbroken.web import BrokenOff, StreamResponse
from unbroken.web.sse import retry_line

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

TEXT = STREAMS["text"]


async def test_a_view_returns_it() -> None:
    """Under middleware, cookies and headers of the application's."""
    done: list[str] = []

    async def view(request: Request) -> Response:
        task = BackgroundTask(done.append, "done")
        response = StreamResponse(FakeStream(TEXT), headers={"X-Chat": "7"}, background=task)
        response.set_cookie("seen", "1")
        return response

    async def passed(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-passed"] = "1"
        return response

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=passed), Middleware(GZipMiddleware, minimum_size=1)]
    app = Starlette(routes=[Route("/", view)], middleware=middleware)
    client = Client()
    await client.get(app, headers={"accept-encoding": "gzip"})
    assert client.body == retry_line(1.0) + (body_of(WIRES["anthropic"](), TEXT) or b"")
    assert client.headers["content-type"] == "text/event-stream"
    assert (client.headers["x-chat"], client.headers["x-passed"]) == ("7", "1")
    assert client.headers["set-cookie"].startswith("seen=1")
    assert "content-length" not in client.headers
    assert done == ["done"]


async def test_fastapi_returns_it_as_it_is() -> None:
    """It makes JSON of whatever is no `Response`."""
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    @app.get("/", response_model=None)
    async def view() -> StreamResponse:
        return StreamResponse(FakeStream(TEXT), "text")

    client = Client()
    await client.get(app)
    assert client.body == TEXT.text.encode()
    assert client.headers["content-type"] == "text/plain; charset=utf-8"


async def test_what_breaks_off_goes_through_the_application() -> None:
    """The server has to hear of it."""

    async def view(request: Request) -> Response:
        return StreamResponse(FakeStream(STREAMS["text, failed"]), "text")

    client = Client()
    with pytest.raises(BrokenOff):
        await client.get(Starlette(routes=[Route("/", view)]))
    assert not client.is_complete


async def test_the_background_runs_also_for_a_client_that_left() -> None:
    """As Starlette has it."""
    done: list[str] = []
    response = StreamResponse(FakeStream(TEXT, live=5), background=BackgroundTask(done.append, "done"))
    await Client(leaves_after=2).get(response)
    assert done == ["done"]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = unbroken.web.nothing
