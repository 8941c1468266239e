"""The caller's clients, as the engine uses them."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

__all__ = ["without_retries"]

#: What a copy has to agree in with its client to be used again: what applications change on a live client.
_CHANGES: Final = ("api_key", "auth_token", "base_url", "timeout")

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
            known = _COPIES[client] = (state, client.with_options(max_retries=0))
        return known[1]
    except TypeError:
        # It cannot be referred to weakly.
        return client.with_options(max_retries=0)
