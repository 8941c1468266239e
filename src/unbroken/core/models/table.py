"""What each model accepts and costs: the one table of it, and the only place to correct. A new model is a row.

Nothing here was read from the live API. Every row stands in the vendor's pages or in the SDK's types as they were
in autumn 2026 (the `source` column). Three can correct a row, each over the one before (`corrections.py`): the
caller, the Models API, and a 400 of the API itself; where the API contradicts the table, the API is right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "EFFORTS",
    "LEAST_THINKING_BUDGET",
    "LONG_RETIRED",
    "MODELS",
    "NOT_IN_THE_TABLE",
    "QUIET_TYPES",
    "THINKING_TYPES",
    "ModelInfo",
    "ascii_and_other",
    "family",
    "lookup",
]

#: The `thinking.type` values that the SDK knows (2.12.0, `types/thinking_types.py`).
THINKING_TYPES: Final = frozenset({"adaptive", "between_tools", "disabled", "enabled"})
#: Those with which a model does not think before it answers (`ModelInfo.quiet_effort`).
QUIET_TYPES: Final = frozenset({"between_tools", "disabled"})
#: The smallest `thinking.budget_tokens` (2.12.0, `types/thinking_config_enabled_param.py`: "Must be ≥1024").
LEAST_THINKING_BUDGET: Final = 1_024
#: The `output_config.effort` levels that the SDK knows, the least first (2.12.0, `types/output_config_param.py`).
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
#: The `source` of a row that was made up for a model of which nothing is known.
NOT_IN_THE_TABLE: Final = "not in the table"

#: Characters a token, ASCII and other, on the high side, so that the tokens of a text are never overestimated. Ours:
#: the vendor's glossary has 3.5 for English, and a Chinese character is about a token.
_FEWER_TOKENS: Final = (5.0, 2.0)
#: From Opus 4.7 on a text has "about 30 %" more tokens (its what's-new page).
_MORE_TOKENS: Final = (5.0 / 1.3, 2.0 / 1.3)


#: USD per million tokens: of input, of output, of input that was read from a cache.
Rates: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What one model takes. What is not said is not ruled out: the defaults are those of a model that nobody knows.

    Attributes:
        name: The model's name, without date, region or version suffix in this table.
        prefill: Whether a request may end with an assistant turn that the model goes on from.
        thinking: The `thinking.type` values that it accepts.
        thinks_by_default: Whether it thinks when the request does not say.
        interleaves: Whether `thinking.budget_tokens` may be above `max_tokens`, as interleaved thinking allows.
        effort: The `output_config.effort` levels that it accepts; empty: it rejects the argument.
        quiet_effort: The same where thinking is `"disabled"` or `"between_tools"`. None: no different.
        forced_tool_choice: Whether `tool_choice` may be `any` or `tool`.
        speed: Whether it takes the argument `speed`.
        sampling: Of `temperature`, `top_p` and `top_k`: whether it takes all of them, one of the first two at a time
            (`"one"`), or none but with their default values.
        shows_thinking: Whether it shows its thinking where the request does not say (`thinking.display`).
        binds_thinking: Whether a thinking block is bound to the conversation before it, and is rejected elsewhere.
        retired: Whether the first-party API has it no more.
        max_output: The highest `max_tokens`, in tokens; None where the sources do not say.
        context: The context window, in tokens; None where the sources do not say.
        chars_per_token: Characters a token, of ASCII and of other text, on the high side: what is left of
            `max_tokens` is never underestimated by it. By default that of the models before Opus 4.7.
        bucket: The name of the rate limit that it draws from; a 429 of one is a 429 of all that share it. None: its
            own.
        price: The list price, in USD per million tokens: of input, of output, and of input that was read from a cache.
            None: not known. Of a row of the table, `PRICES` has it; `Report.cost` looks nowhere else.
        fast_price: The same with `speed="fast"`.
        long_prompts: The longest prompt that `price` is for, in tokens, and the price beyond it (None: not known).
            None: any prompt.
        source: Where the row comes from.
    """

    name: str
    prefill: bool = False
    thinking: frozenset[str] = THINKING_TYPES
    thinks_by_default: bool = True
    interleaves: bool = True
    effort: frozenset[str] = frozenset(EFFORTS)
    quiet_effort: frozenset[str] | None = None
    forced_tool_choice: bool = True
    speed: bool = True
    sampling: Literal["all", "one", "none"] = "all"
    shows_thinking: bool = True
    binds_thinking: bool = False
    retired: bool = False
    max_output: int | None = None
    context: int | None = None
    chars_per_token: tuple[float, float] = _FEWER_TOKENS
    bucket: str | None = None
    price: Rates | None = None
    fast_price: Rates | None = None
    long_prompts: tuple[int, Rates | None] | None = None
    source: str = "the caller"

    @property
    def rate_limit(self) -> str:
        """The name of the rate limit that it draws from."""
        return self.bucket or self.name

    def least_tokens(self, ascii_only: int, other: int) -> int:
        """How many tokens a text has at least, roughly, of so many ASCII characters and others."""
        per_ascii, per_other = self.chars_per_token
        return int(ascii_only / per_ascii) + int(other / per_other)


