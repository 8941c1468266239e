"""`resilient_stream`: the SDK's `messages.stream`, for streams that must not break."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import anyio
import httpx2
from anthropic import Omit, omit

from ..arguments import as_given, as_sent
from ..core.message.partial import Partial
from ..engine.driver import Driver
from ..engine.preflight import check_request
from ..engine.stream import ResilientStreamManager
from ..errors import StreamTimeout
from ..health.health import Health, default_health
from ..policy import Policy
from ..report import Notice, Report
from ..reporting.notifier import check_listener
from ..routes import Fallback, resolve
from ..sdk.arguments import materialize, without_omitted
from ..sdk.call_site import CallSite
from ..sdk.clients import resource, stream_arguments
from ..sdk.typed_events import Api, FormatT

if TYPE_CHECKING:
    from anthropic import NotGiven
    from anthropic.types import MessageParam, ModelParam
    from typing_extensions import Unpack

__all__ = ["StreamArguments", "resilient_stream"]

_DEFAULTS: Final = Policy()


class StreamArguments(TypedDict, total=False):
    """The optional arguments of the SDK's `messages.stream`, but for `output_format`; see its own documentation.

    What the installed SDK takes beyond these is taken too.
    """

    betas: Any
    cache_control: Any
    container: Any
    context_management: Any
    diagnostics: Any
    extra_body: object
    extra_headers: Any
    extra_query: Any
    fallbacks: Any
    fallback_credit_token: Any
    inference_geo: Any
    mcp_servers: Any
    metadata: Any
    output_config: Any
    service_tier: Any
    speed: Any
    stop_sequences: Any
    system: Any
    thinking: Any
    timeout: float | tuple[float | None, ...] | httpx2.Timeout | NotGiven | None
    tool_choice: Any
    tools: Any
    user_profile_id: Any
    workspace_id: Any


def resilient_stream(
    client: Any,
    *,
    model: ModelParam,
    max_tokens: int,
    messages: Iterable[MessageParam],
    output_format: type[FormatT] | Omit | None = omit,
    fallback_models: Iterable[Fallback] = (),
    policy: Policy | None = None,
    health: Health | None = None,
    on_notice: Callable[[Notice], object] | None = None,
    api: Literal["messages", "beta"] = "messages",
    **arguments: Unpack[StreamArguments],
) -> ResilientStreamManager[FormatT]:
    """Stream a message that does not break when the API does.

    A replacement for `client.messages.stream(...)`: the same arguments, and in the `async with` block the same
    events and helpers. When the stream dies, the rest is asked for with what has arrived, and joined to it.

    ```python
    async with resilient_stream(client, model="claude-opus-5-5", max_tokens=1024, messages=[...]) as stream:
        async for text in stream.text_stream:
            print(text, end="", flush=True)
    ```

    Args:
        client: `AsyncAnthropic`, or another async client of the SDK, such as `AsyncAnthropicBedrock`. Its `max_retries`
            is not used.
        model: The model to ask first.
        max_tokens: The most that the whole answer may have, in tokens. A resume asks for what is left of it.
        messages: The conversation. Files in it are read once, when the stream is entered.
        output_format: A type to parse the text into, as in the SDK.
        fallback_models: Where to go when the model does not answer, in rank order: names, patches
            (`{"model": ..., "thinking": None}`: a value sets an argument, None unsets it), or `Route`s to other
            clients.
        policy: Limits, waits and forms. None: the defaults of `Policy`.
        health: What streams share. None: one for each client.
        on_notice: Called with each `Notice`, from the engine's own task, which reads ahead of the caller. A plain
            function, which must not block; what it raises is logged.
        api: `"beta"` for `client.beta.messages`, with its types.
        **arguments: Everything else that the SDK's `messages.stream` takes. `timeout` bounds the phases of each
            attempt; for reads, the shorter of it and the policy's `idle_timeout` holds.

    Returns:
        A context manager, to be entered once; see `ResilientStream`.

    Raises:
        TypeError: The client is not async, or an argument is unknown, or has the wrong type.
        ValueError: `max_tokens` is below 1, the model is empty, or `api` is neither of the two.
        PreflightFailed: The policy's `preflight` is `"error"`, and the API would not take the request.
    """
    check_listener(on_notice)
    if api not in ("messages", "beta"):
        raise ValueError(f"api must be 'messages' or 'beta', not {api!r}")
    accepted = accepted_arguments(client, api)
    request = without_omitted({"model": model, "max_tokens": max_tokens, "messages": messages, **arguments})
    sent = as_sent(request)
    if isinstance(output_format, Mapping):
        raise TypeError("output_format must be a type; pass a schema as output_config={'format': ...}, as in the SDK")
    if not isinstance(output_format, Omit) and output_format is not None:
        request["output_format"] = output_format
    check_arguments(sent, accepted)
    routes = resolve(sent["model"], client, fallback_models, accepted)
    for route in routes[1:]:
        check_arguments(route.request(request), accepted_arguments(route.client, api))
    for value, type_, name in ((policy, Policy, "policy"), (health, Health, "health")):
        if value is not None and not isinstance(value, type_):
            raise TypeError(f"{name} must be a {type_.__name__}, not {type(value).__name__}")

    # The SDK's warnings (of a deprecated model) are about the caller's line, not about ours.
    call_site = CallSite.outside()
    limits = policy or _DEFAULTS
    shared = health or default_health(client)
    look = partial(check_request, models=shared.models, version=lambda: version_sent(client, request))
    looked = look(request, "error") if limits.preflight == "error" else None

    async def make_driver() -> Driver:
        started = anyio.current_time()
        with anyio.move_on_after(limits.deadline) as scope:
            original, *patches = await materialize(request, *(route.patch for route in routes))
        if scope.cancelled_caught:
            raise StreamTimeout(
                f"The deadline of {limits.deadline:g} s passed while the files of the request were being read.",
                request=httpx2.Request("POST", "/v1/messages"),
                partial=Partial(),
                report=Report(outcome="failed", duration=limits.deadline),
            )
        return Driver(
            api=api,
            routes=[replace(route, patch=patch) for route, patch in zip(routes, patches, strict=True)],
            request=original,
            policy=limits,
            health=shared,
            on_notice=on_notice,
            call_site=call_site,
            started=started,
            findings=looked or look(original, limits.preflight),
        )

    return ResilientStreamManager(make_driver, api, request.get("output_format"))


def version_sent(client: Any, request: Mapping[str, Any]) -> object:
    """The `anthropic-version` that is sent; None where the client sends none, as other platforms' do."""
    for headers in (request.get("extra_headers"), getattr(client, "default_headers", None)):
        if isinstance(headers, Mapping) and "anthropic-version" in headers:
            return headers["anthropic-version"]
    return None


