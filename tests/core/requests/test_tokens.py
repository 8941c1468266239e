"""Tokens, estimated: on the low side, and by the model's generation."""

from __future__ import annotations

import pytest
from builders import message_start, open_text, open_tool, partial, thinking_block

from unbroken.core.models.table import lookup
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.requests.tokens import estimate_tokens, remaining_tokens, spent_tokens, tokens_of

HAIKU = lookup("claude-haiku-4-5")
OPUS = lookup("claude-opus-5-5")


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abcd", 0), ("abcde", 1), ("a" * 5_000, 1_000), ("界" * 10, 5), ("a界" * 10, 7)]
)
def test_tokens_are_estimated_on_the_low_side(text: str, tokens: int) -> None:
    """So that what is left is never too little."""
    assert estimate_tokens(text) == tokens
    assert tokens_of(len(text) - text.count("界"), text.count("界")) == tokens


LEFT = [
    # max_tokens, characters delivered, what is left
    (1_000, 0, 1_000),
    (1_000, 500, 900),
    (1_000, 4_700, 64),
    (1_000, 9_000, 64),  # a small overshoot is better than half a word
    (64, 300, 64),
    (10, 300, 10),  # never more than was asked for
]


@pytest.mark.parametrize(("max_tokens", "characters", "left"), LEFT)
def test_a_resume_asks_for_what_is_left(max_tokens: int, characters: int, left: int) -> None:
    """Whatever was delivered counts, thinking and tools too; at least 64."""
    for blocks in (open_text("a" * characters), thinking_block("a" * characters), open_tool("a" * characters)):
        assert remaining_tokens(max_tokens, ResumeState.of(partial(message_start(), *blocks)).characters, HAIKU) == left


def test_what_is_left_is_counted_by_the_models_generation() -> None:
    """From Opus 4.7 on the same text has more tokens."""
    characters = ResumeState.of(partial(message_start(), *open_text("x" * 1_000))).characters
    assert remaining_tokens(1_000, characters, HAIKU) == 800
    assert remaining_tokens(1_000, characters, OPUS) == 740


def test_what_was_spent_is_all_that_was_written() -> None:
    """Thinking and half a call too."""
    written = partial(message_start(), *thinking_block("a" * 50), *open_tool("a" * 50, index=1))
    assert spent_tokens(written) == 20
