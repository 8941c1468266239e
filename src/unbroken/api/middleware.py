"""The second door: every streaming request of a client survives, with no other change to the code that makes it.

```python
client = AsyncAnthropic(middleware=[ResilienceMiddleware(fallback_models=["claude-sonnet-5-5"])])
```

The engine is that of `resilient_stream`; its attempts go down the rest of the client's middleware chain, and what comes
out is one body.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Any, ClassVar, Final

import anthropic
import anyio
import httpx2
from anthropic import Middleware
from anthropic.resources.beta.messages import AsyncMessages
from anthropic.resources.messages import AsyncMessages as Messages

from ..core.wire.frames import encode
from ..engine.driver import Driver
from ..engine.preflight import check_request
from ..engine.reader import Reader, open_reader
from ..errors import StreamFailed
from ..health.health import Health
from ..policy import Policy
from ..report import Notice
from ..reporting.notifier import check_listener
from ..routes import Fallback, Route, check_fallbacks, resolve
from ..sdk.call_site import NOWHERE
from ..sdk.clients import quiet_resource, stream_arguments
from ..sdk.message_threads import continues, is_a_callers_own, lost
from ..sdk.middleware_chain import Chain, InOnePiece
from ..sdk.typed_events import Api

__all__ = ["ResilienceMiddleware"]

_PATH: Final = "/v1/messages"
#: Text goes on as it comes. A reader of the SDK's keeps its own books, and cannot be told that a block was given
#: up, so a block that could be is held until it is whole.
_LIVE: Final = frozenset({"text"})


class ResilienceMiddleware(Middleware):
    """Keeps the Messages requests of an async client alive: `AsyncAnthropic(middleware=[ResilienceMiddleware()])`.

    A stream that dies is gone on with, on the same model or on a fallback, and the reader sees one message. A request
    that does not stream is retried, and fails over. Everything else passes through untouched. When nothing helps,
    a stream that has begun raises `StreamFailed`; before that, what the API said last is raised as the SDK's own
    error, with the `StreamFailed` in `error.response.extensions["unbroken"]`. The SDK's own retries do not start over:
    `x-should-retry: false` tells them.

    Message threads (beta), over which the SDK's tool runner works by default, cannot be resumed. Requests of the SDK's
    helpers for them are sent with the whole conversation instead, which costs a longer request body; a request with
    a `thread` of your own passes through untouched.

    With `Policy(preflight="error")`, a request that the API would not take raises `PreflightFailed` where it is made.

    Put it last in the list, next to the network: what stands before it, such as the SDK's
    `BetaRefusalFallbackMiddleware`, then reads whole streams. The other order works too, and resumes go through what
    stands after it. One instance belongs to one client: its breakers and budget are that client's.

    Args:
        fallback_models: As in `resilient_stream`.
        policy: As in `resilient_stream`, but that only text is live. None: the defaults of `Policy`.
        health: What streams share. None: one of this instance's own.
        on_notice: As in `resilient_stream`.

    Raises:
        TypeError: A value has another type.
        ValueError: The policy would end in a batch, which has no answer to the request that was made.
    """

    runs_the_engine: ClassVar[bool] = True

    def __init__(
        self,
        *,
        fallback_models: Iterable[Fallback] = (),
        policy: Policy | None = None,
        health: Health | None = None,
        on_notice: Callable[[Notice], object] | None = None,
    ) -> None:
        check_listener(on_notice)
        for value, type_, name in ((policy, Policy, "policy"), (health, Health, "health")):
            if value is not None and not isinstance(value, type_):
                raise TypeError(f"{name} must be a {type_.__name__}, not {type(value).__name__}")
        limits = policy or Policy()
        if limits.on_exhausted == "defer":
            raise ValueError("a middleware cannot defer: the caller waits for a response, not for a batch")
        if isinstance(fallback_models, str | Mapping | Route):
            raise TypeError("fallback_models must be a list of models, not a single one")
        self._fallbacks = tuple(fallback_models)
        self._streaming = replace(limits, live=_LIVE & limits.live)
        # An answer in one piece comes after a silence as long as itself; the request's own timeout bounds it.
        self._in_one_piece = replace(limits, hedging=None, idle_timeout=inf, first_content_timeout=inf)
        self._health = health or Health()
        self._on_notice = on_notice
        check_fallbacks(self._fallbacks, self._arguments())

    async def handle_async(
        self, request: anthropic.APIRequest, call_next: anthropic.AsyncCallNext
    ) -> anthropic.AsyncAPIResponse[Any]:
        """Called by the SDK for each request."""
        body = _messages_body(request)
        if body is None or is_a_callers_own(request, body):
            return await call_next(request)
        if continues(body):
            return _response(request, lost(request), None)
        chain = Chain(request, call_next)
        driver = self._driver(request, body, chain)
        try:
            reader = await open_reader(driver)
        except (anthropic.APIStatusError, StreamFailed) as error:
            return _final(error, chain)
        if not body.get("stream"):
            return _whole(request, driver, chain)
        return _spliced(request, driver, reader, chain)

    def _driver(self, request: anthropic.APIRequest, body: dict[str, Any], chain: Chain) -> Driver:
        arguments = {name: value for name, value in body.items() if name not in ("stream", "thread")}
        timeout = request.timeout
        arguments["timeout"] = anthropic.DEFAULT_TIMEOUT if isinstance(timeout, anthropic.NotGiven) else timeout
        api: Api = "beta" if _is_beta(request) else "messages"
        # What the SDK's methods have no argument for goes to another client by the way that it came by.
        known = stream_arguments(AsyncMessages if api == "beta" else Messages, api)
        if unknown := {name: arguments.pop(name) for name in set(arguments) - known}:
            arguments["extra_body"] = unknown
        if api == "beta" and (betas := request.headers.get("anthropic-beta")):
            arguments["betas"] = [beta.strip() for beta in str(betas).split(",")]
        findings = check_request(
            arguments,
            self._streaming.preflight,
            models=self._health.models,
            version=lambda: request.headers.get("anthropic-version"),
        )
        routes = self._routes(str(body.get("model")))
        own = self._own_client
        resources: dict[int, Any] = {rank: chain for rank, route in enumerate(routes) if route.client is own}
        if not body.get("stream"):
            others = {rank: route.client for rank, route in enumerate(routes) if route.client is not own}
            resources |= {rank: InOnePiece(quiet_resource(client, api)) for rank, client in others.items()}
        return Driver(
            api=api,
            routes=routes,
            request=arguments,
            policy=self._streaming if body.get("stream") else self._in_one_piece,
            health=self._health,
            on_notice=self._on_notice,
            call_site=NOWHERE,
            started=anyio.current_time(),
            resources=resources,
            in_one_piece=not body.get("stream"),
            findings=findings,
        )

    @property
    def _own_client(self) -> object:
        """What stands for the client that this instance belongs to.

        The SDK does not tell a middleware which client that is. Routes and `Health` only compare clients and keep what
        they know of each, and requests to this one go down its chain, so any object of its own will do.
        """
        return self

    def _arguments(self) -> frozenset[str]:
        """The names that a fallback's patch may use."""
        return frozenset(stream_arguments(AsyncMessages, "beta"))

    def _routes(self, model: str) -> tuple[Route, ...]:
        return resolve(model, self._own_client, self._fallbacks, self._arguments())


