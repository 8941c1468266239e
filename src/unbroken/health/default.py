"""The `Health` of those who give none."""

from __future__ import annotations

from threading import Lock
from weakref import WeakKeyDictionary

from .health import Health

__all__ = ["default_health"]

_DEFAULTS: WeakKeyDictionary[object, Health] = WeakKeyDictionary()
_DEFAULTS_LOCK = Lock()


def default_health(client: object) -> Health:
    """The `Health` that all streams of this client share unless they are given another.

    A client that cannot be referred to weakly, such as a test's stand-in with slots, gets a new one each time.
    """
    with _DEFAULTS_LOCK:
        try:
            if client not in _DEFAULTS:
                _DEFAULTS[client] = Health()
            return _DEFAULTS[client]
        except TypeError:
            return Health()
