"""What a middleware sends requests by: the rest of the chain, and other clients for answers in one piece."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import APIRequest, AsyncAnthropic, Middleware
from anthropic._models import FinalRequestOptions

from harness import serving
from unbroken.sdk.middleware_chain import Chain, InOnePiece
from unbroken.testing import Script, Status

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

ASK: dict[str, Any] = {"model": "claude-opus-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi."}]}
TIMEOUT = httpx2.Timeout(5)


def a_request() -> APIRequest:
    """Any request."""
    return APIRequest(options=FinalRequestOptions(method="post", url="/v1/messages"), cast_to=object)


class Sends(Middleware):
    """Sends each request three times by a chain, with another model each time, and answers with the last."""

    def __init__(self, *, streams: bool = False) -> None:
        self.streams = streams
        self.errors: list[anthropic.APIStatusError] = []
        self.chain: Chain | None = None

    async def handle_async(self, request: APIRequest, call_next: Any) -> Any:
        """What the SDK calls."""
        chain = self.chain = Chain(request, call_next, streams=self.streams)
        body = {name: value for name, value in dict(request.json).items() if name != "stream"}  # type: ignore[call-overload]
        for model in ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5"):
            sending = chain.stream(timeout=TIMEOUT, betas=["in-the-headers"], **{**body, "model": model})
            try:
                async with sending as opened:
                    last = opened.response
                    await last.aread()
            except anthropic.APIStatusError as error:
                self.errors.append(error)
        return chain.responses[last]


async def test_variants_of_one_request_go_down_the_chain() -> None:
    """An error status is raised with what the API said; each response is kept in the SDK's own wrapper."""
    sends = Sends()
    async with serving(Script("Hello.", faults=[Status(529), Status(400, message="no such thing")])) as (server, _):
        async with AsyncAnthropic(base_url=server.url, api_key="test", middleware=[sends]) as client:
            message = await client.messages.create(**ASK)
        assert [request.body["model"] for request in server.requests] == [
            "claude-opus-5-5",
            "claude-sonnet-5-5",
            "claude-haiku-4-5",
        ]
        assert all("betas" not in request.body for request in server.requests)
    assert message.content[0].text == "Hello."
    assert [(error.status_code, error.message) for error in sends.errors] == [
        (529, "Overloaded"),
        (400, "no such thing"),
    ]
    assert sends.chain is not None
    assert len(sends.chain.responses) == 3


async def test_a_stream_can_be_asked_for_where_the_request_asks_for_none() -> None:
    """By all that is sent."""
    sends = Sends(streams=True)
    async with serving("Hello.") as (server, _):
        async with AsyncAnthropic(base_url=server.url, api_key="test", middleware=[sends]) as client:
            raw = await client.messages.with_raw_response.create(**ASK)
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert [request.body["stream"] for request in server.requests] == [True] * 3


async def test_whether_it_streams_is_the_callers_word() -> None:
    """A request that streams stays one."""
    sends = Sends()
    async with serving("Hello.") as (server, _):
        async with AsyncAnthropic(base_url=server.url, api_key="test", middleware=[sends]) as client:
            response = await client.messages.create(**ASK, stream=True)
            await response.close()
        assert [request.body.get("stream") for request in server.requests] == [True] * 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "HTTP 502"),
        (b'{"error": "so"}', "HTTP 502"),
        (b"[]", "HTTP 502"),
        (b'{"error": {"message": "no"}}', "no"),
    ],
)
async def test_an_error_of_any_shape_is_an_error(content: bytes, message: str) -> None:
    """A gateway's error page is no JSON."""

    async def call_next(request: APIRequest) -> Any:
        return anthropic.AsyncAPIResponse(
            raw=httpx2.Response(502, content=content, request=httpx2.Request("POST", "http://127.0.0.1/v1/messages")),
            cast_to=object,
            client=AsyncAnthropic(api_key="test"),
            stream=False,
            stream_cls=None,
            options=request.options,
        )

    request = APIRequest(
        options=anthropic._models.FinalRequestOptions(method="post", url="/v1/messages"), cast_to=object
    )
    with pytest.raises(anthropic.APIStatusError) as caught:
        async with Chain(request, call_next).stream(timeout=TIMEOUT, model="m"):
            pass
    assert (caught.value.status_code, caught.value.message) == (502, message)


async def test_what_is_no_response_is_told_in_words() -> None:
    """A middleware further down may answer with a value; then there is nothing to read."""

    async def call_next(request: APIRequest) -> Any:
        return "a message"

    request = APIRequest(
        options=anthropic._models.FinalRequestOptions(method="post", url="/v1/messages"), cast_to=object
    )
    with pytest.raises(TypeError, match="gave a str; it has to give the response"):
        async with Chain(request, call_next).stream(timeout=TIMEOUT, model="m"):
            pass


async def test_another_client_answers_in_one_piece() -> None:
    """With the arguments of its own `create`."""
    async with serving("Hello.") as (server, client):
        async with InOnePiece(client.messages).stream(**ASK, timeout=TIMEOUT) as opened:
            assert opened.response.json()["content"][0]["text"] == "Hello."
        assert "stream" not in server.requests[0].body
