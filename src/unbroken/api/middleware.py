"""The second door: every streaming request of a client survives, with no other change to the code that makes it.

```python
client = AsyncAnthropic(middleware=[ResilienceMiddleware(fallback_models=["claude-sonnet-5-5"])])
```

The engine is that of `resilient_stream`; its attempts go down the rest of the client's middleware chain, and what comes
out is one body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Final

import anthropic
from anthropic import Middleware

from ..engine.reader import open_reader
from ..errors import StreamFailed
from ..health.health import Health
from ..policy import Policy
from ..report import Notice
from ..reporting.notifier import check_listener
from ..routes import Fallback, Route, check_fallbacks
from ..sdk.message_threads import continues, is_a_callers_own, lost
from ..sdk.middleware_chain import Chain
from .intercepted import Intercepted, messages_body, patchable
from .responses import as_response, final, in_one_piece, spliced, whole

if TYPE_CHECKING:
    from ..journal import Journal

__all__ = ["ResilienceMiddleware"]

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

    With a journal, a request of which `stream_id` makes an id is written down as it is answered, and can be made again:
    it then goes on from where its process has died, is read along where another is at it, and costs no request where it
    is answered already. One that does not stream is asked for as a stream, and answered in one piece. Under the id of
    another request, `StreamConflict` is raised. `resilient_stream` over such a client has its own journal, or none.

    With `Policy(preflight="error")`, a request that the API would not take raises `PreflightFailed` where it is made.

    Put it last in the list, next to the network: what stands before it, such as the SDK's
    `BetaRefusalFallbackMiddleware`, then reads whole streams. The other order works too, and resumes go through what
    stands after it. One instance belongs to one client: its breakers and budget are that client's.

    Args:
        fallback_models: As in `resilient_stream`.
        policy: As in `resilient_stream`, but that only text is live. None: the defaults of `Policy`.
        health: What streams share. None: one of this instance's own.
        on_notice: As in `resilient_stream`.
        journal: Where messages are written down as they come, so that a request that is made again, also by another
            process, goes on instead of starting over. None: nowhere.
        stream_id: Called with each Messages request, as the SDK has it (`anthropic.APIRequest`, with `.json`, its body,
            and `.headers`), in the task that asks, where context variables can be read. Returns the id of its stream in
            the journal, as in `resilient_stream`; None: this one is not written down.
        owner: Likewise; returns whose the stream is, for `attach`, `cancel` and `purge`. None: nobody's.

    Raises:
        TypeError: A value has another type, or `journal` and `stream_id` do not come together.
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
        journal: Journal | None = None,
        stream_id: Callable[[anthropic.APIRequest], str | None] | None = None,
        owner: Callable[[anthropic.APIRequest], str | None] | None = None,
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
        check_fallbacks(self._fallbacks, patchable())
        self._journal, self._stream_id, self._owner = journal, stream_id, owner
        if journal is not None or stream_id is not None or owner is not None:
            from .durable import check_functions

            check_functions(journal, stream_id, owner)

    async def handle_async(
        self, request: anthropic.APIRequest, call_next: anthropic.AsyncCallNext
    ) -> anthropic.AsyncAPIResponse[Any]:
        """Called by the SDK for each request."""
        body = messages_body(request)
        if body is None or is_a_callers_own(request, body):
            return await call_next(request)
        if continues(body):
            return as_response(request, lost(request), None)
        stream_id = None if self._stream_id is None else self._stream_id(request)
        if stream_id is not None:
            return await self._durable(request, body, call_next, stream_id)
        chain, streams = Chain(request, call_next), bool(body.get("stream"))
        driver = self._intercepted(request, body, chain, streams=streams).driver()
        try:
            reader = await open_reader(driver)
        except (anthropic.APIStatusError, StreamFailed) as error:
            return final(error, chain)
        if not streams:
            return whole(request, driver, chain)
        return spliced(request, driver, reader, chain, client=driver.route.client)

    async def _durable(
        self, request: anthropic.APIRequest, body: dict[str, Any], call_next: anthropic.AsyncCallNext, stream_id: str
    ) -> anthropic.AsyncAPIResponse[Any]:
        """Answer a request whose stream is in the journal."""
        from ..durable.whole_blocks import WholeBlocks
        from .durable import durable_engine

        # Also where the answer is to come in one piece: what did not come as a stream could not be gone on with.
        chain = Chain(request, call_next, streams=True)
        owner = None if self._owner is None else self._owner(request)
        asked = self._intercepted(request, body, chain, streams=True)
        engine = durable_engine(self._journal, asked, stream_id, owner)
        try:
            reader = await open_reader(engine)
            if not body.get("stream"):
                return await in_one_piece(request, engine, reader, chain)
        except (anthropic.APIStatusError, StreamFailed) as error:
            return final(error, chain)
        return spliced(request, engine, reader, chain, only=WholeBlocks(engine.partial).push)

    def _intercepted(
        self, request: anthropic.APIRequest, body: dict[str, Any], chain: Chain, *, streams: bool
    ) -> Intercepted:
        return Intercepted.of(
            request,
            body,
            chain,
            own_client=self._own_client,
            fallback_models=self._fallbacks,
            policy=self._streaming if streams else self._in_one_piece,
            health=self._health,
            on_notice=self._on_notice,
            streams=streams,
        )

    @property
    def _own_client(self) -> object:
        """What stands for the client that this instance belongs to.

        The SDK does not tell a middleware which client that is. Routes and `Health` only compare clients and keep what
        they know of each, and requests to this one go down its chain, so any object of its own will do.
        """
        return self
