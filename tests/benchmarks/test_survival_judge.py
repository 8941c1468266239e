"""The judge tells what became of an answer."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow


def _judged(**delivered: Any) -> str:
    from benchmarks.survival.judge import Call, Delivered, Truth, judge

    calls = [Call(*call) for call in delivered.pop("calls", ())]
    return judge(Delivered(**delivered, calls=calls), Truth("A light. A bell.", [Call("ring", {"times": 2})]))


ALL = {"text": "A light. A bell.", "calls": [("ring", {"times": 2})]}


@pytest.mark.parametrize(
    ("delivered", "verdict"),
    [
        (ALL, "whole"),
        ({**ALL, "error": "ReadError"}, "error"),
        ({"text": "A li", "error": "ReadError"}, "error"),
        ({"error": "OverloadedError"}, "error"),
        ({"text": "A li"}, "cut"),
        ({}, "cut"),
        ({**ALL, "calls": []}, "cut"),
        ({**ALL, "text": "A liA light. A bell."}, "wrong"),
        ({**ALL, "text": "A light.  A bell."}, "wrong"),
        ({**ALL, "text": "A liA li", "error": "ReadError"}, "wrong"),
        ({**ALL, "calls": [("ring", {})]}, "wrong"),
        ({**ALL, "calls": ALL["calls"] * 2}, "wrong"),
        ({"text": "A liA li", "ended": False}, "hung"),
        ({**ALL, "ended": False}, "hung"),
    ],
)
def test_verdicts(delivered: dict[str, Any], verdict: str) -> None:
    """What was given is compared with what was written, and with how it ended."""
    assert _judged(**delivered) == verdict
