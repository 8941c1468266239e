"""What `Policy.preflight` does with what is found."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import OLD, ask
from unbroken import PreflightFailed
from unbroken.core.models.corrections import Models
from unbroken.preflight.gate import let_pass


def passed(request: dict[str, Any], mode: Any, version: object = "2026-10-21") -> list[str]:
    """The codes of what is let pass."""
    return [each.code for each in let_pass(request, mode, models=Models(), version=lambda: version)]


def test_warnings_and_errors_are_told() -> None:
    """With "warn", all of them."""
    assert passed(ask("a", "I"), "warn") == ["prefill_unsupported"]


def test_errors_are_raised() -> None:
    """With "error", those that the API would answer with one; the rest is told."""
    with pytest.raises(PreflightFailed, match=r"messages\[1\]: The conversation ends with an assistant message"):
        passed(ask("a", "I"), "error")
    assert passed(ask(model="claude-3-opus"), "error") == ["model_retired"]


@pytest.mark.parametrize("version", ["2023-06-01", None, 3])
def test_the_version_that_is_sent_decides(version: object) -> None:
    """What only the newest rejects is not held against older ones, nor against other platforms."""
    request = ask(model=OLD, temperature=0.5)
    assert passed(request, "warn") == ["sampling_removed"]
    assert passed(request, "error", version) == []


def test_the_version_is_not_asked_for_in_vain() -> None:
    """To say it, the SDK makes all its headers anew."""

    def version() -> object:
        raise AssertionError

    assert let_pass(ask(), "warn", models=Models(), version=version) == []
