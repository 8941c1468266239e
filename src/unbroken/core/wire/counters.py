"""The names of the counters in a usage."""

from __future__ import annotations

from typing import Final

__all__ = ["INPUT_TOKENS", "TOKENS"]

#: All of a request's input is the sum of these: what was neither written to a cache nor read from one, and both.
INPUT_TOKENS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
#: What a request counts, in and out.
TOKENS: Final = (*INPUT_TOKENS, "output_tokens")