def ascii_and_other(text: str) -> tuple[int, int]:
    """How many ASCII characters a text has, and how many others: what `least_tokens` takes."""
    ascii_only = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    return ascii_only, len(text) - ascii_only


_ADAPTIVE: Final = frozenset({"adaptive"})
_ENABLED: Final = frozenset({"enabled", "disabled"})
_EITHER: Final = _ADAPTIVE | _ENABLED
_OPTIONAL: Final = frozenset({"adaptive", "disabled"})

# Effort page, July to November 2026: `max` from Opus 4.6 on, `xhigh` from Opus 4.7 on; Opus 4.5 has neither.
_TO_HIGH: Final = frozenset({"low", "medium", "high"})
_NO_XHIGH: Final = _TO_HIGH | {"max"}
_NO_EFFORT: Final[frozenset[str]] = frozenset()

# Rate-limits page, August 2026. Of 5.5 and later it does not speak yet.
_OPUS_4: Final = "claude-opus-4.5-4.8"
_SONNET_4: Final = "claude-sonnet-4.5-4.6"

_OVERVIEW: Final = "models overview, Oct/Nov 2026"
_NO_PREFILL: Final = "errors page, prefill-not-supported, Aug 2026: 4.6 and later reject prefill"
_PREFILL: Final = "Sonnet 5.5 migration guide, Oct 2026: Sonnet 4.5, Haiku 4.5 and older accept prefill"
_NEWEST: Final = "what's-new pages, Oct/Nov 2026: forced tool_choice is a 400; thinking cannot be turned off"


#: Unless a row says something else, in tokens.
_LARGE_LIMITS: Final[dict[str, Any]] = {"max_output": 128_000, "context": 1_000_000}


def _large(name: str, thinking: frozenset[str], source: str = _OVERVIEW, **other: Any) -> ModelInfo:
    """A row of the generation from Opus 4.6 on; it thinks by default, and has no fast mode unless that is said.

    It has no sampling parameters: the what's-new page of Claude 4.7.
    """
    row = {"speed": False, "sampling": "none", "chars_per_token": _MORE_TOKENS, **_LARGE_LIMITS, **other}
    return ModelInfo(name=name, thinking=thinking, source=source, **row)


def _newest(name: str, thinking: frozenset[str], **other: Any) -> ModelInfo:
    """A row of the generation from 5.1 on, which keeps its thinking to itself, and cannot be forced to call a tool."""
    row: dict[str, Any] = {"forced_tool_choice": False, "shows_thinking": False, "binds_thinking": True, **other}
    return _large(name, thinking, _NEWEST, **row)


def _small(name: str, max_output: int | None, thinking: frozenset[str] = _ENABLED, **other: Any) -> ModelInfo:
    """A row of a generation before that; it thinks only when it is asked to, and has no effort unless that is said."""
    row: dict[str, Any] = {"effort": _NO_EFFORT, "context": 200_000, **other}
    return ModelInfo(
        name=name,
        prefill=True,
        thinking=thinking,
        thinks_by_default=False,
        speed=False,
        max_output=max_output,
        source=_PREFILL,
        **row,
    )


