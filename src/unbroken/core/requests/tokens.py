"""How many tokens a text has, roughly: no tokenizer is at hand."""

from __future__ import annotations

from typing import Final

from ..message.partial import Partial
from ..models.table import ModelInfo, ascii_and_other

__all__ = ["estimate_tokens", "remaining_tokens", "spent_tokens", "tokens_of"]

#: The least that a resume asks for, in tokens: a small overshoot of `max_tokens` is better than half a word.
MIN_TOKENS: Final = 64

#: Where no model is asked about: what every generation has at least.
_ANY_MODEL: Final = ModelInfo(name="any")


def estimate_tokens(text: str) -> int:
    """How many tokens a text has at least, roughly."""
    return tokens_of(*ascii_and_other(text))


def tokens_of(ascii_only: int, other: int) -> int:
    """The same, from the numbers of ASCII characters and of others."""
    return _ANY_MODEL.least_tokens(ascii_only, other)


def remaining_tokens(max_tokens: int, characters: tuple[int, int], model: ModelInfo) -> int:
    """What is left of `max_tokens` after what was delivered; at least `MIN_TOKENS`, unless it was less itself.

    Args:
        max_tokens: Of the request.
        characters: How many ASCII characters, and how many others, were delivered, thinking and all.
        model: By whose tokens it is counted.
    """
    return max(max_tokens - model.least_tokens(*characters), min(MIN_TOKENS, max_tokens))


def spent_tokens(partial: Partial) -> int:
    """What was delivered, estimated in tokens, thinking and all."""
    return estimate_tokens("".join(block.text for block in partial.blocks))
