"""What the requests of one stream died of -> one `Diagnosis`.

What a stream survived is not what it died of. What ended it are the failures after the last request that brought
something of the answer, or that request itself if none came after it. The code that most of them have heads the
diagnosis; of those met equally often, the one that stands first in `advice.py`. The others are named in the summary,
and the first of their steps are among the steps.

An internal error (500) is taken for the request's own fault when nothing else was met, on any route, and either at
least three requests died of it (the first may be an accident, and so may the second), or preflight has found something
in the request. It is not when a request of the stream brought something of the answer, nor, without a finding, when
most of other streams' requests to the same models failed too.

There is nothing of the conversation in a diagnosis, and none of the API's own words (`codes.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from ..core.wire.rate_limits import RateLimit
from .advice import ADVICE, Whose

if TYPE_CHECKING:
    from ..core.finding import Finding

__all__ = ["DiagnosedRequest", "Diagnosis", "Ending", "conclude"]

VERSION: Final = 1

#: What ended a stream besides its requests.
Ending = Literal[
    "deadline",
    "not_asked",
    "closed",
    "stopped",
    "journal",
    "journal_full",
    "poison",
    "rewind",
    "batch_expired",
    "batch_canceled",
    "batch_timeout",
    "batch_failed",
]
#: Those that count only where no request died.
_ELSE: Final = ("closed", "batch_failed")

#: How many requests have to have died of a 500 for the request itself to be suspected.
_SUSPICIOUS: Final = 3


@dataclass(frozen=True, slots=True)
class DiagnosedRequest:
    """One request, as support needs it.

    Attributes:
        code: What it died of; or how it ended otherwise, as in `AttemptReport.outcome`.
        model: The model that was asked; None where that is not known.
        status: The HTTP status; None where no response came.
        type: The API's `error.type`; None where it gave none.
        request_id: None where no response came.
        date: When the server answered, by its clock; else when it was sent, by this machine's. In ISO 8601; None where
            neither is known.
        delivered: Whether it brought something of the answer.
    """

    code: str
    model: str | None = None
    status: int | None = None
    type: str | None = None
    request_id: str | None = None
    date: str | None = None
    delivered: bool = False

    def __str__(self) -> str:
        died_of = " ".join(str(part) for part in (self.status, self.type or self.code) if part is not None)
        parts = (self.date, self.model, died_of, f"request id {self.request_id or 'none'}")
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What went wrong, whose problem that is, and what to do next. It has no content; its text can go to support.

    Attributes:
        code: What it is, stable; [the list](../when-it-fails.md#the-codes) is in the documentation.
        summary: That, and whose problem it is, in one sentence; its wording may change.
        next_steps: What to do, each in one short sentence, the most useful first.
        request_ids: Of every request, in order.
        limits: The account's rate limits, the one of which least was left first; empty where none was met.
        retry_after: Seconds that the API's last response asked to wait; None: it did not.
        findings: What [preflight](../preflight.md) finds in the request, where the request may be at fault.
        requests: Every request.
    """

    code: str
    summary: str
    next_steps: tuple[str, ...]
    request_ids: tuple[str, ...] = ()
    limits: tuple[RateLimit, ...] = ()
    retry_after: float | None = None
    findings: tuple[Finding, ...] = ()
    requests: tuple[DiagnosedRequest, ...] = ()

    @property
    def whose(self) -> Whose:
        """Whose problem it is: `"everybody"`, `"service"` (the API's own fault), `"account"` (your key, limits or
        credit), `"request"`, `"network"`, `"model"` (what it wrote) or `"caller"` (what your program asked for)."""
        return ADVICE[self.code].whose

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, with `"version": 1`."""
        plain = asdict(self)
        findings = [finding.to_dict() for finding in self.findings]
        return {"version": VERSION, "code": self.code, "whose": self.whose, **plain, "findings": findings}

    def __str__(self) -> str:
        sections = {
            "Requests": [f"{number}. {request}" for number, request in enumerate(self.requests, 1)],
            "Rate limits": [str(limit) for limit in self.limits],
            "Findings": [f"{finding.code} at {finding.path}: {finding.message}" for finding in self.findings],
            "Next steps": [f"- {step}" for step in self.next_steps],
        }
        lines = [f"{self.code}: {self.summary}"]
        for title, items in sections.items():
            lines += [f"{title}:", *(f"  {item}" for item in items)] if items else []
        return "\n".join(lines)


def conclude(
    requests: Sequence[DiagnosedRequest],
    *,
    died: Sequence[DiagnosedRequest] | None = None,
    ending: Ending = "closed",
    limits: Sequence[RateLimit] = (),
    retry_after: float | None = None,
    findings: Sequence[Finding] = (),
    others_answered: bool | None = None,
    about: Mapping[str, str] | None = None,
) -> Diagnosis:
    """The diagnosis of a stream, or of errors of the SDK's own.

    Args:
        requests: Every request, in order.
        died: What ended it. None: it is found among the requests.
        ending: What ended it, if it was not its requests; `"closed"` and `"batch_failed"` give way to what they died
            of.
        limits: As the last rate limit's headers told.
        retry_after: Seconds, as the last response told.
        findings: What preflight found.
        others_answered: Whether most of other streams' requests to the same models were answered meanwhile; None:
            there were none, or nobody knows.
        about: What else is known of a code, as a clause; by the code.
    """
    if died is None:
        # What a stream died of that went on as a batch, it has survived.
        died = _ended_by(requests[-1:] if ending.startswith("batch_") else requests)
    code: str = _headline(died) if died and ending in _ELSE else ending
    if code == "server_error":
        code = _of_500(requests, died, findings, others_answered)
    others = [each for each in dict.fromkeys(request.code for request in died) if ADVICE[each] is not ADVICE[code]]
    if code in _INTERNAL:
        others = [each for each in others if each != "server_error"]
    limits = limits if any(request.code in _WITH_LIMITS for request in died) else ()
    about = about or {}
    which = _which(limits, about.get("rate_limited", ""))
    more = {**_ON_OTHERS.get(others_answered, {}), **about, "rate_limited": which}.get(code, "")
    if code == "likely_payload" and findings:
        more = ", and preflight finds what may do so"
    summary = ADVICE[code].summary.format(status=_status(code, died), models=_models(code, died), more=more)
    if others:
        summary = f"{summary.removesuffix('.')} (also met: {', '.join(others)})."
    return Diagnosis(
        code=code,
        summary=summary,
        next_steps=_steps(code, others, limits, retry_after, findings),
        request_ids=tuple(request.request_id for request in requests if request.request_id),
        limits=tuple(limits),
        retry_after=retry_after,
        findings=tuple(findings),
        requests=tuple(requests),
    )


# -- which code


#: Rate limits are told with every response, and would mislead about other troubles.
_WITH_LIMITS: Final = ("rate_limited", "acceleration_limit")
_INTERNAL: Final = ("server_error", "server_error_intermittent", "likely_payload")


def _ended_by(requests: Sequence[DiagnosedRequest]) -> list[DiagnosedRequest]:
    last = max((index for index, request in enumerate(requests) if request.delivered), default=-1)
    after = [request for request in requests[last + 1 :] if request.code in ADVICE]
    return after or [request for request in requests[max(last, 0) : last + 1] if request.code in ADVICE]


def _headline(died: Sequence[DiagnosedRequest]) -> str:
    counts = Counter(request.code for request in died)
    order = list(ADVICE)
    return min(counts, key=lambda code: (-counts[code], order.index(code)))


def _of_500(
    requests: Sequence[DiagnosedRequest],
    died: Sequence[DiagnosedRequest],
    findings: Sequence[Finding],
    others_answered: bool | None,
) -> str:
    if any(request.delivered for request in requests):
        return "server_error_intermittent"
    always = all(request.code == "server_error" for request in died)
    suspicious = len(died) >= _SUSPICIOUS and others_answered is not False
    return "likely_payload" if always and (findings or suspicious) else "server_error"


# -- in words


_ON_OTHERS: Final[Mapping[bool | None, Mapping[str, str]]] = {
    True: {
        "likely_payload": ", because other requests to the same models were answered meanwhile",
        "server_error": "; other requests to the same models were answered meanwhile",
    },
    False: {"server_error": "; most other requests to the same models failed too"},
}


def _status(code: str, died: Sequence[DiagnosedRequest]) -> str:
    """The status of what ended it, in brackets; an error inside a 200 stream has none to show."""
    code = "server_error" if code in _INTERNAL else code
    own = [request.status for request in died if request.code == code]
    status = next((status for status in reversed(own) if status is not None and status >= 400), None)
    return "" if status is None else f" ({status})"


def _models(code: str, died: Sequence[DiagnosedRequest]) -> str:
    return " or ".join(dict.fromkeys(request.model or "unknown" for request in died if request.code == code))


def _which(limits: Sequence[RateLimit], said: str) -> str:
    """Which limit it was: as the headers told, or as the API said in words; of some limits it has no headers."""
    exhausted = [limit.name for limit in limits if limit.exhausted]
    if exhausted:
        return f": {' and '.join(exhausted)}"
    if said:
        return said
    return f"; least was left of {limits[0].name}" if limits else "; the API did not say which"


def _steps(
    code: str,
    others: Sequence[str],
    limits: Sequence[RateLimit],
    retry_after: float | None,
    findings: Sequence[Finding],
) -> tuple[str, ...]:
    steps = [f"Wait {retry_after:g} s before you ask again; the API asks for that."] if retry_after else []
    resets = [limit for limit in limits if limit.exhausted and limit.seconds and not retry_after]
    steps += [f"Wait {limit.seconds:.0f} s, until {limit.reset}, when {limit.name} resets." for limit in resets]
    steps += [f"{finding.path}: {finding.fix}" for finding in findings]
    steps += ADVICE[code].steps
    steps += [ADVICE[other].steps[0] for other in others]
    return tuple(dict.fromkeys(steps))
