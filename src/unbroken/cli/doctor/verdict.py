"""What all that `unbroken doctor` has seen comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from ...diagnosis.bisect.shrink import Shrunk
from .bisection import Bisected
from .checks import Check
from .trial import Trial

__all__ = ["Verdict", "conclude"]

#: What keeps the other steps from working comes first.
_ORDER: Final = ("JSON", "network", "key", "hello", "request", "preflight")
#: Failures of the request that a part of it may cause, though the API takes it.
_INTERNAL: Final = ("server_error", "server_error_intermittent", "likely_payload")

_CODES: Final = {
    "found": "payload",
    "length": "conversation_length",
    "always": "server_error",
    "intermittent": "server_error_intermittent",
    "unfinished": "likely_payload",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What it comes to.

    Attributes:
        code: That of a diagnosis; or `"healthy"`, `"interrupted"`, `"invalid_json"`, and of what was found by
            bisecting `"payload"` and `"conversation_length"`.
        summary: One sentence.
        next_steps: What to do, the most useful first.
        request_ids: Of what went wrong, for support: of the search, that of the smallest request that fails.
        healthy: Whether nothing is wrong.
        interrupted: Whether it was ended before its end.
    """

    code: str
    summary: str
    next_steps: tuple[str, ...] = ()
    request_ids: tuple[str, ...] = ()
    healthy: bool = False
    interrupted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        verdict = {"code": self.code, "summary": self.summary, "next_steps": list(self.next_steps)}
        told: dict[str, Any] = {"healthy": self.healthy, "interrupted": self.interrupted, "verdict": verdict}
        return {**told, "request_ids": list(self.request_ids)}


def conclude(
    checks: Sequence[Check],
    trial: Trial | None,
    bisected: Bisected | None,
    *,
    name: str | None,
    interrupted: bool,
) -> Verdict:
    """The verdict.

    Args:
        checks: Every step.
        trial: What came of the given request; None: it was not sent.
        bisected: What bisecting has found; None: nothing was bisected.
        name: Of the request's file; None: there is none.
        interrupted: Whether it was ended before its end.
    """
    ids = [request_id for check in checks if check.outcome == "problem" for request_id in check.request_ids]
    ids += bisected.request_ids[-1:] if bisected else ()
    more: dict[str, Any] = {"request_ids": tuple(dict.fromkeys(ids)), "interrupted": interrupted}
    answered = trial is not None and trial.error is None
    # What the API has answered is well, whatever preflight thinks of it; and so is a key with which it answers.
    accepted = any(check.name == "hello" and check.outcome == "ok" for check in checks)
    well = {"preflight": answered, "key": accepted, "network": accepted}
    wrong = [check for check in checks if check.outcome == "problem" and not well.get(check.name)]
    worst = min(wrong, key=lambda check: _ORDER.index(check.name), default=None)
    if bisected is not None:
        return _bisected(next(check for check in wrong if check.name == "request"), bisected.shrunk, more)
    if worst is None:
        return _well(checks, answered=answered, more=more)
    if worst.name == "JSON":
        mend = "Mend what is named above; nothing of the request was sent."
        return Verdict(code="invalid_json", summary="The request is no valid JSON.", next_steps=(mend,), **more)
    if worst.name == "request" and worst.code in _INTERNAL:
        found = [step for check in checks if check.name == "preflight" for step in check.next_steps]
        return _payload(worst, found, name, more)
    summary = "The API will reject the request." if worst.name == "preflight" else worst.summary
    waiting = _waiting(checks) if worst.code in ("overloaded", *_INTERNAL) else ()
    # Some advise what is just being done.
    steps = dict.fromkeys(step for step in (*waiting, *worst.next_steps) if "unbroken doctor" not in step)
    return Verdict(code=worst.code or "invalid_request", summary=summary, next_steps=tuple(steps), **more)


def _well(checks: Sequence[Check], *, answered: bool, more: dict[str, Any]) -> Verdict:
    if more["interrupted"]:
        return Verdict(code="interrupted", summary="Interrupted; so far nothing was found to be wrong.", **more)
    what = "the request was answered" if answered else "every model that was asked answers"
    if not any(check.name in ("hello", "request") and check.outcome == "ok" for check in checks):
        what = "nothing that was looked at is wrong"
    summary = f"All is well: {what}."
    return Verdict(code="healthy", summary=summary, next_steps=_waiting(checks), healthy=True, **more)


def _waiting(checks: Sequence[Check]) -> tuple[str, ...]:
    return tuple(step for check in checks if check.name == "status page" for step in check.next_steps)


def _payload(request: Check, found: Sequence[str], name: str | None, more: dict[str, Any]) -> Verdict:
    """A plain request is answered, or this one would not have been sent; `found` is what preflight advises."""
    bisect = (
        f"Find the part that causes it: unbroken doctor --bisect {name if name not in (None, '-') else 'REQUEST.json'}"
    )
    findings = [step for step in request.next_steps if step in found]
    return Verdict(
        code="likely_payload",
        summary=(
            "A plain request to the same model is answered, and this one dies of an internal error: most likely "
            "something in it causes that."
        ),
        next_steps=(*findings, bisect, "Send it again: where it works then, the error is intermittent."),
        **more,
    )


def _bisected(request: Check, found: Shrunk, more: dict[str, Any]) -> Verdict:
    causes = " and ".join(found.causes)
    summary = f"{found.summary[:1].upper()}{found.summary[1:]}."
    steps: list[str] = []
    match found.verdict:
        case "found":
            steps = [f"Leave out or change {causes}."]
            steps += ["Then bisect once more, for the other cause."] if found.rest is False else []
        case "length":
            steps = [f"Shorten or summarise the conversation to what stands before {causes}."]
        case "unfinished":
            steps = [] if found.crowd is None else [f"Try with fewer or simpler {found.crowd}."]
            steps += ["Bisect again with a higher --max-requests or --max-cost."]
            steps += ["Where it fails only now and then, bisect with --repeat 3: a part may have passed by luck."]
        case "intermittent":
            steps = ["Retry it; bisect with --repeat, so that a part that passes by luck is asked again."]
        case "always" if request.code not in _INTERNAL:
            summary = "The API rejects what cannot be left out of the request: its model, say, or `max_tokens`."
            steps = list(request.next_steps)
        case "always":
            steps = ["Look at the status page, and write to support with the request ids below."]
        case _:
            assert_never(found.verdict)
    code = _CODES[found.verdict] if request.code in _INTERNAL or found.verdict == "found" else str(request.code)
    return Verdict(code=code, summary=summary, next_steps=tuple(steps), **more)
