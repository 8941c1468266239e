"""What a server or a client said -> `Failure`: an HTTP status, an `error` event in a stream, an exception.

The statuses and error types are those of the API's error page and of the SDK's `_exceptions.py`. A 4xx is known by its
status; inside a 200 stream, and behind a gateway's 5xx, the type decides. Amazon's exceptions are known by their names
wherever they stand: one status means several of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from .failure import VERDICTS, Failure, Kind, Verdict, of_kind
from .printable import printable
from .untyped import mapping

__all__ = ["PREFILL_UNSUPPORTED", "classify", "is_error", "not_sent", "retry_after_seconds", "words"]

_NUMBER: Final = re.compile(r" *[0-9]+(\.[0-9]*)? *")

#: https://platform.claude.com/docs/en/api/errors (August 2026).
_BY_TYPE: Final = {
    "overloaded_error": Kind.OVERLOADED,
    "api_error": Kind.SERVER_ERROR,
    "rate_limit_error": Kind.RATE_LIMITED,
    "timeout_error": Kind.TIMED_OUT,
    "conflict_error": Kind.CONFLICT,
    "authentication_error": Kind.AUTHENTICATION,
    "billing_error": Kind.BILLING,
    "permission_error": Kind.PERMISSION,
    "not_found_error": Kind.NOT_FOUND,
    "invalid_request_error": Kind.INVALID_REQUEST,
    "request_too_large": Kind.INVALID_REQUEST,
}

_BY_STATUS: Final = {
    401: Kind.AUTHENTICATION,
    402: Kind.BILLING,
    403: Kind.PERMISSION,
    404: Kind.NOT_FOUND,
    408: Kind.TIMED_OUT,
    409: Kind.CONFLICT,
    429: Kind.RATE_LIMITED,
    504: Kind.TIMED_OUT,
    529: Kind.OVERLOADED,
}

#: What Amazon Bedrock throws, inside a stream and instead of one. Botocore's model of `bedrock-runtime` (1.44.5) and
#: https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html; the last five are those of
#: signatures and keys, which every AWS service has. Two that AWS calls the caller's fault are not the request's: a
#: quota (400) is the account's, and a model's own error (424) comes with "Retry your request".
_BY_EXCEPTION: Final = {
    "AccessDeniedException": Kind.PERMISSION,
    "InternalServerException": Kind.SERVER_ERROR,
    "ModelErrorException": Kind.SERVER_ERROR,
    "ModelNotReadyException": Kind.OVERLOADED,
    "ModelStreamErrorException": Kind.SERVER_ERROR,
    "ModelTimeoutException": Kind.TIMED_OUT,
    "ResourceNotFoundException": Kind.NOT_FOUND,
    "ServiceQuotaExceededException": Kind.RATE_LIMITED,
    "ServiceUnavailableException": Kind.OVERLOADED,
    "ThrottlingException": Kind.RATE_LIMITED,
    "ValidationException": Kind.INVALID_REQUEST,
    "ExpiredTokenException": Kind.AUTHENTICATION,
    "IncompleteSignature": Kind.AUTHENTICATION,
    "InvalidSignatureException": Kind.AUTHENTICATION,
    "MissingAuthenticationTokenException": Kind.AUTHENTICATION,
    "UnrecognizedClientException": Kind.AUTHENTICATION,
}

#: Bedrock gives access model by model, so what is denied for one is not denied for all of that client.
_PER_MODEL: Final = frozenset({"AccessDeniedException"})

#: The 429s that "keep failing until access resumes" (SDK `types/shared/*_error_details.py`).
_SPEND_LIMITS: Final = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})

#: The API's own words; it gives this 400 no code (errors page, prefill-not-supported, August 2026).
PREFILL_UNSUPPORTED: Final = "does not support assistant message prefill"
#: Bedrock's words for a model that it does not know, in a `ValidationException` like any other (recorded).
_MODEL_UNKNOWN: Final = "The provided model identifier is invalid"


def is_error(body: object) -> bool:
    """Whether a body, of whatever status, is an error that the API or Amazon is known to answer with."""
    type_, _ = _told(mapping(body), {})
    return type_ in _BY_TYPE or _exception(type_) in _BY_EXCEPTION


#: Whose exceptions are about credentials: the packages from which the SDK's clients have theirs.
_OF_CREDENTIALS: Final = ("azure", "boto3", "botocore", "google", "msal")
#: What the SDK says itself, in exceptions of no class of its own (`TypeError`, `ValueError`, `RuntimeError`): "Could
#: not resolve authentication method", "could not resolve credentials from session", "Could not resolve API token",
#: "Unable to handle auth", "Expected `azure_ad_token_provider` argument to return a string". Of "token" alone much else
#: is said, `max_tokens` for one.
_ABOUT_CREDENTIALS: Final = ("authentication", "credential", "api token", "handle auth", "token_provider", "identity")


def not_sent(error: Exception) -> Failure:
    """A client could not even send the request.

    With no credentials no other request of this client's is sent either. Google's say themselves whether it is worth
    another try (`google.auth.exceptions`, `retryable`). All else is a mistake in the request, in the client or in what
    is wrapped around it, and comes again with the next request: text that cannot be encoded, a value that is no JSON.
    """
    if getattr(error, "retryable", False) is True:
        return of_kind(Kind.CONNECTION, error)
    return of_kind(Kind.AUTHENTICATION if _is_of_credentials(error) else Kind.NOT_SENT, error)


def _is_of_credentials(error: BaseException | None) -> bool:
    while error is not None:
        type_ = type(error)
        package = type_.__module__.partition(".")[0]
        # Only these quote nothing of the request's: a `UnicodeError` does.
        own = package == "anthropic" or type_ in (TypeError, ValueError, RuntimeError)
        told = f"{type_.__name__} {error}".lower() if own else ""
        if package in _OF_CREDENTIALS or any(word in told for word in _ABOUT_CREDENTIALS):
            return True
        error = error.__cause__
    return False


def classify(error: Exception, *, status: int, body: object, headers: Mapping[str, str], now: float) -> Failure:
    """A failure that the server named: an HTTP status, or an `error` event inside a 200 stream.

    Args:
        error: The SDK's exception for it.
        status: The HTTP status; 200 for an `error` event.
        body: The decoded error body, `{"type": "error", "error": {...}}`, or Amazon's `{"message": ...}`; anything else
            is taken as no body.
        headers: The response's headers, with case-insensitive look-up.
        now: Unix time in seconds, for a `retry-after` that is a date.
    """
    type_, details = _told(mapping(body), headers)
    exception = _exception(type_)
    kind = _kind(status, type_, exception, details)
    verdict = Verdict.ELSEWHERE if exception in _PER_MODEL else VERDICTS[kind]
    match headers.get("x-should-retry"):
        case "true" if kind is not Kind.SPEND_LIMIT and status != 200:
            verdict = Verdict.RETRY
        case "false" if verdict is Verdict.RETRY and status != 200:
            verdict = Verdict.ELSEWHERE
    return Failure(
        kind,
        verdict,
        error,
        status=status,
        type=type_,
        retry_after=retry_after_seconds(headers, now) if status != 200 else None,
    )


def _exception(type_: str | None) -> str:
    """The name of Amazon's exception; inside a stream, and in a header, it may begin with a small letter."""
    return (type_ or "")[:1].upper() + (type_ or "")[1:]


