"""What `unbroken doctor` looks at before it sends the request: the way to the API, the key, the models, the page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import anthropic
import anyio
import httpx2

from ...api.diagnose import diagnose
from ...core.classification import words
from ...diagnosis.diagnosis import Diagnosis
from ...preflight import check
from ..problems import count, without_keys
from .trial import Trial, ask, plain

__all__ = ["Check", "Limits", "Outcome", "hello", "key", "masked", "no_key", "preflight", "problem", "sent", "source"]

Outcome = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a step may take. With these, ours, all is over within 15 when nothing answers: a name is resolved
    first, then all else is done at once, and the SDK takes some of them to import.

    Attributes:
        resolve: Until a name is resolved.
        check: Until the way to the API, the key and the status page are known.
        hello: Until a model has said hello.
    """

    resolve: float = 2.5
    check: float = 6.0
    hello: float = 7.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What came of one step.

    Attributes:
        name: Which.
        outcome: `"skipped"` where it could not be done.
        summary: One line, without content.
        details: More lines.
        code: Of the diagnosis, if it went wrong.
        next_steps: What to do about it.
        request_ids: Of what was sent for it.
        data: More for machines.
    """

    name: str
    outcome: Outcome
    summary: str
    details: tuple[str, ...] = ()
    code: str | None = None
    next_steps: tuple[str, ...] = ()
    request_ids: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        told = {"name": self.name, "outcome": self.outcome, "summary": self.summary, "details": list(self.details)}
        more = {"code": self.code, "next_steps": list(self.next_steps), "request_ids": list(self.request_ids)}
        return {**told, **more, **self.data}


def problem(name: str, found: Diagnosis, *, about: str = "", **more: Any) -> Check:
    """What went wrong, by its diagnosis."""
    limits = tuple(str(limit) for limit in found.limits)
    return Check(
        name=name,
        outcome="problem",
        summary=about + found.summary,
        details=limits,
        code=found.code,
        next_steps=found.next_steps,
        request_ids=found.request_ids,
        **more,
    )


# -- the key

_NAMES: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
#: A key shorter than this is not shown at all.
_LONG_ENOUGH: Final = 24


def masked(key: str) -> str:
    """`sk-ant-...abcd`: enough to tell which it is."""
    if len(key) < _LONG_ENOUGH:
        return "(not shown)"
    return f"{'sk-ant-' if key.startswith('sk-ant-') else ''}...{key[-4:]}"


def source(client: anthropic.AsyncAnthropic) -> str:
    """Where the client's key is from, and what it looks like."""
    for name, value in zip(_NAMES, (client.api_key, client.auth_token), strict=True):
        if value:
            return f"{name} {masked(value)}"
    return "the SDK's own credentials profile"


def no_key(why: str) -> Check:
    """There is none, or none that can be sent."""
    return Check(
        name="key",
        outcome="problem",
        summary=why,
        code="no_credentials",
        next_steps=("Put a key into the environment variable ANTHROPIC_API_KEY.",),
    )


async def key(client: anthropic.AsyncAnthropic, limits: Limits) -> Check:
    """Whether the API takes the key: it is asked which models there are."""
    told = source(client)
    data = {"source": next((name for name in _NAMES if told.startswith(name)), "profile")}
    details = ("ANTHROPIC_AUTH_TOKEN is set too, and not used.",) if all(map(os.environ.get, _NAMES)) else ()
    error: Exception | None = None
    with anyio.move_on_after(limits.check) as scope:
        try:
            await client.models.list(limit=1)
        except (anthropic.AnthropicError, httpx2.TransportError, ValueError) as caught:
            error = caught
    if scope.cancelled_caught:
        return Check(name="key", outcome="skipped", summary=f"{told}: no answer within {limits.check:g} s", data=data)
    match error:
        case None:
            return Check(name="key", outcome="ok", summary=f"{told} is accepted", details=details, data=data)
        case anthropic.AuthenticationError():
            return problem("key", diagnose(error, params={}), about=f"{told}: ", data=data)
        case anthropic.PermissionDeniedError():
            summary = f"{told} is known, and may not list the models (403)"
            return Check(name="key", outcome="warning", summary=summary, details=details, code="permission", data=data)
        case anthropic.APIStatusError():
            summary = f"{told}: whether it is accepted is not told ({error.status_code} to GET /v1/models)"
            return Check(name="key", outcome="warning", summary=summary, details=details, data=data)
        case _:
            return Check(name="key", outcome="skipped", summary=f"{told}: could not be tried", data=data)


# -- the models


async def hello(client: anthropic.AsyncAnthropic, model: str, limits: Limits) -> Check:
    """Whether a model answers the least that it can be asked."""
    trial = await ask(client, plain(model), limit=limits.hello)
    found = trial.diagnosis({})
    data = trial.to_dict()
    if found is not None:
        return problem("hello", found, about=f"{model}: ", data=data)
    ids = (trial.request_id,) if trial.request_id else ()
    return Check(
        name="hello",
        outcome="ok",
        summary=f"{model} answers: content after {trial.first_content or trial.seconds:.2f} s",
        request_ids=ids,
        data=data,
    )


# -- the request


def preflight(params: Mapping[str, Any]) -> Check:
    """What is to be seen of the request before it is sent."""
    findings = check(params)
    data = {"findings": [finding.to_dict() for finding in findings]}
    if not findings:
        return Check(name="preflight", outcome="ok", summary="nothing found", data=data)
    errors = sum(finding.severity == "error" for finding in findings)
    parts = [count(number, what) for number, what in ((errors, "error"), (len(findings) - errors, "warning")) if number]
    return Check(
        name="preflight",
        outcome="problem" if errors else "warning",
        summary=", ".join(parts),
        details=tuple(map(str, findings)),
        code="invalid_request" if errors else None,
        next_steps=tuple(f"{finding.path}: {finding.fix}" for finding in findings),
        data=data,
    )


def sent(trial: Trial, params: Mapping[str, Any], *, show_content: bool) -> Check:
    """What came of the request."""
    ids = (trial.request_id,) if trial.request_id else ()
    found = trial.diagnosis(params)
    if found is not None:
        said = () if not show_content or trial.error is None else (without_keys(words(trial.error)),)
        return Check(
            name="request",
            outcome="problem",
            summary=f"{trial.model}: {found.summary} ({trial.seconds:.2f} s)",
            details=(*map(str, found.limits), *said),
            code=found.code,
            next_steps=found.next_steps,
            request_ids=ids,
            data=trial.to_dict(),
        )
    first = "without content" if trial.first_content is None else f"content after {trial.first_content:.2f} s"
    whole = f"whole after {trial.seconds:.2f} s" if trial.whole else f"not read to its end after {trial.seconds:.0f} s"
    summary = f"{trial.model} answers: {first}, {whole}"
    return Check(name="request", outcome="ok", summary=summary, request_ids=ids, data=trial.to_dict())
