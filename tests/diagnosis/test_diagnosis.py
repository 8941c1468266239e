"""From what requests died of to one diagnosis."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from unbroken.core.wire.rate_limits import RateLimit
from unbroken.diagnosis.advice import ADVICE
from unbroken.diagnosis.diagnosis import DiagnosedRequest, conclude
from unbroken.preflight import Finding

OVERLOADED = DiagnosedRequest("overloaded", "claude-opus-5-5", 529, "overloaded_error", "req_529")
IN_STREAM = replace(OVERLOADED, status=200)
INTERNAL = DiagnosedRequest("server_error", "claude-opus-5-5", 500, "api_error", "req_500")
LIMITED = DiagnosedRequest("rate_limited", "claude-opus-5-5", 429, "rate_limit_error", "req_429")
NO_KEY = DiagnosedRequest("authentication", "claude-opus-5-5", 401, "authentication_error", "req_401")
UNKNOWN = DiagnosedRequest("not_found", "claude-nobody", 404, "not_found_error", "req_404")
LOST = DiagnosedRequest("connection_lost", "claude-opus-5-5")
FINDING = Finding("tool_choice_without_tools", "tool_choice", "There are no tools.", "Leave it out.", "warning")


def brought(request: DiagnosedRequest) -> DiagnosedRequest:
    """The same, after it had brought something of the answer."""
    return replace(request, delivered=True)


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        ([OVERLOADED], "overloaded"),
        ([OVERLOADED, LOST, LOST], "connection_lost"),
        ([OVERLOADED, INTERNAL, LOST], "overloaded"),
        ([LOST, INTERNAL], "server_error"),
        ([OVERLOADED, NO_KEY], "authentication"),
        ([OVERLOADED, OVERLOADED, NO_KEY], "overloaded"),
        ([brought(OVERLOADED), brought(OVERLOADED), LOST], "connection_lost"),
        ([brought(OVERLOADED)], "overloaded"),
        ([LOST, brought(OVERLOADED), replace(LOST, code="cancelled")], "overloaded"),
        ([OVERLOADED, brought(replace(LOST, code="cancelled"))], "closed"),
        ([replace(LOST, code="lost"), replace(LOST, code="open")], "closed"),
        ([], "closed"),
    ],
)
def test_what_ended_the_stream_most_often_heads_the_diagnosis(requests: list[DiagnosedRequest], code: str) -> None:
    """Not what it survived; between equals, what waiting will not mend."""
    assert conclude(requests).code == code


def test_a_mixture_hides_nothing() -> None:
    """The others are in the summary, their first steps among the steps, all request ids in the list."""
    found = conclude([OVERLOADED, OVERLOADED, INTERNAL, LOST])
    assert found.summary == (
        "The API is overloaded (529): that is everybody's problem, and not your account's"
        " (also met: server_error, connection_lost)."
    )
    assert found.request_ids == ("req_529", "req_529", "req_500")
    assert {ADVICE[code].steps[0] for code in ("server_error", "connection_lost")} <= set(found.next_steps)
    assert len(set(found.next_steps)) == len(found.next_steps)


def test_a_status_is_told_where_there_is_one() -> None:
    """An error inside a 200 stream has none of its own."""
    assert "(529)" in conclude([OVERLOADED, IN_STREAM]).summary
    assert conclude([IN_STREAM]).summary.startswith("The API is overloaded: ")


def test_an_unknown_model_is_named() -> None:
    """Once, and only those that are unknown."""
    found = conclude([UNKNOWN, UNKNOWN, replace(UNKNOWN, model=None), OVERLOADED])
    assert "this model, claude-nobody or unknown, or the address" in found.summary


# -- internal errors


@pytest.mark.parametrize(
    ("requests", "arguments", "code"),
    [
        ([INTERNAL] * 2, {}, "server_error"),
        ([INTERNAL] * 3, {}, "likely_payload"),
        ([INTERNAL, replace(INTERNAL, model="claude-haiku-4-5"), INTERNAL], {}, "likely_payload"),
        ([INTERNAL] * 3, {"others_answered": True}, "likely_payload"),
        ([INTERNAL] * 3, {"others_answered": False}, "server_error"),
        ([INTERNAL] * 3 + [OVERLOADED], {}, "server_error"),
        ([brought(INTERNAL)] + [INTERNAL] * 3, {}, "server_error_intermittent"),
        ([brought(INTERNAL)] + [INTERNAL] * 3, {"findings": [FINDING]}, "server_error_intermittent"),
        ([INTERNAL], {"findings": [FINDING]}, "likely_payload"),
        ([INTERNAL] * 3, {"findings": [FINDING], "others_answered": False}, "likely_payload"),
        ([INTERNAL] * 2 + [OVERLOADED], {"findings": [FINDING]}, "server_error"),
    ],
)
def test_an_internal_error_is_the_requests_fault_only_where_much_speaks_for_it(
    requests: list[DiagnosedRequest], arguments: dict[str, Any], code: str
) -> None:
    """Three times and nothing else, or a finding; and never when some of the stream was answered."""
    assert conclude(requests, **arguments).code == code


@pytest.mark.parametrize(
    ("number", "arguments", "ending"),
    [
        (3, {}, "causes it."),
        (3, {"others_answered": True}, "causes it, because other requests to the same models were answered meanwhile."),
        (3, {"findings": [FINDING]}, "causes it, and preflight finds what may do so."),
        (1, {}, "internal error (500)."),
        (1, {"others_answered": True}, "; other requests to the same models were answered meanwhile."),
        (3, {"others_answered": False}, "; most other requests to the same models failed too."),
    ],
)
def test_what_speaks_for_it_is_said(number: int, arguments: dict[str, Any], ending: str) -> None:
    """In the summary."""
    found = conclude([INTERNAL] * number, **arguments)
    assert "(500)" in found.summary
    assert found.summary.endswith(ending)


def test_a_likely_payload_is_looked_into_next() -> None:
    """What preflight found first, then bisecting."""
    steps = conclude([INTERNAL] * 3, findings=[FINDING]).next_steps
    assert steps[0] == "tool_choice: Leave it out."
    assert any("doctor --bisect" in step for step in steps)
    assert not any("also met" in each for each in [conclude([INTERNAL] * 3).summary])


# -- rate limits


def limit(name: str, remaining: int | None) -> RateLimit:
    """One that resets in half a minute."""
    return RateLimit(name, 100, remaining, "2026-11-22T09:33:50Z", 30.0)


@pytest.mark.parametrize(
    ("limits", "ending"),
    [
        ([], "(429); the API did not say which."),
        ([limit("input-tokens", 0), limit("requests", 5)], "(429): input-tokens."),
        ([limit("input-tokens", 0), limit("requests", 0)], "(429): input-tokens and requests."),
        ([limit("output-tokens", 5), limit("requests", 50)], "(429); least was left of output-tokens."),
    ],
)
def test_a_rate_limit_says_which(limits: list[RateLimit], ending: str) -> None:
    """As far as the headers do."""
    found = conclude([LIMITED], limits=limits)
    assert found.summary.endswith(ending)
    assert found.limits == tuple(limits)


def test_a_limit_that_the_api_names_in_words_alone_is_told_of() -> None:
    """Sooner than a guess, and not where a header says which one is used up."""
    about = {"rate_limited": ": 20,000,000 prompt bytes per hour"}
    for limits in ([], [limit("output-tokens", 5)]):
        assert conclude([LIMITED], limits=limits, about=about).summary.endswith(
            "(429): 20,000,000 prompt bytes per hour."
        )
    assert conclude([LIMITED], limits=[limit("requests", 0)], about=about).summary.endswith("(429): requests.")


def test_the_wait_is_that_of_retry_after_or_else_until_the_reset() -> None:
    """In this order; of what is not used up, no reset is waited for."""
    limits = [limit("requests", 0), limit("tokens", 5)]
    assert conclude([LIMITED], limits=limits, retry_after=12.5).next_steps[0].startswith("Wait 12.5 s before")
    steps = conclude([LIMITED], limits=limits).next_steps
    assert steps[0] == "Wait 30 s, until 2026-11-22T09:33:50Z, when requests resets."
    assert not any("tokens resets" in step for step in steps)


def test_limits_are_not_told_of_other_troubles() -> None:
    """They come with every response, and would mislead; where one was met among others, they are."""
    limits = [limit("requests", 0)]
    assert conclude([OVERLOADED, OVERLOADED, LIMITED], limits=limits).limits == tuple(limits)
    assert conclude([OVERLOADED, OVERLOADED], limits=limits).limits == ()
    assert conclude([brought(LIMITED), OVERLOADED], limits=limits).limits == ()


# -- what ended it besides


@pytest.mark.parametrize("ending", ["deadline", "not_asked"])
def test_what_came_from_this_side_heads_the_diagnosis(ending: Any) -> None:
    """With what was met on the way."""
    found = conclude([OVERLOADED], ending=ending)
    assert found.code == ending
    assert found.summary.endswith("(also met: overloaded).")


@pytest.mark.parametrize("ending", ["closed", "batch_failed"])
def test_that_nothing_came_of_it_is_said_only_where_nothing_else_is_known(ending: Any) -> None:
    """What a request died of says more."""
    assert conclude([OVERLOADED], ending=ending).code == "overloaded"
    assert conclude([replace(OVERLOADED, code="open")], ending=ending).code == ending


@pytest.mark.parametrize("ending", ["batch_expired", "batch_canceled", "batch_timeout", "batch_failed"])
def test_what_a_stream_died_of_before_it_was_a_batch_is_over(ending: Any) -> None:
    """Its requests are told, and it is not blamed on them."""
    found = conclude([OVERLOADED, OVERLOADED, replace(OVERLOADED, code="expired")], ending=ending)
    assert (found.code, len(found.requests)) == (ending, 3)
    assert "also met" not in found.summary
    assert conclude([OVERLOADED, OVERLOADED, NO_KEY], ending="batch_failed").code == "authentication"


def test_who_diagnoses_several_streams_says_what_each_died_of() -> None:
    """The requests are all of theirs."""
    found = conclude([OVERLOADED, NO_KEY], died=[NO_KEY])
    assert (found.code, len(found.requests)) == ("authentication", 2)
    assert "also met" not in found.summary


def test_what_is_known_of_a_code_ends_its_sentence() -> None:
    """A clause of the caller's."""
    request = DiagnosedRequest("invalid_request", status=400)
    assert conclude([request], about={"invalid_request": ", at max_tokens"}).summary == (
        "The API rejects the request as invalid (400), at max_tokens."
    )


