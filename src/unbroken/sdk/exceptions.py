"""What a single attempt dies of where the SDK has no exception for it, and how exceptions of ours are pickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import anthropic
import httpx2

__all__ = ["StreamStalled", "StreamTruncated", "kept_of", "revived"]

#: The request of an error that was copied or pickled: handlers of the SDK's errors may look at it.
_REQUEST: Final = ("POST", "/v1/messages")

#: What goes along with every error: the caller's notes are the caller's own words.
_KEPT_OF_ALL: Final = ("__notes__", "request_id")


def kept_of(error: anthropic.APIError, names: Sequence[str] = ()) -> tuple[object, ...]:
    """What `revived` needs to make the error anew: what these attributes hold, as far as they are set, and no other.

    Args:
        error: The error.
        names: The attributes that go along.
    """
    kept = {name: vars(error)[name] for name in (*_KEPT_OF_ALL, *names) if name in vars(error)}
    return type(error), error.args, error.message, kept


def revived(
    kind: type[anthropic.APIError], args: tuple[object, ...], message: str, kept: Mapping[str, Any]
) -> anthropic.APIError:
    """An error as `kept_of` took it down. Its own `__init__` is not called, whose arguments are not `args`."""
    error = kind.__new__(kind, *args)
    anthropic.APIError.__init__(error, message, httpx2.Request(*_REQUEST), body=None)
    error.args = args
    vars(error).update(kept)
    return error


class StreamTruncated(anthropic.APIConnectionError):
    """The body of a response ended before its message did; the bare SDK reports that as success.

    Attributes:
        request_id: Of the response that was cut; None where it had none.
    """

    def __init__(self, message: str, *, request: httpx2.Request, request_id: str | None = None) -> None:
        super().__init__(message=message, request=request)
        self.request_id = request_id

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return revived, kept_of(self)


class StreamStalled(anthropic.APIConnectionError):
    """A response went quiet, or kept sending pings and no content, for longer than the policy allows.

    Attributes:
        request_id: Of the response that stalled; None where no headers came.
    """

    def __init__(self, message: str, *, request: httpx2.Request, request_id: str | None = None) -> None:
        super().__init__(message=message, request=request)
        self.request_id = request_id

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return revived, kept_of(self)
