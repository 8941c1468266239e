"""The responses that a middleware gives to the SDK: of one request that answered as a whole, or of many joined."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import anthropic
import httpx2

from ..core.message.blocks import CALLS, SERVER_USES
from ..core.message.partial import Partial
from ..core.wire.decoded import Event
from ..core.wire.frames import encode
from ..core.wire.json_text import loads
from ..engine.driver import Driver
from ..engine.reader import Engine, Reader
from ..errors import StreamFailed
from ..sdk.middleware_chain import Chain
from ..sdk.stand_in import stand_in

__all__ = ["as_response", "final", "in_one_piece", "spliced", "whole"]

#: Of a response that is read in part, or decoded, these tell of another body.
_OF_ANOTHER_BODY: Final = ("content-encoding", "content-length", "transfer-encoding")


def as_response(
    request: anthropic.APIRequest, response: httpx2.Response, client: Any, *, stream: bool = False
) -> anthropic.AsyncAPIResponse[Any]:
    """A response as the chain hands it on."""
    return anthropic.AsyncAPIResponse(
        raw=response,
        cast_to=request.cast_to,
        client=client,
        stream=stream,
        stream_cls=request.stream_cls if stream else None,
        options=request.options,
        retries_taken=request.retries_taken,
    )


def final(error: anthropic.APIStatusError | StreamFailed, chain: Chain) -> anthropic.AsyncAPIResponse[Any]:
    """The response that the SDK is to raise its own error from. Raises the error where there is none such."""
    said = error.last if isinstance(error, StreamFailed) else error
    response = chain.responses.get(said.response) if isinstance(said, anthropic.APIStatusError) else None
    if response is None or response.http_response.is_success:
        raise error
    response.http_response.headers["x-should-retry"] = "false"
    if isinstance(error, StreamFailed):
        response.http_response.extensions["unbroken"] = error
    return response


def whole(request: anthropic.APIRequest, driver: Driver, chain: Chain) -> anthropic.AsyncAPIResponse[Any]:
    """The response of whichever route has answered."""
    assert driver.response is not None
    response, client = driver.response, driver.route.client
    driver.release()
    return chain.responses.get(response) or as_response(request, response, client)


def spliced(
    request: anthropic.APIRequest,
    engine: Engine,
    reader: Reader,
    chain: Chain,
    *,
    client: Any = None,
    only: Callable[[Event], Sequence[Event]] | None = None,
) -> anthropic.AsyncAPIResponse[Any]:
    """The response that the caller reads: the headers of the one that answered first, and the body of all of them.

    Args:
        request: What was asked.
        engine: What has opened the stream.
        reader: Of its events.
        chain: By which it was asked.
        client: Which got the first response, where that came by another way than the chain. None: it is not known.
        only: Gives those events that the caller is to get of each. None: all.
    """
    first = engine.response
    client = _client_of(first, chain, client)
    body = _Body(engine, reader, only, binary=isinstance(client, anthropic.AsyncAnthropicBedrock))
    return as_response(request, _made(request, first, "text/event-stream", stream=body), client, stream=True)


async def in_one_piece(
    request: anthropic.APIRequest, engine: Engine, reader: Reader, chain: Chain
) -> anthropic.AsyncAPIResponse[Any]:
    """The response to a request that does not stream: the message, read to its end.

    Raises:
        ValueError: The input of a tool call is no JSON.
        Exception: What the stream ends with.
    """
    try:
        while True:
            await reader.next_event()
    except StopAsyncIteration:
        pass
    finally:
        await reader.close()
    if not engine.partial.complete:
        raise engine.failure("it was closed before the message was whole")
    first = engine.response
    made = _made(request, first, "application/json", json=_message(engine.partial))
    if first is None and (ids := engine.report.request_ids):
        made.headers["request-id"] = ids[-1]
    return as_response(request, made, _client_of(first, chain, None))


def _client_of(first: httpx2.Response | None, chain: Chain, other: Any) -> Any:
    """By what the SDK parses: the client that has got the response, as far as there is one."""
    ours = None if first is None else chain.responses.get(first)
    return getattr(ours, "_client", None) or other or stand_in()


def _made(
    request: anthropic.APIRequest, first: httpx2.Response | None, media_type: str, **body: Any
) -> httpx2.Response:
    """A response with the status and the headers of the first, where there is one, and another body."""
    if first is None:
        asked = httpx2.Request(request.method, httpx2.URL(request.url))
        return httpx2.Response(200, headers={"content-type": media_type}, request=asked, **body)
    headers = first.headers.copy()
    for name in _OF_ANOTHER_BODY:
        headers.pop(name, None)
    if "json" in body:
        headers["content-type"] = media_type
    return httpx2.Response(first.status_code, headers=headers, request=first.request, **body)


def _message(partial: Partial) -> dict[str, Any]:
    """The message as the API has it that answers in one piece."""
    for block in partial.whole(*CALLS, *SERVER_USES):
        if written := "".join(block.pieces):
            try:
                loads(written)
            except ValueError:
                raise ValueError("the input of a tool call in the answer is no JSON") from None
    ending = partial.ending.get("delta") or {}
    return {**(partial.message or {}), **ending, "content": partial.content, "usage": partial.usage}


class _Body(httpx2.AsyncByteStream):
    """The events of one stream, as bytes again."""

    def __init__(
        self, engine: Engine, reader: Reader, only: Callable[[Event], Sequence[Event]] | None, *, binary: bool
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._only = only
        self._binary = binary

    async def __aiter__(self) -> AsyncIterator[bytes]:
        feed, only = self._engine.out, self._only
        while True:
            try:
                events = [await self._reader.next_event()]
            except StopAsyncIteration:
                return
            while feed.waiting:
                events.append(feed.take())
            if only is not None:
                events = [each for event in events for each in only(event)]
            if events:
                yield b"".join([encode(event, binary=self._binary) for event in events])

    async def aclose(self) -> None:
        await self._reader.close()
