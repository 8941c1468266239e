"""What it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.cli.doctor.bisection import Bisected
from unbroken.cli.doctor.checks import Check
from unbroken.cli.doctor.trial import Trial
from unbroken.cli.doctor.verdict import Verdict, conclude
from unbroken.diagnosis.bisect.shrink import Shrunk

ANSWERED = Trial("m", None, 0.1, 0.1, "req_1")
DIED = Trial("m", RuntimeError("it died"), None, 0.1, "req_1")


def ok(name: str) -> Check:
    return Check(name=name, outcome="ok", summary=f"{name} is well")


def problem(name: str, code: str = "server_error", **more: Any) -> Check:
    return Check(name=name, outcome="problem", summary=f"{name} is wrong", code=code, **more)


def verdict(*checks: Check, trial: Trial | None = None, bisected: Bisected | None = None, **more: Any) -> Verdict:
    return conclude(checks, trial, bisected, **({"name": "request.json", "interrupted": False} | more))


def searched(**changes: Any) -> Bisected:
    known: dict[str, Any] = {
        "verdict": "found",
        "causes": ("service_tier",),
        "suspects": None,
        "request": {},
        "requests": 8,
        "kept": 1,
        "pieces": 40,
        "needed": True,
        "rest": True,
    }
    return Bisected(Shrunk(**(known | changes)), 8, None, None, ("req_5", "req_6"))


def test_all_is_well() -> None:
    """As far as was looked."""
    assert verdict(ok("network"), ok("hello")).summary == "All is well: every model that was asked answers."
    assert verdict(ok("hello"), ok("request"), trial=ANSWERED).summary == "All is well: the request was answered."
    assert verdict(ok("JSON")).summary == "All is well: nothing that was looked at is wrong."
    assert verdict(ok("network"), interrupted=True).code == "interrupted"


def test_what_keeps_the_others_from_working_comes_first() -> None:
    """The file, the way, the key, the model, the request."""
    order = ["JSON", "network", "key", "hello", "request", "preflight"]
    for first in range(len(order)):
        checks = [problem(name, code="permission") for name in reversed(order[first:])]
        found = verdict(*checks, trial=DIED)
        assert not found.healthy
        known = {"JSON": "The request is no valid JSON.", "preflight": "The API will reject the request."}
        assert found.summary == known.get(order[first], f"{order[first]} is wrong")


def test_what_was_answered_is_well_whatever_preflight_found() -> None:
    """The API decides."""
    assert verdict(problem("preflight"), ok("request"), trial=ANSWERED).healthy
    assert not verdict(problem("preflight"), trial=None).healthy


def test_an_internal_error_of_the_request_alone_is_probably_the_payloads() -> None:
    """What preflight finds is looked at first, then what bisecting would find."""
    advice = "tool_choice: Give tools, or leave `tool_choice` out."
    preflight = problem("preflight", "invalid_request", next_steps=(advice,))
    request = problem("request", next_steps=(advice, "Ask again later."), request_ids=("req_3",))
    found = verdict(preflight, ok("hello"), request, trial=DIED)
    assert found.code == "likely_payload"
    assert found.next_steps == (
        advice,
        "Find the part that causes it: unbroken doctor --bisect request.json",
        "Send it again: where it works then, the error is intermittent.",
    )
    assert found.request_ids == ("req_3",)
    assert "--bisect REQUEST.json" in verdict(preflight, request, trial=DIED, name="-").next_steps[1]


def test_during_an_incident_one_waits_first() -> None:
    """But what has nothing to do with it is mended."""
    steps = ("Wait until the status page says that the incident is over.",)
    page = Check(name="status page", outcome="warning", summary="minor", next_steps=steps)
    overload = problem("hello", "overloaded", next_steps=("Ask again later.", "Or run `unbroken doctor`."))
    assert verdict(page, overload).next_steps == (*steps, "Ask again later.")
    assert verdict(page, problem("hello", "authentication", next_steps=("Mend it.",))).next_steps == ("Mend it.",)
    assert verdict(page, ok("hello")).next_steps == steps


@pytest.mark.parametrize(
    ("changes", "code", "step"),
    [
        ({}, "payload", "Leave out or change service_tier."),
        ({"rest": False}, "payload", "Then bisect once more, for the other cause."),
        (
            {"verdict": "length", "causes": ("messages[30]",)},
            "conversation_length",
            "Shorten or summarise the conversation to what stands before messages[30].",
        ),
        (
            {"verdict": "unfinished"},
            "likely_payload",
            "Where it fails only now and then, bisect with --repeat 3: a part may have passed by luck.",
        ),
        (
            {"verdict": "intermittent"},
            "server_error_intermittent",
            "Retry it; bisect with --repeat, so that a part that passes by luck is asked again.",
        ),
        (
            {"verdict": "always"},
            "server_error",
            "Look at the status page, and write to support with the request ids below.",
        ),
    ],
)
def test_what_bisecting_found_is_the_verdict(changes: dict[str, Any], code: str, step: str) -> None:
    """With what follows from it, and the id of the smallest request that failed."""
    found = verdict(problem("request", request_ids=("req_3",)), trial=DIED, bisected=searched(**changes))
    assert found.code == code
    assert found.next_steps[-1] == step
    assert found.request_ids == ("req_3", "req_6")


def test_of_too_many_parts_there_may_be_fewer() -> None:
    """Where it seems to be their number, more requests alone would not help."""
    causes = ("tools[10]", "tools[11]", "tools[12]")
    found = verdict(problem("request"), trial=DIED, bisected=searched(verdict="unfinished", causes=causes))
    assert found.next_steps[0] == "Try with fewer or simpler tools."


def test_a_rejection_of_what_cannot_be_left_out_is_no_matter_for_support() -> None:
    """The payload is its cause, and its own steps say more."""
    request = problem("request", "invalid_request", next_steps=("model: Give it.",))
    found = verdict(request, trial=DIED, bisected=searched(verdict="always", causes=()))
    assert (found.code, found.next_steps) == ("invalid_request", ("model: Give it.",))
    assert found.summary == "The API rejects what cannot be left out of the request: its model, say, or `max_tokens`."


def test_a_rejection_stays_one_where_its_part_was_not_found() -> None:
    """Only what was found has a code of its own."""
    request = problem("request", "invalid_request")
    assert verdict(request, trial=DIED, bisected=searched()).code == "payload"
    assert verdict(request, trial=DIED, bisected=searched(verdict="unfinished")).code == "invalid_request"


def test_plain_data() -> None:
    """As it stands in the JSON."""
    found = verdict(problem("hello", "overloaded", next_steps=("Wait.",), request_ids=("req_1", "req_1")))
    assert found.to_dict() == {
        "healthy": False,
        "interrupted": False,
        "verdict": {"code": "overloaded", "summary": "hello is wrong", "next_steps": ["Wait."]},
        "request_ids": ["req_1"],
    }
