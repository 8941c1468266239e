"""One request in the Message Batches API: created, waited for, fetched."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import anthropic
import anyio
import httpx2
from pydantic import TypeAdapter

from ..core.failure import Failure, Kind, Verdict
from ..core.wire.request_ids import request_id
from ..diagnosis import evidence
from ..policy import Policy
from ..sdk.clients import parameters, resource, without_retries
from ..sdk.timeouts import Timeouts
from ..sdk.typed_events import Api
from .request import as_batched, result_in

if TYPE_CHECKING:
    from anthropic.types.messages import MessageBatch

__all__ = [
    "Answered",
    "NoBatches",
    "answer",
    "batches_of",
    "create",
    "create_of",
    "demanded_format",
    "failure_of",
    "has_batches",
    "supported_arguments",
    "with_schema",
]

T = TypeVar("T")

#: Clients of platforms of which the SDK itself says that they have no batches ("not supported in Bedrock yet").
_WITHOUT: Final = frozenset({"AsyncAnthropicBedrock", "AsyncAnthropicVertex"})

#: Seconds between looks at a batch: the first, by which factor each is longer, and the longest. Most batches end
#: within the hour (the API's batch-processing page), some within seconds.
_FIRST_WAIT: Final = 1.0
_GROWTH: Final = 1.5
_LONGEST_WAIT: Final = 60.0
#: How long one look may take, in seconds.
_TIMEOUT: Final = 60.0
#: How long a new batch may be a 404, in seconds; it was seen (github.com/anthropics/anthropic-sdk-python/issues/1432).
_UNKNOWN_FOR: Final = 60.0
#: How often results that cannot be read, because their file was cut, are asked for.
_MOST_READS: Final = 8
#: How often in a row a call may fail on this side of the network.
_MOST_FAULTS: Final = 8
#: What a body is that is no JSON.
_UNREADABLE: Final = (json.JSONDecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a request in a batch that has ended.

    Attributes:
        batch: The batch, as the SDK has it.
        result: Its result, as the API has it; None where the results are gone, or hold none for it.
        request_id: Of the response with the results; None where it had none.
    """

    batch: MessageBatch
    result: Mapping[str, Any] | None
    request_id: str | None


class NoBatches(TypeError):
    """A client has no message batches; its text is a sentence to show."""


def batches_of(client: Any, api: Api) -> Any:
    """The client's Message Batches. Raises `NoBatches` if it is no async client, or has none."""
    name = type(client).__name__
    if hasattr(type(client), "__enter__") and not hasattr(type(client), "__aenter__"):
        raise NoBatches(f"a batch needs an async client such as AsyncAnthropic, not {name}")
    try:
        batches = resource(client, api).batches
    except AttributeError:
        batches = None
    if batches is None or _WITHOUT & {type_.__name__ for type_ in type(client).__mro__}:
        raise NoBatches(f"{name} has no message batches; they need a client such as AsyncAnthropic")
    return batches


def has_batches(client: Any, api: Api) -> bool:
    """Whether this client can create one."""
    try:
        batches_of(client, api)
    except NoBatches:
        return False
    return True


async def create(client: Any, api: Api, request: Mapping[str, Any], custom_id: str, policy: Policy) -> MessageBatch:
    """Create a batch of one request; it is asked for again where that may help, as often as the policy allows.

    Args:
        client: An async client of the SDK.
        api: Which of its resources.
        request: The arguments of `messages.stream`.
        custom_id: What the request is called in the batch.
        policy: Attempts and waits; and for how long nothing may be heard, where the request has no timeout.

    Raises:
        anthropic.APIError: What the API said last.
        NoBatches: The client has none.
    """
    params, options = as_batched(with_schema(request))
    return await create_of(client, api, [{"custom_id": custom_id, "params": params}], options, policy)


async def create_of(
    client: Any, api: Api, requests: Sequence[Mapping[str, Any]], options: Mapping[str, Any], policy: Policy
) -> MessageBatch:
    """Create a batch of many requests, as `create` does of one.

    Args:
        client: An async client of the SDK.
        api: Which of its resources.
        requests: Each with `custom_id` and `params`.
        options: What goes with the call.
        policy: As for `create`.

    Raises:
        anthropic.APIError: What the API said last.
        NoBatches: The client has none.
    """
    batches, options = batches_of(without_retries(client), api), dict(options)
    if "timeout" not in options:
        # The SDK's own is ten minutes, for each try, and a caller waits for all of them before it gets the error.
        timeouts = Timeouts(policy.idle_timeout, policy.idle_timeout, policy.idle_timeout)
        _, options["timeout"] = timeouts.beside(getattr(client, "timeout", None))
    failures = 0
    while True:
        try:
            return await _batch(batches.create(requests=requests, **options))
        except anthropic.APIError as error:
            evidence.withhold_headers(error)
            failures += 1
            failure = failure_of(error)
            asked = failure.retry_after or 0.0
            if (
                failure.verdict is not Verdict.RETRY
                or failures >= policy.max_attempts
                or asked > policy.max_retry_after
            ):
                raise
            await anyio.sleep(max(asked, policy.backoff(failures, random.random())))


