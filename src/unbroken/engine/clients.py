"""The caller's clients, as the engine uses them, and in what their platforms differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import anthropic
import httpx2

from ..core.printable import printable
from .typed import Api

__all__ = ["parameters", "provider_name", "request_id", "resource", "sends_pings", "server", "without_retries"]

#: What a copy has to agree in with its client to be used again: what applications change on a live client, on any of
#: the platforms. (What Foundry's and Google Cloud's refresh by themselves is a function or an object, and is shared.)
_CHANGES: Final = (
    *("api_key", "auth_token", "base_url", "timeout"),
    *("aws_access_key", "aws_profile", "aws_region", "aws_secret_key", "aws_session_token", "workspace_id"),
    *("access_token", "credentials", "project_id", "region"),
)

#: Bedrock's own is that of all of AWS.
_REQUEST_IDS: Final = ("request-id", "x-amzn-requestid")

_COPIES: WeakKeyDictionary[Any, tuple[tuple[Any, ...], Any]] = WeakKeyDictionary()


def resource(client: Any, api: Api) -> Any:
    """The client's `messages` on that API. Raises `AttributeError` if it has none."""
    return client.beta.messages if api == "beta" else client.messages


@lru_cache(maxsize=64)
def parameters(function: Callable[..., Any]) -> frozenset[str]:
    """The names of a function's arguments."""
    return frozenset(inspect.signature(function).parameters) - {"self"}


def without_retries(client: Any) -> Any:
    """The client without retries of its own, which would multiply ours: retries that multiply are a storm.

    Nor with `ResilienceMiddleware`, which would be an engine inside of ours. A copy shares the connections and is made
    once, because a new one looks the platform up in a thread first.
    """
    quiet = getattr(client, "max_retries", 0) == 0 and len(_other_middleware(client)) == len(_middleware(client))
    if quiet or not hasattr(client, "with_options"):
        return client
    state = tuple(getattr(client, name, None) for name in _CHANGES)
    try:
        known = _COPIES.get(client)
        if known is None or known[0] != state:
            known = _COPIES[client] = (state, _copy(client))
        return known[1]
    except TypeError:
        # It cannot be referred to weakly.
        return _copy(client)


def _copy(client: Any) -> Any:
    """A copy with the connections and the credentials of its original.

    In SDK 1.0 to 2.0, at least, `with_options` of Bedrock's clients gave a copy connections of its own, which nobody
    would close (and which would not go through the caller's proxy), and forgot the profile. `_client` is private to
    the SDK.
    """
    http_client = getattr(client, "_client", None)
    options = {} if http_client is None else {"http_client": http_client}
    if _middleware(client):
        options["middleware"] = _other_middleware(client)
    quiet = client.with_options(max_retries=0, **options)
    if getattr(client, "aws_profile", None) is not None:
        quiet.aws_profile = client.aws_profile
    return quiet


def _middleware(client: Any) -> Sequence[Any]:
    return getattr(client, "middleware", ())


def _other_middleware(client: Any) -> list[Any]:
    """Without ours, which says of itself that it runs the engine."""
    return [each for each in _middleware(client) if not getattr(each, "runs_the_engine", False)]


def sends_pings(client: Any) -> bool:
    """Whether a stream of this client's is heard of while its model thinks in silence.

    "Bedrock's binary event stream sends no pings" (Claude Code's documentation, network-config, August 2026).
    """
    return not isinstance(client, anthropic.AsyncAnthropicBedrock)


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id by which a platform knows the request that it answers with these headers; None: it gives none."""
    return next((found for name in _REQUEST_IDS if (found := printable(headers.get(name)))), None)


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
