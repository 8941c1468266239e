"""The caller's clients, as the engine uses them, and in what their platforms differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

import anthropic

__all__ = ["request_id", "sends_pings", "without_retries"]

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


def without_retries(client: Any) -> Any:
    """The client without retries of its own, which would multiply ours: retries that multiply are a storm.

    A copy shares the connections and is made once, because a new one looks the platform up in a thread first.
    """
    if getattr(client, "max_retries", 0) == 0 or not hasattr(client, "with_options"):
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
    shared = {} if http_client is None else {"http_client": http_client}
    quiet = client.with_options(max_retries=0, **shared)
    if getattr(client, "aws_profile", None) is not None:
        quiet.aws_profile = client.aws_profile
    return quiet


def sends_pings(client: Any) -> bool:
    """Whether a stream of this client's is heard of while its model thinks in silence.

    "Bedrock's binary event stream sends no pings" (Claude Code's documentation, network-config, August 2026).
    """
    return not isinstance(client, anthropic.AsyncAnthropicBedrock)


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id by which a platform knows the request that it answers with these headers; None: it gives none."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)
