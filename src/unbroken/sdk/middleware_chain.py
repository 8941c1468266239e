"""What a middleware sends requests by, as the engine uses a client's `messages`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import anthropic
import httpx2
from anthropic.types import RawMessageStreamEvent

__all__ = ["Chain", "InOnePiece"]


class Chain:
    """Sends variants of one request by `call_next`.

    Args:
        request: The request that came down the chain.
        call_next: The rest of the chain.
        streams: Whether a stream is asked for, also where the request asks for an answer in one piece.

    Attributes:
        responses: The SDK's response around each HTTP response that came, whatever its status.
    """

    def __init__(
        self, request: anthropic.APIRequest, call_next: anthropic.AsyncCallNext, *, streams: bool = False
    ) -> None:
        self.responses: dict[httpx2.Response, anthropic.AsyncAPIResponse[Any]] = {}
        self._request = request
        self._call_next = call_next
        self._streams = streams

    def stream(self, *, timeout: httpx2.Timeout, betas: object = None, **body: Any) -> _Sending:  # noqa: ARG002
        """What the SDK's `messages.stream` does: send it when it is entered. The betas are in the headers already."""
        body |= body.pop("extra_body", None) or {}
        given = self._request.json
        if self._streams:
            body["stream"] = True
        elif isinstance(given, Mapping) and "stream" in given:
            body["stream"] = given["stream"]
        sent = self._request.copy(body=body, timeout=timeout)
        if self._streams and not sent.stream:
            sent.stream, sent.stream_cls = True, anthropic.AsyncStream[RawMessageStreamEvent]
        return _Sending(lambda: self._send(sent))

    async def _send(self, request: anthropic.APIRequest) -> anthropic.AsyncAPIResponse[Any]:
        """Send a request, and remember its response.

        Raises:
            anthropic.APIError: No response came, or one whose status is an error.
            TypeError: What is further down the chain gave something else than a response.
        """
        response = await self._call_next(request)
        if not isinstance(response, anthropic.AsyncAPIResponse):
            raise TypeError(
                f"a middleware after ResilienceMiddleware gave a {type(response).__name__}; it has to give the response"
            )
        http = response.http_response
        self.responses[http] = response
        if not http.is_success:
            await http.aread()
            raise _status_error(http)
        return response


class InOnePiece:
    """Another client's `messages`, for a request that does not stream."""

    def __init__(self, messages: Any) -> None:
        self._messages = messages

    def stream(self, **request: Any) -> _Sending:
        """What the SDK's `messages.stream` does, for an answer in one piece."""
        return _Sending(lambda: self._messages.with_raw_response.create(**request))


class _Sending:
    """One request, as the engine opens and closes it."""

    def __init__(self, send: Callable[[], Awaitable[Any]]) -> None:
        self._send = send
        self._response: httpx2.Response | None = None

    async def __aenter__(self) -> Self:
        self._response = (await self._send()).http_response
        return self

    @property
    def response(self) -> httpx2.Response:
        assert self._response is not None
        return self._response

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._response is not None:
            await self._response.aclose()


def _status_error(response: httpx2.Response) -> anthropic.APIStatusError:
    """What the engine reads a failure from; the caller gets the SDK's own, made of the response."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        body = None
    said = body.get("error") if isinstance(body, Mapping) else None
    message = said.get("message") if isinstance(said, Mapping) else None
    return anthropic.APIStatusError(str(message or f"HTTP {response.status_code}"), response=response, body=body)
