"""What stands for a client where things are kept by client, as long as there is one."""

from __future__ import annotations

import weakref

__all__ = ["key_of"]


def key_of(client: object) -> object:
    """The client, or its type where it cannot be a weak key, such as a test's stand-in with slots."""
    try:
        hash(client)
        weakref.ref(client)
    except TypeError:
        return type(client)
    return client
