"""What exceptions tell."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from typing import Any

import anthropic
import httpx2
import pytest

from unbroken import StreamStalled, StreamTruncated
from unbroken.core.failure import Kind
from unbroken.diagnosis.evidence import (
    connection_code,
    date_of,
    failure_of,
    headers_of,
    media_type,
    request_id_of,
    what_was_sent,
    withhold_headers,
)

BODY = json.dumps({"model": "claude-opus-5-5", "messages": []}).encode()
REQUEST = httpx2.Request("POST", "http://test/v1/messages", content=BODY)
NOW = 1_795_340_000.0


def status_error(status: int, body: object = None, **headers: str) -> anthropic.APIStatusError:
    """An error as the SDK raises it; underscores in the headers' names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return anthropic.APIStatusError("No.", response=httpx2.Response(status, headers=named, request=REQUEST), body=body)


def caused(error: Exception, *causes: BaseException) -> Exception:
    """The error, with a chain of causes."""
    below: BaseException = error
    for cause in causes:
        below.__cause__ = cause
        below = cause
    return error


def broken(*causes: BaseException) -> Exception:
    """A connection error of the SDK's."""
    return caused(anthropic.APIConnectionError(request=REQUEST), *causes)


class Retryable(anthropic.AnthropicError):
    """As Google's credentials say it of themselves."""

    retryable = True


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (status_error(529), Kind.OVERLOADED, 529),
        (status_error(200, {"error": {"type": "api_error"}}), Kind.SERVER_ERROR, 200),
        (StreamTruncated("It ended.", request=REQUEST), Kind.TRUNCATED, None),
        (StreamStalled("It stalled.", request=REQUEST), Kind.STALLED, None),
        (anthropic.APITimeoutError(REQUEST), Kind.STALLED, None),
        (httpx2.ReadTimeout("slow"), Kind.STALLED, None),
        (broken(), Kind.CONNECTION, None),
        (httpx2.RemoteProtocolError("peer closed connection"), Kind.CONNECTION, None),
        (
            anthropic.APIResponseValidationError(httpx2.Response(200, request=REQUEST), None),
            Kind.MALFORMED,
            200,
        ),
        (anthropic.APIError("What?", REQUEST, body=None), Kind.MALFORMED, None),
        (anthropic.APIError("No.", REQUEST, body={"error": {"type": "api_error"}}), Kind.SERVER_ERROR, 200),
        (anthropic.AnthropicError("no credentials"), Kind.AUTHENTICATION, None),
        (broken(httpx2.PoolTimeout("x")), Kind.NO_RESOURCES, None),
        (httpx2.PoolTimeout("x"), Kind.NO_RESOURCES, None),
        (broken(httpx2.ConnectError("x"), OSError(errno.EMFILE, "Too many open files")), Kind.NO_RESOURCES, None),
        (broken(RuntimeError("Session is closed")), Kind.NOT_SENT, None),
        (broken(TypeError("a hook's")), Kind.NOT_SENT, None),
        (broken(httpx2.UnsupportedProtocol("x")), Kind.NOT_SENT, None),
        (Retryable(), Kind.CONNECTION, None),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_is_a_failure_of_a_kind(error: Exception, kind: Kind, status: int | None) -> None:
    """The SDK's, its transport's, and those of single attempts."""
    failure = failure_of(error, NOW)
    assert (failure.kind, failure.status) == (kind, status)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (broken(httpx2.ConnectError("x"), socket.gaierror(-2, "Name or service not known")), "connection_dns"),
        (broken(httpx2.ConnectError("x"), ConnectionRefusedError(errno.ECONNREFUSED, "refused")), "connection_refused"),
        (
            broken(
                OSError("All connection attempts failed"),
                ExceptionGroup("several", [OSError(errno.ENETUNREACH, "no v6"), ConnectionRefusedError()]),
            ),
            "connection_refused",
        ),
        (broken(httpx2.ConnectError("x"), OSError(errno.EHOSTUNREACH, "No route to host")), "connection_unreachable"),
        (broken(httpx2.ConnectError("x"), ssl.SSLCertVerificationError("self-signed")), "connection_tls"),
        (broken(httpx2.ProxyError("407")), "connection_proxy"),
        (broken(httpx2.ConnectTimeout("x")), "connection_timeout"),
        (broken(httpx2.PoolTimeout("x")), "connection_pool"),
        (broken(httpx2.UnsupportedProtocol("Request URL is missing an 'http://' protocol.")), "not_sendable"),
        (broken(httpx2.LocalProtocolError("Illegal header value b'sk-ant-\\n'")), "not_sendable"),
        (broken(httpx2.LocalProtocolError("Can't send data when our state is ERROR")), None),
        (broken(httpx2.ConnectError("x"), OSError(errno.EADDRNOTAVAIL, "no port")), "no_resources"),
        (broken(RuntimeError("Cannot send a request, as the client has been closed.")), "client_closed"),
        (broken(UnicodeError("label too long")), "not_sent"),
        (broken(ValueError("bad"), httpx2.ReadError("x")), "connection_lost"),
        (broken(ValueError("bad"), OSError()), None),
        (broken(RuntimeError("the handler is closed")), None),
        (httpx2.ReadError("x"), "connection_lost"),
        (broken(httpx2.RemoteProtocolError("x")), "connection_lost"),
        (broken(ConnectionResetError()), "connection_lost"),
        (broken(httpx2.ConnectError("All connection attempts failed")), None),
        (broken(), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_connection_error_is_known_by_what_it_came_of(error: Exception, code: str | None) -> None:
    """However deep that is, and among others."""
    assert connection_code(error) == code


def test_what_was_being_handled_counts_also_where_it_was_hidden() -> None:
    """The SDK raises its errors `from None`."""
    error = broken()
    error.__context__ = ConnectionRefusedError()
    error.__suppress_context__ = True
    assert connection_code(error) == "connection_refused"


def test_a_connection_that_is_cut_is_no_matter_of_tls() -> None:
    """Python's TLS complains of the missing goodbye."""
    assert connection_code(broken(httpx2.ReadError("x"), ssl.SSLEOFError("EOF occurred"))) == "connection_lost"


@pytest.mark.parametrize(
    ("error", "request_id"),
    [
        (status_error(500, request_id="req_1"), "req_1"),
        (status_error(500, x_amzn_requestid="aws-1"), "aws-1"),
        (status_error(500, apim_request_id="f1"), "f1"),
        (status_error(500, {"request_id": "req_2"}), "req_2"),
        (status_error(500, {"request_id": "req_2"}, request_id="req_1"), "req_1"),
        (status_error(500), None),
        (broken(), None),
    ],
)
def test_a_request_id_is_found_where_it_is(error: Exception, request_id: str | None) -> None:
    """On the error, in a header of its platform's, or else in the body."""
    assert request_id_of(error) == request_id


@pytest.mark.parametrize(
    ("error", "date"),
    [
        (status_error(500, date="Sun, 22 Nov 2026 09:33:20 GMT"), "2026-11-22T09:33:20Z"),
        (status_error(500, date="Sun, 22 Nov 2026 10:33:20 +0100"), "2026-11-22T09:33:20Z"),
        (status_error(500, date="Sun, 22 Nov 2026 09:33:20 -0000"), "2026-11-22T09:33:20Z"),
        (status_error(500, date="today"), None),
        (status_error(500, date="Fri, 31 Dec 9999 23:59:59 -0100"), None),
        (status_error(500), None),
        (broken(), None),
    ],
)
def test_the_date_is_the_servers(error: Exception, date: str | None) -> None:
    """In UTC; None where it does not say."""
    assert date_of(error) == date


def test_an_error_without_a_response_has_no_headers() -> None:
    """And one with a response has its."""
    assert headers_of(broken()) == {}
    assert headers_of(status_error(500, retry_after="3"))["retry-after"] == "3"


def without_content() -> httpx2.Request:
    """A request whose body is a stream that was not read."""

    async def body() -> Any:
        yield b"{}"

    return httpx2.Request("POST", "http://test", content=body())


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (broken(), {"model": "claude-opus-5-5", "messages": []}),
        (anthropic.APIConnectionError(request=without_content()), {}),
        (anthropic.APIConnectionError(request=httpx2.Request("POST", "http://test", content=b"[1]")), {}),
        (anthropic.APIConnectionError(request=httpx2.Request("POST", "http://test", content=b"\xff")), {}),
        (httpx2.ReadError("no request was set"), {}),
        (anthropic.AnthropicError("no request at all"), {}),
    ],
    ids=["json", "not read", "no object", "no json", "not set", "none"],
)
def test_what_was_sent_is_read_where_it_can_be(error: Exception, sent: dict[str, Any]) -> None:
    """Else nothing is known of it."""
    assert what_was_sent(error) == sent


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("text/html; charset=utf-8", "text/html"),
        ("Application/JSON", "application/json"),
        ("", "of no content type"),
        ("\x1b[2J", "of a content type that is none"),
        (f"text/{'x' * 100}", "of a content type that is none"),
    ],
)
def test_a_content_type_is_repeated_if_it_is_one(said: str, words: str) -> None:
    """It comes from the network, and goes into messages."""
    assert media_type({"content-type": said}) == words


def test_a_header_that_cannot_be_sent_is_not_shown() -> None:
    """It may be a key with a line break; what it says of the error is still known."""
    said = [f"Illegal header {what} b'sk-ant-secret\\n'" for what in ("value", "name")]
    others = ["Illegal header framing", "Too much data for declared Content-Length"]
    causes = [httpx2.LocalProtocolError(text) for text in (*said, *others)]
    error = broken(*causes)
    withhold_headers(error)
    assert [str(cause) for cause in causes] == ["Illegal header value", "Illegal header name", *others]
    assert connection_code(error) == "not_sendable"