#: A name is looked up without its date; see `lookup`. Nothing follows from the order. Fast mode: its page, November
#: 2026; Opus 4.6 still takes `speed`, and ignores it. One sampling parameter at a time:
#: github.com/OpenHands/OpenHands/pull/12909 and others. Retired: the SDK's `DEPRECATED_MODELS`, 2.12.0, of which those
#: whose day has passed; other platforms and tests still name them. Prices: `prices.py`.
MODELS: Final[tuple[ModelInfo, ...]] = (
    _newest("claude-fable-5-2", _ADAPTIVE, speed=True, price=(8.0, 40.0, 0.20)),
    _newest("claude-mythos-5-2", _ADAPTIVE, speed=True),
    _newest("claude-fable-5-1", _ADAPTIVE, price=(10.0, 50.0, 0.25)),
    _newest("claude-mythos-5-1", _ADAPTIVE, price=(10.0, 50.0, 0.25)),
    _large("claude-fable-5", _ADAPTIVE, price=(10.0, 50.0, 1.0)),
    _large("claude-mythos-5", _ADAPTIVE, price=(10.0, 50.0, 1.0)),
    _newest("claude-opus-5-5", _ADAPTIVE, speed=True, price=(4.0, 20.0, 0.20)),
    _newest(
        "claude-sonnet-5-5",
        frozenset({"adaptive", "between_tools"}),
        quiet_effort=_TO_HIGH,
        price=(2.0, 10.0, 0.10),
    ),
    _newest(
        "claude-haiku-5-5",
        _OPTIONAL,
        quiet_effort=_TO_HIGH,
        price=(0.10, 0.50, 0.01),
        long_prompts=(100_000, (0.50, 2.50, 0.05)),
    ),
    _large(
        "claude-opus-5",
        _OPTIONAL,
        quiet_effort=_TO_HIGH,
        speed=True,
        price=(5.0, 25.0, 0.50),
        fast_price=(10.0, 50.0, 1.0),
    ),
    _large("claude-sonnet-5", _OPTIONAL, price=(2.0, 10.0, 0.20)),
    _large(
        "claude-opus-4-8",
        _OPTIONAL,
        _NO_PREFILL,
        thinks_by_default=False,
        speed=True,
        bucket=_OPUS_4,
        price=(5.0, 25.0, 0.50),
        fast_price=(10.0, 50.0, 1.0),
    ),
    _large("claude-opus-4-7", _OPTIONAL, _NO_PREFILL, thinks_by_default=False, bucket=_OPUS_4, price=(5.0, 25.0, 0.50)),
    _large(
        "claude-opus-4-6",
        _EITHER,
        _NO_PREFILL,
        thinks_by_default=False,
        effort=_NO_XHIGH,
        speed=True,
        sampling="one",
        bucket=_OPUS_4,
        chars_per_token=_FEWER_TOKENS,
        price=(5.0, 25.0, 0.50),
    ),
    _large(
        "claude-sonnet-4-6",
        _EITHER,
        _NO_PREFILL,
        thinks_by_default=False,
        effort=_NO_XHIGH,
        sampling="one",
        bucket=_SONNET_4,
        chars_per_token=_FEWER_TOKENS,
        price=(3.0, 15.0, 0.30),
    ),
    ModelInfo(
        name="claude-mythos-preview",
        thinking=frozenset({"adaptive", "enabled"}),
        effort=_NO_XHIGH,
        speed=False,
        max_output=128_000,
        retired=True,
        source=_OVERVIEW,
    ),
    _small("claude-opus-4-5", 64_000, effort=_TO_HIGH, sampling="one", bucket=_OPUS_4, price=(5.0, 25.0, 0.50)),
    _small(
        "claude-sonnet-4-5",
        64_000,
        sampling="one",
        bucket=_SONNET_4,
        price=(3.0, 15.0, 0.30),
        long_prompts=(200_000, None),
    ),
    _small("claude-haiku-4-5", 64_000, interleaves=False, sampling="one", price=(1.0, 5.0, 0.10)),
    _small("claude-opus-4-1", None, sampling="one", retired=True, price=(15.0, 75.0, 1.50)),
    _small("claude-opus-4", None, retired=True, price=(15.0, 75.0, 1.50)),
    _small("claude-sonnet-4", None, retired=True, price=(3.0, 15.0, 0.30), long_prompts=(200_000, None)),
    _small("claude-3-7-sonnet", None, interleaves=False, retired=True),
    _small("claude-3-5-haiku", None, frozenset(), retired=True),
    _small("claude-3-5-sonnet", None, frozenset(), retired=True),
    _small("claude-3-opus", None, frozenset(), retired=True),
    _small("claude-3-haiku", None, frozenset(), retired=True),
)

_BY_NAME: Final = {info.name: info for info in MODELS}
#: How the names of models begin that were retired before there was this table.
LONG_RETIRED: Final = ("claude-3-sonnet", "claude-2", "claude-1", "claude-instant")

# "us.anthropic.claude-haiku-4-5-20251001-v1:0" (Bedrock), "claude-haiku-4-5@20251001" (Vertex), "-latest", "-0".
# The first "claude-" of a run of such characters, or no other: a name of the network's is no reason to try them all.
_FAMILY: Final = re.compile(
    r"(?<![a-z0-9-])(?>[a-z0-9-]*?(?=claude-))"
    r"(claude-[a-z0-9-]*?)(?:-0)?(?:[-@](?:\d{8}|latest|default))?(?:-v\d+(?::\d+)?)?$"
)


def family(model: str) -> str:
    """A model's name without vendor, region, date and version; a name that is none of Claude's as it is."""
    found = _FAMILY.search(model)
    return found.group(1) if found else model


def lookup(model: str) -> ModelInfo:
    """What `model` accepts, by the table alone; a stream asks its `Health`, which may know better.

    Nothing is ruled out for a model that is not in the table but a prefill: that is the safe guess, since the
    *continue* form of a resume works on every model.
    """
    name = family(model)
    return _BY_NAME.get(name) or ModelInfo(name=name, source=NOT_IN_THE_TABLE)
