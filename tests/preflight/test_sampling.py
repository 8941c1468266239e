"""`temperature`, `top_p` and `top_k`, where they are not taken."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import BUDGET, NEW, OLD, UNKNOWN, found

BEFORE = "2023-06-01"


def test_the_newest_version_has_none_of_them() -> None:
    """Whatever the model, and whatever the value."""
    assert found(model=OLD, temperature=1, top_p=0.5, top_k=3) == [
        ("sampling_removed", "temperature"),
        ("sampling_removed", "top_p"),
        ("sampling_removed", "top_k"),
    ]
    assert found(extra_body={"temperature": 1}) == [("sampling_removed", "temperature")]


WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # what is changed, and what is found
    ({"model": NEW, "temperature": 0.5}, [("sampling_unsupported", "temperature")]),
    ({"model": NEW, "top_k": 1}, [("sampling_unsupported", "top_k")]),
    ({"model": OLD, "thinking": BUDGET, "temperature": 0}, [("sampling_with_thinking", "temperature")]),
    ({"model": OLD, "thinking": BUDGET, "top_k": 3}, [("sampling_with_thinking", "top_k")]),
    ({"model": OLD, "thinking": BUDGET, "top_p": 0.9}, [("sampling_with_thinking", "top_p")]),
    ({"model": OLD, "temperature": 0, "top_p": 0.9}, [("sampling_both", "top_p")]),
    ({"model": OLD, "temperature": 1.5}, [("sampling_range", "temperature")]),
    ({"model": UNKNOWN, "temperature": -0.1}, [("sampling_range", "temperature")]),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
@pytest.mark.parametrize("version", [BEFORE, None])
def test_what_older_versions_reject(
    changes: dict[str, Any], expected: list[tuple[str, str]], version: str | None
) -> None:
    """And other platforms, whose version is not known."""
    assert found(version=version, **changes) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"model": NEW, "temperature": 1, "top_p": 1.0},
        {"model": OLD, "temperature": 0, "top_k": 3},
        {"model": OLD, "temperature": None, "top_p": 0.5},
        {"model": OLD, "thinking": BUDGET, "temperature": 1},
        {"model": OLD, "thinking": BUDGET, "top_p": 0.95},
        {"model": OLD, "thinking": {"type": "disabled"}, "temperature": 0},
        {"model": UNKNOWN, "temperature": 0, "top_p": 0.9, "top_k": 3},
    ],
)
def test_what_older_versions_take(changes: dict[str, Any]) -> None:
    """The defaults, on any model."""
    assert found(version=BEFORE, **changes) == []
