"""What each model accepts: the one table of it, and the only place to correct.

Nothing here was read from the live API. Every row stands in the vendor's pages or in the SDK's types as they were
in autumn 2026 (the `source` column); where the API contradicts a row at run time, the API is right: a 400 that says
that prefill is unsupported turns the model to the *continue* form, for all streams that share a `Health`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["MODELS", "SHARED_BUCKETS", "ModelInfo", "lookup"]

_ADAPTIVE: Final = frozenset({"adaptive"})
_ENABLED: Final = frozenset({"enabled", "disabled"})
_EITHER: Final = frozenset({"adaptive", "enabled", "disabled"})
_OPTIONAL: Final = frozenset({"adaptive", "disabled"})


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What one model takes.

    Attributes:
        name: The model's name without date, region or version suffix.
        prefill: Whether a request may end with an assistant turn that the model goes on from.
        thinking: The `thinking.type` values it accepts.
        thinks_by_default: Whether it thinks when the request does not say.
        max_output: The highest `max_tokens`, in tokens; None where the sources do not say.
        context: The context window, in tokens; None where the sources do not say.
        forced_tool_choice: Whether `tool_choice` may be `any` or `tool`.
        effort: Whether `output_config.effort` is accepted.
        source: Where the row comes from.
    """

    name: str
    prefill: bool
    thinking: frozenset[str]
    thinks_by_default: bool
    max_output: int | None
    context: int | None
    forced_tool_choice: bool = True
    effort: bool = True
    source: str = "models overview, Oct/Nov 2026"

    @property
    def bucket(self) -> str:
        """The name of the rate-limit bucket that it draws from: its own, unless `SHARED_BUCKETS` has it."""
        return SHARED_BUCKETS.get(self.name, self.name)


#: Models that share one rate limit, by their names: a 429 of one is a 429 of all, and no fallback for it. Rate-limits
#: page, August 2026: Opus 4.5 to 4.8 share one, Sonnet 4.5 and 4.6 share one. Of 5.5 and later it does not speak yet.
SHARED_BUCKETS: Final = {
    **{f"claude-opus-4-{minor}": "claude-opus-4.5-4.8" for minor in (5, 6, 7, 8)},
    **{f"claude-sonnet-4-{minor}": "claude-sonnet-4.5-4.6" for minor in (5, 6)},
}

_NO_PREFILL = "errors page, prefill-not-supported, Aug 2026: 4.6 and later reject prefill"
_PREFILL = "Sonnet 5.5 migration guide, Oct 2026: Sonnet 4.5, Haiku 4.5 and older accept prefill"
_NEWEST = "what's-new pages, Oct/Nov 2026: forced tool_choice is a 400; thinking cannot be turned off"

#: Newest first. A name is looked up without its date; see `lookup`.
MODELS: Final[tuple[ModelInfo, ...]] = (
    ModelInfo("claude-fable-5-2", False, _ADAPTIVE, True, 128_000, 1_000_000, False, source=_NEWEST),
    ModelInfo("claude-mythos-5-2", False, _ADAPTIVE, True, 128_000, 1_000_000, False, source=_NEWEST),
    ModelInfo("claude-fable-5-1", False, _ADAPTIVE, True, 128_000, 1_000_000, False, source=_NEWEST),
    ModelInfo("claude-mythos-5-1", False, _ADAPTIVE, True, 128_000, 1_000_000, False, source=_NEWEST),
    ModelInfo("claude-fable-5", False, _ADAPTIVE, True, 128_000, 1_000_000),
    ModelInfo("claude-mythos-5", False, _ADAPTIVE, True, 128_000, 1_000_000),
    ModelInfo("claude-opus-5-5", False, _ADAPTIVE, True, 128_000, 1_000_000, False, source=_NEWEST),
    ModelInfo(
        "claude-sonnet-5-5",
        False,
        frozenset({"adaptive", "between_tools"}),
        True,
        128_000,
        1_000_000,
        False,
        source=_NEWEST,
    ),
    ModelInfo("claude-haiku-5-5", False, _OPTIONAL, True, 128_000, 1_000_000, False, source=_NEWEST),
    ModelInfo("claude-opus-5", False, _OPTIONAL, True, 128_000, 1_000_000),
    ModelInfo("claude-sonnet-5", False, _OPTIONAL, True, 128_000, 1_000_000),
    ModelInfo("claude-opus-4-8", False, _OPTIONAL, False, 128_000, 1_000_000, source=_NO_PREFILL),
    ModelInfo("claude-opus-4-7", False, _OPTIONAL, False, 128_000, 1_000_000, source=_NO_PREFILL),
    ModelInfo("claude-opus-4-6", False, _EITHER, False, 128_000, 1_000_000, source=_NO_PREFILL),
    ModelInfo("claude-sonnet-4-6", False, _EITHER, False, 128_000, 1_000_000, source=_NO_PREFILL),
    ModelInfo("claude-mythos-preview", False, frozenset({"adaptive", "enabled"}), True, 128_000, None),
    ModelInfo("claude-opus-4-5", True, _ENABLED, False, 64_000, 200_000, source=_PREFILL),
    # No effort on these two: claude-api.md, section 6, cross-model traps.
    ModelInfo("claude-sonnet-4-5", True, _ENABLED, False, 64_000, 200_000, effort=False, source=_PREFILL),
    ModelInfo("claude-haiku-4-5", True, _ENABLED, False, 64_000, 200_000, effort=False, source=_PREFILL),
    # Older families are retired on the first-party API; other platforms and tests still name them.
    ModelInfo("claude-opus-4-1", True, _ENABLED, False, None, 200_000, source=_PREFILL),
    ModelInfo("claude-opus-4", True, _ENABLED, False, None, 200_000, source=_PREFILL),
    ModelInfo("claude-sonnet-4", True, _ENABLED, False, None, 200_000, source=_PREFILL),
    ModelInfo("claude-3-7-sonnet", True, _ENABLED, False, None, 200_000, source=_PREFILL),
    ModelInfo("claude-3-5-haiku", True, frozenset(), False, None, 200_000, source=_PREFILL),
    ModelInfo("claude-3-5-sonnet", True, frozenset(), False, None, 200_000, source=_PREFILL),
    ModelInfo("claude-3-opus", True, frozenset(), False, None, 200_000, source=_PREFILL),
    ModelInfo("claude-3-haiku", True, frozenset(), False, None, 200_000, source=_PREFILL),
)

_BY_NAME: Final = {info.name: info for info in MODELS}

# "us.anthropic.claude-haiku-4-5-20251001-v1:0" (Bedrock), "claude-haiku-4-5@20251001" (Vertex), "-latest", "-0".
_FAMILY: Final = re.compile(r"(claude-[a-z0-9-]*?)(?:-0)?(?:[-@](?:\d{8}|latest|default))?(?:-v\d+(?::\d+)?)?$")


def lookup(model: str) -> ModelInfo:
    """What `model` accepts.

    A model that is not in the table is taken for a new one: no prefill, adaptive thinking, limits unknown. That is
    the safe guess, since the *continue* form of a resume works on every model.
    """
    found = _FAMILY.search(model)
    name = found.group(1) if found else model
    known = _BY_NAME.get(name)
    return known or ModelInfo(name, False, _EITHER, True, None, None, source="not in the table")
