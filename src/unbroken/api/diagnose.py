"""`diagnose`: an exception -> what went wrong, whose problem it is, and what to do next."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2

from ..diagnosis.diagnosis import Diagnosis
from ..diagnosis.evidence import what_was_sent
from ..diagnosis.postmortem import Told, leaves, with_findings
from ..errors import StreamFailed

__all__ = ["diagnose"]


def diagnose(error: Exception, *, params: Mapping[str, Any] | None = None) -> Diagnosis:
    """Say what went wrong, whose problem that is, and what to do next.

    ```python
    try:
        message = await client.messages.create(**params)
    except anthropic.APIError as error:
        print(unbroken.diagnose(error, params=params))
    ```

    Args:
        error: An error of the SDK's (`APIStatusError`, also for an `error` event in a stream, `APIConnectionError`,
            `APITimeoutError`, ...) or of its transport's (`httpx2.TransportError`), a `StreamFailed`, or an
            `ExceptionGroup` of them, in order.
        params: The arguments of the request. Where it may be at fault, preflight looks through them. None: those of
            the stream for a `StreamFailed`, else what was sent, as far as that can still be read.

    Returns:
        The diagnosis. Its `str()` is ready to be pasted to support: there is no content of the conversation in it.

    Raises:
        TypeError: The error is of another kind.
    """
    if isinstance(error, StreamFailed):
        return error.diagnosis if params is None else error.diagnose(params)
    told = Told(time.time())
    errors = list(leaves(error))
    for each in errors:
        match each:
            case StreamFailed():
                told.add_stream(each.diagnosis, each.status_code)
            case anthropic.AnthropicError() | httpx2.TransportError():
                told.add(each)
            case _:
                kind = type(each).__name__
                raise TypeError(f"diagnose() takes errors of the Anthropic SDK and StreamFailed, not {kind}")
    return with_findings(told.conclude, _asked(errors[0]) if params is None else params)


def _asked(error: Exception) -> Mapping[str, Any]:
    """The request, as far as it is there to be read."""
    return error.request_arguments if isinstance(error, StreamFailed) else what_was_sent(error)
