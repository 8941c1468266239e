"""What an answer is that is no stream of events: an error of the API's, a whole message, or nothing that is known."""

from __future__ import annotations

from typing import Any, Final

import anthropic
import httpx2

from ..core.classification import is_error
from ..core.failure import Failure, Kind, of_kind
from ..core.wire.decoded import Event
from ..core.wire.events import as_event, loads
from ..diagnosis.evidence import media_type
from ..sdk.failures import error_event

__all__ = ["WholeBody"]

#: The content types of streams: the API's, and Bedrock's.
_STREAMS: Final = frozenset({"text/event-stream", "application/vnd.amazon.eventstream"})


class WholeBody:
    """Keeps what has come of a body, until an event shows that it is a stream.

    Args:
        response: Whose body it is.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._kept = bytearray()

    def keep(self, chunk: bytes) -> bool:
        """Take the next bytes; whether the body may still be something else than a stream.

        An answer that calls itself a stream is believed, unless it begins like JSON; another may still be one.
        """
        if not self._kept and chunk and self._calls_itself_a_stream and not chunk.lstrip().startswith((b"{", b"[")):
            return False
        self._kept += chunk
        return True

    def read(self, ended: Failure) -> tuple[list[Event], Failure]:
        """The body has ended without an event: what it is.

        Args:
            ended: The failure of a stream that ends here.

        Returns:
            The events of a message that came whole, and what the attempt dies of after them.
        """
        body, response = bytes(self._kept), self._response
        try:
            value = loads(body.decode()) if body else None
        except (ValueError, RecursionError):
            value = None
        if is_error(value):
            return [], error_event(response, value)
        if events := _events_of(value):
            return events, ended
        # Nothing at all is a stream that was cut at its beginning, where nothing says that it is none.
        may_be_empty = self._calls_itself_a_stream or "content-type" not in response.headers
        if not body.strip() and response.status_code == 200 and may_be_empty:
            return [], ended
        return [], self._not_a_stream()

    @property
    def _calls_itself_a_stream(self) -> bool:
        return media_type(self._response.headers) in _STREAMS

    def _not_a_stream(self) -> Failure:
        response = self._response
        what = media_type(response.headers)
        status = "" if response.status_code == 200 else f", with status {response.status_code}"
        error = anthropic.APIResponseValidationError(
            response, None, message=f"The answer was no stream of events, but {what}{status}."
        )
        return of_kind(Kind.NOT_A_STREAM, error, status=response.status_code, mark=f"not a stream, but {what}")


def _events_of(value: Any) -> list[Event]:
    """The events of a whole message, from a gateway that does not stream; empty where it is none."""
    match value:
        case {"type": "message", "content": list(), "stop_reason": str()}:
            from ..batches.request import events_of

            try:
                events = [as_event(event) for event in events_of(value)]
            except (TypeError, AttributeError, LookupError, ValueError):
                # A block that is none.
                return []
            known = [event for event in events if event is not None]
            return known if len(known) == len(events) else []
    return []
