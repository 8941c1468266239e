"""When a request is looked through, by the policy's mode."""

from __future__ import annotations

import pytest

from preflighting import ask
from unbroken import PreflightFailed
from unbroken.core.models.corrections import Models
from unbroken.engine.preflight import Findings, check_request
from unbroken.preflight import API_VERSION

BROKEN = ask("a", "I")


def looking(mode: str) -> Findings:
    """What is to be told of a request that ends with a prefill."""
    return check_request(BROKEN, mode, models=Models(), version=lambda: API_VERSION)  # type: ignore[arg-type]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The rules' calls, which find something each time."""
    calls: list[object] = []

    def let_pass(*given: object, **_: object) -> list[str]:
        calls.append(given)
        return ["found"]

    monkeypatch.setattr("unbroken.preflight.gate.let_pass", let_pass)
    return calls


def test_a_warning_is_found_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not before."""
    calls = counted(monkeypatch)
    findings = looking("warn")
    assert calls == []
    assert list(findings()) == ["found"]
    assert calls == [(BROKEN, "warn")]


def test_an_error_is_raised_at_once() -> None:
    """Before anything is sent."""
    with pytest.raises(PreflightFailed):
        looking("error")


def test_with_errors_raised_the_rest_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning does not stop the request, and is told later."""
    calls = counted(monkeypatch)
    findings = looking("error")
    assert (list(findings()), len(calls)) == (["found"], 1)


def test_nothing_is_looked_at_where_that_is_wished() -> None:
    """Nor told."""
    assert list(looking("off")()) == []