async def _batch(call: Awaitable[Any]) -> MessageBatch:
    """The batch that a call gives. Raises `anthropic.APIError` where it gives something else, as a gateway may."""
    cause: Exception | None = None
    try:
        batch = await call
        # The SDK takes any object for one.
        dates = isinstance(batch.created_at, datetime) and isinstance(batch.expires_at, datetime)
        if dates and isinstance(batch.id, str) and batch.processing_status:
            return cast("MessageBatch", batch)
    except (AttributeError, *_UNREADABLE) as error:
        cause = error
    request = httpx2.Request("GET", "/v1/messages/batches")
    raise anthropic.APIError("What came is no message batch.", request, body=None) from cause


async def answer(
    client: Any,
    api: Api,
    batch_id: str,
    custom_id: str,
    options: Mapping[str, Any],
    on_status: Callable[[MessageBatch], object] | None = None,
) -> Answered:
    """Wait until a batch has ended, and fetch what came of one of its requests. It waits for as long as that takes.

    Outages, rate limits, and results that are cut are waited over.

    Args:
        client: An async client of the SDK.
        api: Which of its resources.
        batch_id: The batch.
        custom_id: The request.
        options: What goes with each call, as far as the call takes it.
        on_status: Called with each state that the batch is seen in. None: nobody looks.

    Raises:
        anthropic.APIStatusError: The API will not tell: a wrong key, a batch that it does not know.
        anthropic.APIConnectionError: The client cannot ask: it was closed, or its address is none.
        NoBatches: The client has none.
    """
    batches = batches_of(without_retries(client), api)
    waits = _Waits()
    reads = 0
    while True:
        batch = await waits.over(
            lambda: _batch(
                batches.retrieve(batch_id, **supported_arguments(batches.retrieve, options), timeout=_TIMEOUT)
            )
        )
        if batch is not None:
            if on_status is not None:
                on_status(batch)
            if batch.processing_status == "ended":
                if batch.results_url is None:
                    return Answered(batch, None, None)
                fetched = await waits.over(lambda: _fetch(batches, batch_id, options))
                if fetched is not None:
                    body, its_id = fetched
                    result = result_in(body, custom_id)
                    reads += 1
                    if result is not None or reads == _MOST_READS:
                        return Answered(batch, result, its_id)
        await waits.next()


async def _fetch(batches: Any, batch_id: str, options: Mapping[str, Any]) -> tuple[bytes, str | None]:
    its = supported_arguments(batches.results, options)
    lines = await batches.results(batch_id, **its, timeout=_TIMEOUT)
    try:
        return await lines.http_response.aread(), request_id(lines.http_response.headers)
    finally:
        await lines.close()


def supported_arguments(method: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that a method takes: SDK 1.0 has fewer."""
    names = parameters(method)
    return {name: value for name, value in options.items() if names is None or name in names}


class _Waits:
    """The time between looks: it grows, and a server that asks for more gets more."""

    def __init__(self) -> None:
        self._wait = _FIRST_WAIT
        self._asked = 0.0
        self._faults = 0
        self._began = anyio.current_time()

    async def over(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """What a call gives; None when it failed in a way that a later one may not. Raises what will not pass."""
        self._asked = 0.0
        try:
            gave = await call()
            self._faults = 0
            return gave
        except anthropic.APIError as error:
            evidence.withhold_headers(error)
            failure = failure_of(error)
            is_new = failure.kind is Kind.NOT_FOUND and anyio.current_time() - self._began < _UNKNOWN_FOR
            self._faults = self._faults + 1 if _is_ours(error) else 0
            if (failure.verdict is not Verdict.RETRY and not is_new) or self._faults == _MOST_FAULTS:
                raise
            self._asked = failure.retry_after or 0.0
        except (httpx2.HTTPError, *_UNREADABLE):
            pass  # raised as they are where the results break off
        return None

    async def next(self) -> None:
        """Wait: between half of the time and all of it, so that callers which began together do not stay together."""
        await anyio.sleep(max(self._asked, self._wait * (0.5 + random.random() / 2)))
        self._wait = min(_LONGEST_WAIT, self._wait * _GROWTH)


def _is_ours(error: anthropic.APIError) -> bool:
    """Whether a request came to nothing before it reached the network: the client was closed, or its address is none.

    What a connection leaves behind on an event loop that has ended is cleared away by the first calls.
    """
    cause = error.__cause__
    if not isinstance(error, anthropic.APIConnectionError) or cause is None:
        return False
    unsendable = isinstance(cause, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError)
    return unsendable or not isinstance(cause, httpx2.HTTPError | OSError)


def with_schema(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the schema of its `output_format` in `output_config`, where the SDK's `stream` puts it."""
    plain = dict(request)
    type_ = plain.pop("output_format", None)
    if isinstance(type_, Mapping):
        plain["output_format"] = type_  # a schema that came in `extra_body`, and goes where it came from
    elif type_ is not None:
        demanded = {"type": "json_schema", "schema": anthropic.transform_schema(TypeAdapter(type_).json_schema())}
        plain["output_config"] = {**(plain.get("output_config") or {}), "format": demanded}
    return plain


def demanded_format(request: Mapping[str, Any]) -> Any:
    """The form that the answer to a request has to have, as the API takes it; None: any."""
    plain = with_schema(request)
    return plain.get("output_format") or (plain.get("output_config") or {}).get("format")


def failure_of(error: anthropic.APIError) -> Failure:
    """What one of the SDK's errors stands for, now."""
    return evidence.failure_of(error, time.time())
