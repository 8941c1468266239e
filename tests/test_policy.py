"""The policy: its defaults, which the documentation promises, and every way to get one wrong."""

from __future__ import annotations

import pickle
import re
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken import Policy
from unbroken.policy import Hedging


def test_the_defaults_are_the_documented_ones() -> None:
    """Who changes one changes the contract."""
    assert asdict(Policy()) == {
        "max_attempts": 8,
        "max_attempts_per_route": 3,
        "max_resumes": 20,
        "max_extra_input_tokens": None,
        "initial_backoff": 0.5,
        "max_backoff": 8.0,
        "backoff_multiplier": 2.0,
        "max_retry_after": 60.0,
        "first_content_timeout": None,
        "idle_timeout": 90.0,
        "progress_timeout": 300.0,
        "deadline": None,
        "hedging": None,
        "min_chars_per_second": None,
        "min_chars_window": 10.0,
        "resume": "auto",
        "verify_seam": 1,
        "on_unmatched": "fail",
        "live": frozenset({"text", "thinking"}),
        "whole_words": False,
        "allow_replay": False,
        "continue_prompt": None,
        "on_exhausted": "raise",
        "journal_patience": 5.0,
        "preflight": "warn",
    }


LEAST: list[tuple[str, Any]] = [
    # field, the least it may be
    ("max_attempts", 1),
    ("max_attempts_per_route", 1),
    ("max_resumes", 0),
    ("max_extra_input_tokens", 0),
    ("initial_backoff", 0),
    ("max_backoff", 0),
    ("backoff_multiplier", 1),
    ("max_retry_after", 0),
    ("verify_seam", 0),
]
ABOVE_ZERO: list[tuple[str, Any]] = [
    # field, its unit
    ("first_content_timeout", "seconds"),
    ("idle_timeout", "seconds"),
    ("progress_timeout", "seconds"),
    ("deadline", "seconds"),
    ("min_chars_window", "seconds"),
    ("min_chars_per_second", "characters per second"),
]
OPTIONAL = {"max_extra_input_tokens", "first_content_timeout", "deadline", "min_chars_per_second"}


@pytest.mark.parametrize(("name", "least"), LEAST)
def test_a_number_below_its_least_is_an_error_that_says_so(name: str, least: int) -> None:
    """The least itself is allowed."""
    fields: dict[str, Any] = {name: least}
    assert getattr(Policy(**fields), name) == least
    for wrong in (least - 1, least - 0.5, float("nan")):
        with pytest.raises(ValueError, match=rf"^Policy\.{name} must be at least {least}, not {wrong!r}$"):
            Policy(**{name: wrong})


@pytest.mark.parametrize(("name", "unit"), ABOVE_ZERO)
def test_a_timeout_or_a_pace_is_above_zero(name: str, unit: str) -> None:
    """0 would be over before it began, or no pace at all; infinity is no bound, and may be meant."""
    fields: dict[str, Any] = {name: 0.001}
    assert getattr(Policy(**fields), name) == 0.001
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=rf"^Policy\.{name} must be above 0 {unit}, not {wrong!r}$"):
            Policy(**{name: wrong})


@pytest.mark.parametrize("name", [name for name, _ in LEAST + ABOVE_ZERO])
def test_a_number_is_a_number(name: str) -> None:
    """Not a string, not a bool; None only where it means something."""
    for wrong in ("5", True, [], None):
        if wrong is None and name in OPTIONAL:
            assert getattr(Policy(**{name: None}), name) is None
            continue
        with pytest.raises(TypeError, match=rf"^Policy\.{name} must be a number"):
            Policy(**{name: wrong})


