"""What went wrong, in a sentence or two for people: never a traceback, a key, or the API's words about a request."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Final

import anthropic

from ..api.diagnose import diagnose
from ..core.printable import printable
from ..diagnosis.diagnosis import Diagnosis
from ..durable.errors import StreamCancelled, StreamMissing
from ..errors import StreamFailed
from ..journal import JournalError

__all__ = ["Problem", "count", "explain", "hide", "without_keys"]

#: Characters of a sentence that is shown: one with a path or two in it, and the ids of many requests.
_LONGEST: Final = 4_000
#: Characters. Ours: keys have a hundred, and a gateway's own twenty; "test" and "dummy-key" are none.
_SHORTEST_KEY: Final = 12
_KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
#: What else is not shown, and what stands for it.
_HIDDEN: Final[dict[str, str]] = {}


class Problem(Exception):
    """Something that the person at the keyboard can mend; its text is the sentence to show."""


def explain(error: BaseException) -> str:
    """What `error` is, and what to do about it, in one line."""
    return without_keys(printable(_explain(error), _LONGEST))


def hide(secret: str, name: str) -> None:
    """Show `name` for this secret from now on, however short it is."""
    _HIDDEN[secret] = name


def without_keys(text: str) -> str:
    """`text`, with every key that stands in the environment left out, and what else is to be hidden.

    What is too short to be a key is left alone, as it would stand in every other word, and so is a longer word that
    only has it in it.
    """
    for name in _KEYS:
        key = os.environ.get(name, "").strip()
        if len(key) >= _SHORTEST_KEY:
            text = _replaced(text, key, f"[{name}]")
    for secret, name in _HIDDEN.items():
        text = _replaced(text, secret, name)
    return text


def _replaced(text: str, key: str, name: str) -> str:
    """`text` with `name` for each `key` that is not a part of a longer word."""
    parts = text.split(key)
    shown = parts[0]
    for before, after in pairwise(parts):
        inside = (before[-1:].isalnum() and key[0].isalnum()) or (after[:1].isalnum() and key[-1].isalnum())
        shown += (key if inside else name) + after
    return shown


def count(number: int, what: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def _explain(error: BaseException) -> str:
    match error:
        case BaseExceptionGroup():
            return _explain(error.exceptions[0])
        case Problem():
            return str(error)
        case StreamCancelled():
            return f"somebody has stopped the stream; {len(error.partial.text):,} characters had arrived"
        case StreamFailed():
            return _explain_failed(error)
        case JournalError() | StreamMissing():
            return str(error)
        case anthropic.APIError():
            found = diagnose(error)
            return f"{_found(found)} (asked {_address(error)}; {_ids(found)})"
        case _:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _explain_failed(error: StreamFailed) -> str:
    attempts = error.report.attempts
    why = next((notice.message for notice in reversed(error.report.notices) if notice.code == "failed"), error.message)
    models = ", ".join(dict.fromkeys(attempt.model for attempt in attempts)) or "no model"
    # Of what is read from a journal, nobody here knows whom another process has asked.
    asked = f"asked {_address(error)}: " if error.request.url.host else ""
    return (
        f"{_found(error.diagnosis)} (the answer could not be finished: {why}; {asked}"
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
