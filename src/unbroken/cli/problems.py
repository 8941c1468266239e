"""What went wrong, in one sentence for people: never a traceback, never a key."""

from __future__ import annotations

import os
from typing import Final

import anthropic

from ..errors import StreamFailed

__all__ = ["Problem", "count", "explain", "without_keys"]

_KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


class Problem(Exception):
    """Something that the person at the keyboard can mend; its text is the sentence to show."""


def explain(error: BaseException) -> str:
    """One sentence about `error`."""
    return without_keys(" ".join(_explain(error).split()))


def without_keys(text: str) -> str:
    """`text`, with every key that stands in the environment left out."""
    for name in _KEYS:
        key = os.environ.get(name, "").strip()
        if key:
            text = text.replace(key, f"[{name}]")
    return text


def count(number: int, what: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def _explain(error: BaseException) -> str:
    match error:
        case BaseExceptionGroup():
            return _explain(error.exceptions[0])
        case Problem():
            return str(error)
        case StreamFailed():
            return _explain_failed(error)
        case anthropic.AuthenticationError():
            return f"the API does not accept this key: {_said(error)}"
        case anthropic.NotFoundError():
            return f"the API does not know this model, or its address is wrong: {_said(error)}"
        case anthropic.APIStatusError():
            return f"the API refused the request: {_said(error)}"
        case _:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _explain_failed(error: StreamFailed) -> str:
    attempts = error.report.attempts
    if attempts and all(attempt.outcome == "connection" and attempt.status is None for attempt in attempts):
        url = error.request.url
        tried = count(len(attempts), "request")
        return f"{url.scheme}://{url.netloc.decode()} cannot be reached ({_root(error.last)}; {tried})"
    why = next((notice.message for notice in reversed(error.report.notices) if notice.code == "failed"), error.message)
    models = ", ".join(dict.fromkeys(attempt.model for attempt in attempts))
    outcomes = ", ".join(dict.fromkeys(attempt.outcome for attempt in attempts))
    return (
        f"the answer could not be finished: {why} ({count(len(attempts), 'request')} to {models}: {outcomes}; "
        f"request ids: {', '.join(error.report.request_ids) or 'none'}; "
        f"{len(error.partial.text):,} characters had arrived)"
    )


def _root(error: BaseException | None) -> str:
    """What is at the bottom of a connection error: "Connection refused", a name that is not known."""
    while error is not None and (below := error.__cause__ or error.__context__) is not None:
        error = below
    if isinstance(error, BaseExceptionGroup):
        return _root(error.exceptions[0])
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return str(getattr(error, "strerror", None) or error or "no connection")


def _said(error: anthropic.APIStatusError) -> str:
    """The API's own words, the status and the request id."""
    body = error.body
    details = body.get("error") if isinstance(body, dict) else None
    message = details.get("message") if isinstance(details, dict) else None
    ending = f"status {error.status_code}, request id {error.request_id or 'none'}"
    return f"{message or error.message} ({ending})"