def test_hedging_is_a_delay_with_two_options() -> None:
    """The field's own defaults: the first wins, and every route may be asked."""
    assert asdict(Hedging(0.8)) == {"delay": 0.8, "preference_grace": 0.0, "max_concurrent": None}
    assert Hedging("adaptive", 0.5, 2) == Hedging(delay="adaptive", preference_grace=0.5, max_concurrent=2)
    assert Hedging(0).delay == 0
    assert Policy(hedging=Hedging(1)).hedging == Hedging(1.0)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"delay": -0.1}, ValueError, "Hedging.delay must be at least 0, not -0.1"),
        ({"delay": float("nan")}, ValueError, "Hedging.delay must be at least 0, not nan"),
        ({"delay": "adaptve"}, ValueError, "Hedging.delay must be a number of seconds or 'adaptive', not 'adaptve'"),
        ({"delay": None}, TypeError, "Hedging.delay must be a number, not None"),
        ({"delay": True}, TypeError, "Hedging.delay must be a number, not True"),
        ({"preference_grace": -1}, ValueError, "Hedging.preference_grace must be at least 0, not -1"),
        ({"preference_grace": "1"}, TypeError, "Hedging.preference_grace must be a number, not '1'"),
        ({"max_concurrent": 0}, ValueError, "Hedging.max_concurrent must be at least 1, not 0"),
        ({"max_concurrent": 1.5}, TypeError, "Hedging.max_concurrent must be a whole number or None, not 1.5"),
        ({"max_concurrent": True}, TypeError, "Hedging.max_concurrent must be a number, not True"),
    ],
)
def test_hedging_that_makes_no_sense(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    """One sentence says which field, and why."""
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Hedging(**{"delay": 0.8, **fields})


@pytest.mark.parametrize("wrong", [0.8, "adaptive", {"delay": 0.8}, True])
def test_a_policy_takes_hedging_and_nothing_that_looks_like_it(wrong: Any) -> None:
    """A bare delay would leave open what it delays."""
    with pytest.raises(TypeError, match=r"^Policy\.hedging must be a Hedging or None, not "):
        Policy(hedging=wrong)


@pytest.mark.parametrize("resume", ["auto", "prefill", "continue", "restart", "never"])
def test_the_forms_of_a_resume(resume: Any) -> None:
    """By name."""
    assert Policy(resume=resume).resume == resume


@pytest.mark.parametrize("resume", ["always", "", None, 1])
def test_another_form_is_an_error_that_names_the_choices(resume: Any) -> None:
    """So that a slip of the pen is mended without the manual."""
    with pytest.raises(ValueError, match="'auto', 'prefill', 'continue', 'restart', 'never'"):
        Policy(resume=resume)


def test_live_is_any_collection_of_block_types() -> None:
    """But not one string, which would be a set of letters."""
    given: Any = ["text", "tool_use"]
    assert Policy(live=given).live == frozenset({"text", "tool_use"})
    assert Policy(live=frozenset()).live == frozenset()
    wrong: Any = "text"
    with pytest.raises(TypeError, match="must be a set of block types"):
        Policy(live=wrong)


def test_a_continue_prompt_has_to_quote_the_text() -> None:
    """Without the quotation the model does not know where to go on; a function is trusted."""
    assert Policy(continue_prompt="Weiter nach: {echo}").continue_prompt == "Weiter nach: {echo}"
    assert callable(Policy(continue_prompt="Weiter nach: {}".format).continue_prompt)
    with pytest.raises(ValueError, match=r"must contain \{echo\}"):
        Policy(continue_prompt="Go on, please.")


def test_a_policy_is_a_value() -> None:
    """Frozen, equal by its fields, to be shared, replaced and sent to other processes."""
    policy = Policy(max_attempts=3)
    assert pickle.loads(pickle.dumps(Policy(hedging=Hedging("adaptive")))) == Policy(hedging=Hedging("adaptive"))
    with pytest.raises(FrozenInstanceError):
        policy.max_attempts = 4  # type: ignore[misc]
    assert policy == Policy(max_attempts=3)
    assert hash(policy) == hash(Policy(max_attempts=3))
    assert replace(policy, deadline=9.0) == Policy(max_attempts=3, deadline=9.0)
    assert pickle.loads(pickle.dumps(policy)) == policy
    with pytest.raises(ValueError, match="max_attempts"):
        replace(policy, max_attempts=0)
    with pytest.raises(TypeError):
        Policy(3)  # type: ignore[misc]


def test_the_backoff_grows_by_its_multiplier_up_to_its_ceiling() -> None:
    """In seconds, at the dice's highest."""
    policy = Policy(initial_backoff=1, backoff_multiplier=3, max_backoff=20)
    assert [policy.backoff(failures, 1.0) for failures in (1, 2, 3, 4, 5)] == [1, 3, 9, 20, 20]
    assert [Policy(initial_backoff=0).backoff(failures, 1.0) for failures in (1, 9)] == [0, 0]


@given(
    st.integers(1, 10**6),
    st.floats(0, 1),
    st.floats(0, 1e6, allow_subnormal=False),
    st.floats(0, 1e6, allow_subnormal=False),
    st.floats(1, 1e3),
)
def test_the_backoff_is_bounded_whatever_the_numbers(
    failures: int, jitter: float, initial: float, highest: float, multiplier: float
) -> None:
    """However patient a policy is, nothing overflows."""
    policy = Policy(initial_backoff=initial, max_backoff=highest, backoff_multiplier=multiplier)
    assert 0 <= policy.backoff(failures, jitter) <= highest


def test_what_is_done_when_all_is_spent() -> None:
    """One of two things."""
    assert Policy(on_exhausted="defer").on_exhausted == "defer"
    with pytest.raises(ValueError, match="on_exhausted must be 'raise' or 'defer', not 'retry'"):
        Policy(on_exhausted="retry")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["warn", "error", "off"])
def test_what_the_preflight_finds_may_be_told_raised_or_not_looked_for(mode: Any) -> None:
    """Anything else is an error that says so."""
    assert Policy(preflight=mode).preflight == mode
    with pytest.raises(ValueError, match="preflight must be 'warn', 'error' or 'off', not 'loud'"):
        Policy(preflight="loud")  # type: ignore[arg-type]


def test_the_patient_policy_outlives_an_outage() -> None:
    """Of minutes; what is said beside it goes before."""
    patient = Policy.patient()
    assert (patient.max_attempts, patient.max_retry_after) == (1_000, 3_600.0)
    assert Policy.patient(max_attempts=5, deadline=60.0) == Policy(
        max_attempts=5, max_retry_after=3_600.0, deadline=60.0
    )
    with pytest.raises(TypeError):
        Policy.patient(patience=1)