def accepted_arguments(client: Any, api: Api, caller: str = "resilient_stream") -> frozenset[str]:
    """The names that this client's `messages.stream` takes."""
    if hasattr(type(client), "__enter__") and not hasattr(type(client), "__aenter__"):
        raise TypeError(f"{caller} needs an async client such as AsyncAnthropic, not {type(client).__name__}")
    try:
        names = stream_arguments(resource(client, api), api)
    except AttributeError:
        where = "beta.messages" if api == "beta" else "messages"
        raise TypeError(f"{type(client).__name__} is no Anthropic client: it has no {where}.stream") from None
    return names


def check_timeout(timeout: object) -> None:
    """Raise `TypeError` or `ValueError` for what the SDK does not take as a timeout.

    It takes seconds, None, an `httpx2.Timeout`, or a tuple of seconds to connect, read, write and wait for the pool.
    """
    if timeout is None or isinstance(timeout, httpx2.Timeout):
        return
    if type(timeout).__module__.partition(".")[0] == "httpx":
        name = type(timeout).__name__
        raise TypeError(
            f"Invalid `timeout` argument; `httpx.{name}` is from the `httpx` package, but this SDK uses `httpx2`. "
            f"Use `httpx2.{name}` instead."
        )
    parts: tuple[Any, ...] = (timeout,)
    if isinstance(timeout, tuple) and 2 <= len(timeout) <= 4:
        parts = tuple(each for each in timeout if each is not None)
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in parts):
        takes = "a number of seconds, None, an httpx2.Timeout, or a tuple (connect, read, write, pool)"
        raise TypeError(f"timeout must be {takes}, not {timeout!r}")
    if not all(each >= 0 for each in parts):
        raise ValueError(f"timeout must not be negative, not {timeout!r}")


def check_arguments(request: dict[str, Any], accepted: frozenset[str], caller: str = "resilient_stream") -> None:
    """Raise `TypeError` or `ValueError` for what can be told of a request, as it is sent, before that."""
    extra = request.get("extra_body")
    if extra is not None and not isinstance(extra, Mapping):
        raise TypeError(f"extra_body must be a mapping, not {type(extra).__name__}")
    if request.get("stream", True) is not True:
        raise ValueError(f"{caller}() streams, and extra_body says that it must not: leave 'stream' out")
    unknown = sorted(set(as_given(request)) - accepted)
    if unknown:
        raise TypeError(f"{caller}() got an unexpected argument {unknown[0]!r}; messages.stream has none such")
    missing = [name for name in ("max_tokens", "messages") if name not in request]
    if missing:
        raise ValueError(f"the fallback {request['model']!r} unsets {missing[0]!r}, which every request needs")
    model, max_tokens, messages = request["model"], request["max_tokens"], request["messages"]
    if not isinstance(model, str):
        raise TypeError(f"model must be a string, not {type(model).__name__}")
    if not model:
        raise ValueError("model must not be empty")
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int):
        raise TypeError(f"max_tokens must be an int, not {type(max_tokens).__name__}")
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Iterable):
        raise TypeError(f"messages must be a list of messages, not {type(messages).__name__}")
    check_timeout(request.get("timeout"))
    for name in ("extra_headers", "extra_query"):
        if not isinstance(request.get(name, {}), Mapping | None):
            raise TypeError(f"{name} must be a mapping, not {type(request[name]).__name__}")
