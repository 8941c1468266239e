"""What an exception of the SDK's, or of its transport's, tells: of which kind it is, and what its response had."""

from __future__ import annotations

import errno
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import anthropic
import httpx2

from ..core.classification import classify, not_sent
from ..core.failure import Failure, Kind, of_kind
from ..core.printable import printable
from ..core.wire.request_ids import request_id
from ..sdk.exceptions import StreamStalled, StreamTruncated

__all__ = [
    "connection_code",
    "connection_failure",
    "date_of",
    "failure_of",
    "headers_of",
    "iso",
    "media_type",
    "request_id_of",
    "what_was_sent",
    "withhold_headers",
]


def failure_of(error: Exception, now: float) -> Failure:
    """The failure that an error stands for, as far as the error alone tells.

    Args:
        error: An error of the SDK's or of its transport's.
        now: Unix time in seconds.
    """
    match error:
        case anthropic.APIStatusError():
            headers = error.response.headers
            return classify(error, status=error.status_code, body=error.body, headers=headers, now=now)
        case StreamTruncated():
            kind = Kind.TRUNCATED
        case StreamStalled():
            kind = Kind.STALLED
        case anthropic.APIConnectionError() | httpx2.TransportError():
            return connection_failure(error)
        case anthropic.APIError(body=Mapping() as body):
            return classify(error, status=200, body=body, headers={}, now=now)
        case anthropic.APIError():
            kind = Kind.MALFORMED
        case _:
            return not_sent(error)
    return of_kind(kind, error, status=getattr(error, "status_code", None))


def headers_of(error: Exception) -> Mapping[str, str]:
    """The headers of its response; empty where it has none."""
    response = getattr(error, "response", None)
    return response.headers if isinstance(response, httpx2.Response) else {}


def request_id_of(error: Exception) -> str | None:
    """The id that the error has, or the headers or the body of its response."""
    known = printable(getattr(error, "request_id", None))
    return known or request_id(headers_of(error), getattr(error, "body", None))


_MEDIA_TYPE: Final = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")


def media_type(headers: Mapping[str, str]) -> str:
    """The content type in words, without its parameters; what is no such type is not repeated."""
    said = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not said:
        return "of no content type"
    return said if _MEDIA_TYPE.fullmatch(said) else "of a content type that is none"


def date_of(error: Exception) -> str | None:
    """When its response was made, by the server's clock, in ISO 8601; None where it does not say."""
    try:
        at = parsedate_to_datetime(headers_of(error).get("date", ""))
        return iso(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def iso(at: datetime) -> str:
    """ISO 8601, in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


#: The most telling first. A connection that is cut shows as an `SSLError` too, below the error of the read.
_BY_CLASS: Final = (
    ("connection_pool", (httpx2.PoolTimeout,)),
    ("connection_lost", (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)),
    ("connection_tls", (ssl.SSLError,)),
    ("connection_dns", (socket.gaierror,)),
    ("connection_proxy", (httpx2.ProxyError,)),
    ("connection_refused", (ConnectionRefusedError,)),
    ("connection_timeout", (httpx2.ConnectTimeout,)),
    ("connection_lost", (ConnectionError,)),
)
#: How h11 begins what it says of a header that it does not send.
_ILLEGAL: Final = "Illegal header"
#: What this process, or this machine, has no more of: descriptors, buffers, memory, local ports.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
#: How httpx and aiohttp say that the client, or its session, was closed before.
_CLOSED: Final = ("client has been closed", "session is closed")
#: What is raised by mistakes in code, such as a hook's or a wrapper's. A `RuntimeError` may be of the network: uvloop
#: raises it for a transport that the peer has closed.
_MISTAKES: Final = (TypeError, AttributeError, LookupError, NameError, AssertionError, ValueError)
_UNREACHABLE: Final = frozenset({errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH})


def connection_code(error: Exception) -> str | None:
    """What was wrong with a connection; None where it does not show."""
    causes = list(_causes(error))
    if any(isinstance(each, OSError) and each.errno in _EXHAUSTED for each in causes):
        return "no_resources"
    for code, classes in _BY_CLASS:
        if any(isinstance(each, classes) for each in causes):
            return code
    if any(_is_unsendable(each) for each in causes):
        return "not_sendable"
    if any(isinstance(each, RuntimeError) and str(each).lower().rstrip(".").endswith(_CLOSED) for each in causes):
        return "client_closed"
    if isinstance(error, anthropic.APIConnectionError) and _is_a_mistake(error.__cause__):
        return "not_sent"
    unreachable = any(isinstance(each, OSError) and each.errno in _UNREACHABLE for each in causes)
    return "connection_unreachable" if unreachable else None


#: The codes of what never reached the network, and of which kind of failure each is.
_OF_OURS: Final = {
    "connection_pool": Kind.NO_RESOURCES,
    "no_resources": Kind.NO_RESOURCES,
    "not_sendable": Kind.NOT_SENT,
    "client_closed": Kind.NOT_SENT,
    "not_sent": Kind.NOT_SENT,
}


def connection_failure(error: Exception) -> Failure:
    """The failure that a connection error of the SDK's, or of its transport's, stands for.

    What this process lacks, and what it cannot send, is no trouble of the network's or of the server's.
    """
    timed_out = isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException)
    kind = Kind.STALLED if timed_out else Kind.CONNECTION
    return of_kind(_OF_OURS.get(connection_code(error) or "", kind), error)


def _is_a_mistake(error: BaseException | None) -> bool:
    """Whether it is of code, and not of the network: some errors of TLS are `ValueError`s too."""
    return isinstance(error, _MISTAKES) and not any(
        isinstance(e, OSError | httpx2.TransportError) for e in _causes(error)
    )


#: What h11 quotes is the header itself.
_QUOTED: Final = re.compile(rf"({_ILLEGAL} (?:name|value)) ")


def withhold_headers(error: BaseException) -> None:
    """Take a header that could not be sent, which may be a key, out of what the transport says of it.

    A key with a line break at its end is such a header, and its traceback would show it. The exceptions stay what they
    are, but for their text.
    """
    for each in _causes(error):
        if isinstance(each, Exception) and (quoted := _QUOTED.match(str(each))):
            each.args = (quoted[1],)


def _is_unsendable(error: BaseException) -> bool:
    """Whether it is of a request that no connection would carry. Another `LocalProtocolError` is of the connection."""
    illegal = isinstance(error, httpx2.LocalProtocolError) and str(error).startswith(_ILLEGAL)
    return illegal or isinstance(error, httpx2.UnsupportedProtocol)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and everything that it came of; the SDK and the transports raise theirs `from None`."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _causes(each)
        error = error.__cause__ or error.__context__


def what_was_sent(error: Exception) -> Mapping[str, Any]:
    """The request that was sent, as far as it is there to be read."""
    try:
        body = json.loads(getattr(error, "request").content)  # noqa: B009
    except (AttributeError, RuntimeError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}