# -- as text and as data


def test_its_text_can_be_pasted_to_support() -> None:
    """Every request with its time, model, status and id; no line is empty."""
    found = conclude(
        [replace(OVERLOADED, date="2026-11-22T09:33:20Z"), LIMITED, LIMITED, DiagnosedRequest("connection")],
        limits=[limit("requests", 0)],
        findings=[FINDING],
    )
    assert str(found).splitlines()[:10] == [
        "rate_limited: A rate limit of your account is reached (429): requests (also met: overloaded, connection).",
        "Requests:",
        "  1. 2026-11-22T09:33:20Z, claude-opus-5-5, 529 overloaded_error, request id req_529",
        "  2. claude-opus-5-5, 429 rate_limit_error, request id req_429",
        "  3. claude-opus-5-5, 429 rate_limit_error, request id req_429",
        "  4. connection, request id none",
        "Rate limits:",
        "  requests: 0 left, limit 100, resets at 2026-11-22T09:33:50Z",
        "Findings:",
        "  tool_choice_without_tools at tool_choice: There are no tools.",
    ]
    assert "Next steps:" in str(found)
    assert "Findings" not in str(conclude([OVERLOADED]))


def test_it_goes_to_json() -> None:
    """With a version, and whose problem it is."""
    found = conclude([LIMITED], limits=[limit("requests", 0)], findings=[FINDING], retry_after=3.0)
    data = json.loads(json.dumps(found.to_dict()))
    assert (data["version"], data["code"], data["whose"]) == (1, "rate_limited", "account")
    assert data["limits"] == [
        {"name": "requests", "limit": 100, "remaining": 0, "reset": "2026-11-22T09:33:50Z", "seconds": 30.0}
    ]
    assert data["findings"][0]["path"] == "tool_choice"
    assert data["requests"][0]["request_id"] == "req_429"
    assert set(data) == {
        *("version", "code", "whose", "summary", "next_steps", "request_ids"),
        *("limits", "retry_after", "findings", "requests"),
    }