def _told(body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str | None, Mapping[str, Any]]:
    """The error's type, and all that the body tells of it."""
    details = mapping(body.get("error"))
    type_ = details.get("type")
    if isinstance(type_, str) or details:
        return printable(type_) or None, details
    # Amazon has the name in a header, before an address that is no part of it.
    return printable((headers.get("x-amzn-errortype") or "").partition(":")[0]) or None, body


def _kind(status: int, type_: str | None, exception: str, details: Mapping[str, Any]) -> Kind:
    if str(mapping(details.get("details")).get("error_code")) in _SPEND_LIMITS:
        return Kind.SPEND_LIMIT
    if PREFILL_UNSUPPORTED in str(details.get("message", "")):
        return Kind.PREFILL_UNSUPPORTED
    if exception == "ValidationException" and _MODEL_UNKNOWN in str(details.get("message", "")):
        return Kind.NOT_FOUND
    if exception in _BY_EXCEPTION:
        return _BY_EXCEPTION[exception]
    by_status = _BY_STATUS.get(status)
    if by_status is None and status >= 500:
        # 500, 501, 502, 503 and whatever a gateway makes up; the body may still know better.
        by_status = Kind.SERVER_ERROR
    if type_ in _BY_TYPE and (by_status in (None, Kind.SERVER_ERROR)):
        return _BY_TYPE[type_]
    if by_status is None:
        # Inside a stream an unknown type is the server's trouble; on a 4xx it is the request's.
        return Kind.SERVER_ERROR if status < 400 else Kind.INVALID_REQUEST
    return by_status


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """How long the server asks to wait, in seconds: `retry-after-ms`, else `retry-after` (seconds or an HTTP date)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        date = parsedate_to_datetime(value)
        # HTTP's dates are GMT, also where they do not say so.
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _number(value: str | None) -> float | None:
    # Python reads more as a number than HTTP does: "1_000", "nan", "1e9", the digits of other scripts.
    if value is None or not _NUMBER.fullmatch(value):
        return None
    number = float(value)
    return number if number < float("inf") else None


def words(error: Exception) -> str:
    """What the API said, of an SDK's error: the message in its body, else the error's own text."""
    body = getattr(error, "body", None)
    details = mapping(body).get("error", body)
    message = mapping(details).get("message")
    return message if isinstance(message, str) else str(error)
