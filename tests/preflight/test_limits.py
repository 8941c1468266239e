"""More than the model can write or read, or than the API takes at all."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import NEW, OLD, UNKNOWN, found, result, text, turns

#: More than 200,000 tokens by any count: each word is at least one.
LONG = "a lamp " * 250_000
FILE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * (33 * 2**20)}}


@pytest.mark.parametrize(
    ("model", "is_retired"),
    [
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-0", True),
        ("claude-3-haiku-20240307", True),
        ("claude-instant-1.2", True),
        ("claude-sonnet-4-5", False),
        (UNKNOWN, False),
        ("claude-opus-4-1@20250805", False),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", False),
    ],
)
def test_a_model_that_is_retired(model: str, is_retired: bool) -> None:
    """By its first-party name; other platforms may have it still."""
    assert found(model=model) == ([("model_retired", "model")] if is_retired else [])


@pytest.mark.parametrize("most", ["a", 1.5, True, -1])
def test_a_number_of_tokens_that_is_none(most: Any) -> None:
    """0 is one: it fills the cache, if the answer is not streamed."""
    assert found(max_tokens=most) == [("max_tokens_invalid", "max_tokens")]
    assert found(max_tokens=0) == []
    assert found(max_tokens=0, stream=True) == [("max_tokens_invalid", "max_tokens")]


def test_more_than_the_model_can_write() -> None:
    """Unless a beta lets it write more."""
    assert found(model=OLD, max_tokens=64_001) == [("max_tokens_too_large", "max_tokens")]
    assert found(model=OLD, max_tokens=64_000) == []
    assert found(model=UNKNOWN, max_tokens=10**9) == []
    assert found(model=OLD, max_tokens=64_001, betas=["output-300k-2026-03-24"]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": turns(LONG)},
        {"messages": turns([text("a"), text(LONG)])},
        {"system": LONG},
        {"system": [text(LONG)]},
        {"messages": turns(*["a lamp " * 25_000] * 11)},
    ],
)
def test_more_than_the_model_can_read(changes: dict[str, Any]) -> None:
    """Wherever the texts stand."""
    assert found(model=OLD, **changes) == [("context_exceeded", "messages")]
    assert found(model=NEW, **changes) == []
    assert found(model=OLD, betas=["context-1m-2025-08-07"], **changes) == []


def test_a_long_result_of_a_tool_counts() -> None:
    """Its text does, not what it answers."""
    codes = [code for code, _ in found([result("1", content=[text(LONG)])], model=OLD)]
    assert codes == ["tool_result_without_use", "context_exceeded"]


@pytest.mark.parametrize("long", ["-" * 2_000_000, "lamp " * 100_000, "灯" * 390_000])
def test_what_may_yet_fit_is_left_alone(long: str) -> None:
    """The estimate is on the low side: many of one character may be one token."""
    assert found(long, model=OLD) == []


def test_a_body_that_is_too_large() -> None:
    """By its files alone; files that are still to be read are not counted."""
    assert found([FILE, text("a")]) == [("request_too_large", "messages")]
    unread = {**FILE, "source": {**FILE["source"], "data": open}}  # type: ignore[dict-item]
    assert found([unread, text("a")]) == []
