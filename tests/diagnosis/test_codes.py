"""From kinds of failures to the codes of diagnoses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.failure import Kind
from unbroken.diagnosis.advice import ADVICE
from unbroken.diagnosis.codes import _NAMES, about, code_of


def body(type_: str, message: str = "No.", error_code: str | None = None) -> dict[str, Any]:
    """An error's body."""
    error: dict[str, Any] = {"type": type_, "message": message}
    if error_code:
        error["details"] = {"error_code": error_code}
    return {"type": "error", "error": error}


CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade."
OWN_LIMIT = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
LONG = "Extra usage is required for long context requests."
LIMITED = "This request would exceed your organization's rate limit"
TOO_LONG = "prompt is too long: 210541 tokens > 200000 maximum"
CONTEXT = "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length"

CASES: list[tuple[Kind, int | None, Any, str, str]] = [
    (Kind.RATE_LIMITED, 429, body("rate_limit_error"), "No.", "rate_limited"),
    (Kind.RATE_LIMITED, 429, body("rate_limit_error", error_code="ramp_limit_exceeded"), "", "acceleration_limit"),
    (Kind.RATE_LIMITED, 429, body("rate_limit_error"), LONG, "long_context_limit"),
    (Kind.INVALID_REQUEST, 400, body("invalid_request_error"), "No.", "invalid_request"),
    (Kind.INVALID_REQUEST, 400, body("invalid_request_error"), CREDIT, "billing"),
    (Kind.INVALID_REQUEST, 400, body("invalid_request_error"), OWN_LIMIT, "spend_limit"),
    (Kind.INVALID_REQUEST, 400, body("invalid_request_error"), TOO_LONG, "context_exceeded"),
    (Kind.INVALID_REQUEST, 400, body("invalid_request_error"), CONTEXT, "context_exceeded"),
    (Kind.INVALID_REQUEST, 413, None, "", "too_large"),
    (Kind.INVALID_REQUEST, 200, body("request_too_large"), "", "too_large"),
    (Kind.AUTHENTICATION, 401, body("authentication_error"), "", "authentication"),
    (Kind.AUTHENTICATION, None, None, "", "no_credentials"),
    (Kind.OVERLOADED, 529, "no JSON", LONG, "overloaded"),
]


@pytest.mark.parametrize(("kind", "status", "body", "message", "code"), CASES)
def test_a_kind_is_told_more_exactly(kind: Kind, status: int | None, body: Any, message: str, code: str) -> None:
    """By the status, the type, the `error_code`, and where there is none, by words."""
    assert code_of(kind, status=status, body=body, message=message) == code


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_advice(kind: Kind) -> None:
    """A new kind cannot be forgotten."""
    assert code_of(kind, status=500, body=None, message="") in ADVICE


@pytest.mark.parametrize(
    ("code", "message", "clause"),
    [
        ("context_exceeded", TOO_LONG, ": it has 210,541 tokens, and 200,000 fit"),
        ("context_exceeded", CONTEXT, ""),
        ("invalid_request", "max_tokens: 5 > 3", ", at max_tokens"),
        ("invalid_request", "tools.3.custom.input_schema: JSON schema is invalid", ", at tools.3.custom.input_schema"),
        ("invalid_request", "tools.3.input_schema.properties.patient: bad", ", at tools.3.input_schema"),
        ("invalid_request", "secret.name: bad", ""),
        ("invalid_request", "messages: the word 'Rosebud' is not allowed", ", at messages"),
        ("invalid_request", "The request is invalid.", ""),
        ("overloaded", "messages: no", ""),
        (
            "rate_limited",
            LIMITED + " of 20,000,000 prompt bytes per hour (org: 7)",
            ": 20,000,000 prompt bytes per hour",
        ),
        ("rate_limited", LIMITED + " of 50000 requests per minute.", ": 50000 requests per minute"),
        ("rate_limited", LIMITED + " of 5 secrets per minute", ""),
        ("rate_limited", LIMITED + ".", ""),
        ("overloaded", LIMITED + " of 50,000 tokens per minute", ""),
    ],
)
def test_of_the_words_only_numbers_and_the_apis_own_names_are_told(code: str, message: str, clause: str) -> None:
    """They may quote the request."""
    assert about(code, message) == clause


@given(st.text() | st.from_regex(r"[a-z_]{1,12}(\.[a-z_0-9]{1,12}){0,3}: .*"))
def test_no_word_of_the_callers_gets_through(message: str) -> None:
    """Whatever the API says of an invalid request."""
    clause = about("invalid_request", message)
    assert all(name in _NAMES or name.isdigit() for name in clause.removeprefix(", at ").split(".") if clause)


def test_a_number_without_an_end_is_not_told() -> None:
    """Python reads no more than 4,300 digits."""
    assert about("context_exceeded", f"prompt is too long: {'9' * 5_000} tokens > 1 maximum") == ""
