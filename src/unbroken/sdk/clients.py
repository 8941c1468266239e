"""The caller's clients, as the engine uses them, and in what their platforms differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property, lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import anthropic
import httpx2

from .typed_events import Api

__all__ = [
    "parameters",
    "provider_name",
    "quiet_resource",
    "resource",
    "sends_pings",
    "server",
    "stream_arguments",
    "without_retries",
]

#: What the SDK's `messages.stream` takes (2.14.0), for where something has replaced even that by what does not say.
_ARGUMENTS: Final = frozenset(
    (
        *("max_tokens", "messages", "model", "betas", "cache_control", "container", "context_management"),
        *("diagnostics", "extra_body", "extra_headers", "extra_query", "fallback_credit_token", "fallbacks"),
        *("inference_geo", "mcp_servers", "metadata", "output_config", "output_format", "service_tier", "speed"),
        *("stop_sequences", "system", "thinking", "timeout", "tool_choice", "tools", "user_profile_id", "workspace_id"),
    )
)

_COPIES: WeakKeyDictionary[Any, tuple[dict[str, Any], Any]] = WeakKeyDictionary()


def resource(client: Any, api: Api) -> Any:
    """The client's `messages` on that API. Raises `AttributeError` if it has none."""
    return client.beta.messages if api == "beta" else client.messages


def stream_arguments(messages: Any, api: Api) -> frozenset[str]:
    """The names that `messages.stream` takes. Raises `AttributeError` if it has no `stream`.

    A function that takes anything does not say what it takes: a tracer has wrapped the SDK's, which is asked then.
    """
    names = parameters(messages.stream)
    if names is None:
        if api == "beta":
            from anthropic.resources.beta.messages import AsyncMessages as BetaMessages

            names = parameters(BetaMessages.stream)
        else:
            from anthropic.resources.messages import AsyncMessages

            names = parameters(AsyncMessages.stream)
    return _ARGUMENTS if names is None else names


def parameters(function: Callable[..., Any]) -> frozenset[str] | None:
    """The names of a function's or method's arguments; None: it takes any, or does not say."""
    underlying = getattr(function, "__func__", function)
    # A function that was made within another may hold a client, which a cache would keep alive.
    is_lasting = "<locals>" not in getattr(underlying, "__qualname__", "<locals>")
    return _cached_parameters(underlying) if is_lasting else _parameters(function)


def _parameters(function: Callable[..., Any]) -> frozenset[str] | None:
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in found.values()):
        return None
    return frozenset(found) - {"self"}


_cached_parameters: Final = lru_cache(maxsize=64)(_parameters)


def quiet_resource(client: Any, api: Api) -> Any:
    """The client's `messages`, without retries of its own where that can be had.

    Who has replaced `messages`, or its `stream`, wants to see the requests, as tracers do. What they wrap is bound to
    the client that they were given, retries and all; so it is used as it is.
    """
    messages = resource(client, api)
    if "stream" in getattr(messages, "__dict__", ()) or not _is_sdks_own(messages):
        return messages
    return resource(without_retries(client), api)


def without_retries(client: Any) -> Any:
    """The client without retries of its own, which would multiply ours: retries that multiply are a storm.

    Nor with `ResilienceMiddleware`, which would be an engine inside of ours. A client that is none of the SDK's is used
    as it is.
    """
    quiet = getattr(client, "max_retries", 0) == 0 and len(_other_middleware(client)) == len(_middleware(client))
    if quiet or not _is_sdks_own(client):
        return client
    if type(client).__module__.partition(".")[0] != "anthropic":
        # What a subclass keeps may refer to the client itself, and would keep it alive.
        return _copy(client)
    # Made once, until the client is changed: a new one looks the platform up in a thread before its first request.
    state = _state(client)
    known = _COPIES.get(client)
    if known is None or not _is_same(known[0], state):
        known = _COPIES[client] = (state, _copy(client))
    return known[1]


def _copy(client: Any) -> Any:
    """A copy that does not retry; the client itself where it cannot be copied.

    The constructor of a subclass may take other arguments than the SDK's, and what it keeps is not in the SDK's
    `with_options`: so the object itself is copied. It shares the connections, the credentials, and whatever else the
    client has, but for the resources, which send by the client that they were made for.

    Private to the SDK: `_client` of a resource; `_middleware` of a client, and `_middleware_chain`, which is bound to
    it.
    """
    try:
        quiet = copy(client)
    except Exception:  # a subclass may forbid it, in any way
        return client
    attributes = quiet.__dict__
    for name, value in vars(client).items():
        if _is_resource(value, client):
            if isinstance(getattr(type(client), name, None), cached_property):
                del attributes[name]
            else:
                attributes[name] = type(value)(quiet)
    quiet.max_retries = 0
    if _middleware(client):
        attributes["_middleware"] = tuple(_other_middleware(client))
        attributes["_middleware_chain"] = quiet._build_middleware_chain()  # noqa: SLF001  # see above
    return quiet


def _state(client: Any) -> dict[str, Any]:
    """What a copy has to agree in with its client to be used again: applications change keys on a live client."""
    return {
        name: value
        for name, value in vars(client).items()
        if name != "_middleware_chain" and not _is_resource(value, client)
    }


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)


def _is_resource(value: Any, client: Any) -> bool:
    """Whether this is one of the SDK's resources of that client, which its requests go through."""
    return getattr(value, "_client", None) is client and _is_sdks_own(value)


def _middleware(client: Any) -> Sequence[Any]:
    return getattr(client, "middleware", ())


def _other_middleware(client: Any) -> list[Any]:
    """Without ours, which says of itself that it runs the engine."""
    return [each for each in _middleware(client) if not getattr(each, "runs_the_engine", False)]


def _is_sdks_own(item: Any) -> bool:
    """Whether it is the SDK's own or a subclass's, and no stand-in or proxy that only behaves like it."""
    return any(type_.__module__.partition(".")[0] == "anthropic" for type_ in type(item).__mro__)


def sends_pings(client: Any) -> bool:
    """Whether a stream of this client's is heard of while its model thinks in silence.

    "Bedrock's binary event stream sends no pings" (Claude Code's documentation, network-config, August 2026).
    """
    return not isinstance(client, anthropic.AsyncAnthropicBedrock)


def provider_name(client: Any) -> str:
    """Who answers, as OpenTelemetry's conventions name it (`gen_ai.provider.name`), and the SDK's own spans do."""
    family = {type_.__name__ for type_ in type(client).__mro__}
    if family & {"AsyncAnthropicBedrock", "AsyncAnthropicBedrockMantle"}:
        return "aws.bedrock"
    return "gcp.vertex_ai" if "AsyncAnthropicVertex" in family else "anthropic"


def server(client: Any) -> tuple[str | None, int | None]:
    """The host and the port that it asks; None and None where it does not tell."""
    url = getattr(client, "base_url", None)
    if not isinstance(url, httpx2.URL):
        return None, None
    return url.host, url.port or (80 if url.scheme == "http" else 443)
