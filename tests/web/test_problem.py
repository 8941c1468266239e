"""What a browser is told of an answer that did not become whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from unbroken.web.problem import problem_of


@pytest.mark.parametrize(
    ("error", "type"),
    [
        (SimpleNamespace(type="overloaded_error", diagnosis=SimpleNamespace(code="overloaded")), "overloaded_error"),
        (SimpleNamespace(type=None, diagnosis=SimpleNamespace(code="poison")), "poison"),
        (SimpleNamespace(diagnosis=SimpleNamespace(code="poison")), "poison"),
        (SimpleNamespace(type="Bearer sk-ant-1"), "api_error"),
        (SimpleNamespace(type="x" * 65), "api_error"),
        (SimpleNamespace(type=3), "api_error"),
        (Exception("secret"), "api_error"),
        (None, "api_error"),
    ],
)
def test_a_name_is_told_and_no_text(error: Any, type: str) -> None:
    """What does not look like a name of the API's may be anything."""
    problem = problem_of(error)
    assert (problem.type, problem.text) == (type, f"The answer could not be finished ({type}).")
    assert not problem.cancelled


def test_who_asks_for_a_text_gets_it() -> None:
    """The caller has made it."""
    assert problem_of(Exception("secret"), "Sorry.").text == "Sorry."