def _is_beta(request: anthropic.APIRequest) -> bool:
    qualifiers = getattr(request.options, "qualifiers", None) or {}  # of SDK 2; before that, it was in the URL
    return qualifiers.get("beta") == "true" or httpx2.URL(request.url).params.get("beta") == "true"


def _messages_body(request: anthropic.APIRequest) -> dict[str, Any] | None:
    """The body of a Messages request; None of any other."""
    body = request.json
    if request.method.lower() != "post" or httpx2.URL(request.url).path != _PATH or not isinstance(body, dict):
        return None
    return body


def _response_of(driver: Driver) -> httpx2.Response:
    assert driver.response is not None
    return driver.response


def _final(error: anthropic.APIStatusError | StreamFailed, chain: Chain) -> anthropic.AsyncAPIResponse[Any]:
    """The response that the SDK is to raise its own error from. Raises the error where there is none such."""
    said = error.last if isinstance(error, StreamFailed) else error
    response = chain.responses.get(said.response) if isinstance(said, anthropic.APIStatusError) else None
    if response is None or response.http_response.is_success:
        raise error
    response.http_response.headers["x-should-retry"] = "false"
    if isinstance(error, StreamFailed):
        response.http_response.extensions["unbroken"] = error
    return response


def _whole(request: anthropic.APIRequest, driver: Driver, chain: Chain) -> anthropic.AsyncAPIResponse[Any]:
    """The response of whichever route has answered."""
    response, client = _response_of(driver), driver.route.client
    driver.release()
    return chain.responses.get(response) or _response(request, response, client)


def _response(
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


def _spliced(
    request: anthropic.APIRequest, driver: Driver, reader: Reader, chain: Chain
) -> anthropic.AsyncAPIResponse[Any]:
    """The response that the caller reads: the headers of the one that answered first, and the body of all of them."""
    first = _response_of(driver)
    ours = chain.responses.get(first)
    client: Any = getattr(ours, "_client", driver.route.client)
    headers = first.headers.copy()
    for name in ("content-encoding", "content-length"):
        headers.pop(name, None)
    body = _Body(driver, reader, binary=isinstance(client, anthropic.AsyncAnthropicBedrock))
    spliced = httpx2.Response(first.status_code, headers=headers, stream=body, request=first.request)
    return _response(request, spliced, client, stream=True)


class _Body(httpx2.AsyncByteStream):
    """The events of one stream, as bytes again."""

    def __init__(self, driver: Driver, reader: Reader, *, binary: bool) -> None:
        self._driver = driver
        self._reader = reader
        self._binary = binary

    async def __aiter__(self) -> AsyncIterator[bytes]:
        feed = self._driver.out
        while True:
            try:
                frames = [encode(await self._reader.next_event(), binary=self._binary)]
            except StopAsyncIteration:
                return
            while feed.waiting:
                frames.append(encode(feed.take(), binary=self._binary))
            yield b"".join(frames)

    async def aclose(self) -> None:
        await self._reader.close()
