"""What went wrong, in a sentence or two for people: never a traceback, a key, or the API's words about a request."""

from __future__ import annotations

import os
from typing import Final

import anthropic

from ..core.diagnosis import Diagnosis
from ..diagnosing import diagnose
from ..errors import StreamFailed

__all__ = ["Problem", "count", "explain", "without_keys"]

_KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


class Problem(Exception):
    """Something that the person at the keyboard can mend; its text is the sentence to show."""


def explain(error: BaseException) -> str:
    """What `error` is, and what to do about it, in one line."""
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
        case anthropic.APIError():
            found = diagnose(error)
            return f"{_found(found)} (asked {_address(error)}; {_ids(found)})"
        case _:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _explain_failed(error: StreamFailed) -> str:
    attempts = error.report.attempts
    why = next((notice.message for notice in reversed(error.report.notices) if notice.code == "failed"), error.message)
    models = ", ".join(dict.fromkeys(attempt.model for attempt in attempts)) or "no model"
    return (
        f"{_found(error.diagnosis)} (the answer could not be finished: {why}; asked {_address(error)}: "
        f"{count(len(attempts), 'request')} to {models}; {_ids(error.diagnosis)}; "
        f"{len(error.partial.text):,} characters had arrived)"
    )


def _found(found: Diagnosis) -> str:
    """What it is, and what to do first; it follows the name of the command."""
    return f"{found.summary[:1].lower()}{found.summary[1:]} {found.next_steps[0]}"


def _ids(found: Diagnosis) -> str:
    return f"request ids: {', '.join(found.request_ids) or 'none'}"


def _address(error: anthropic.APIError) -> str:
    url = error.request.url
    return f"{url.scheme}://{url.netloc.decode()}"
