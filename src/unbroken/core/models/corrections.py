"""What the API itself says of a model -> the model's row in the table, corrected.

A 400 that complains of what the model does not take has no code of its own: its words are all there is. Those that
are read here were seen in the field, verbatim, on the first-party API and, where said so, on Bedrock; the sources are
in the comments. A message that means none of them corrects nothing, and one that is worded anew next year does not
either: the request is then refused as any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from re import Match
from typing import Any, Final

from ..classification import PREFILL_UNSUPPORTED
from ..printable import printable
from ..untyped import mapping
from .table import ModelInfo, family, lookup

__all__ = ["Models", "correction", "described", "rejects_thinking", "subject"]


#: Of how many models corrections are kept: far more than there are, should names come from users.
_MAX_CORRECTED: Final = 256


class Models:
    """The table as it stands now: with what the caller knows better, and what the API has said since.

    What the caller says of a name holds for its dated and regional forms too. What the API says holds for the very
    name that was asked: other platforms may differ.

    Args:
        known: What the caller knows, by the name of the model.
        lock: Held while the table is read or changed, where threads share it.
    """

    def __init__(
        self, known: Mapping[str, ModelInfo] | None = None, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self._known = dict(known or {})
        self._corrected: dict[str, ModelInfo] = {}
        self._lock: AbstractContextManager[object] = nullcontext() if lock is None else lock

    def get(self, model: str) -> ModelInfo:
        """What `model` accepts, as far as is known."""
        with self._lock:
            return self._get(model)

    def correct(self, model: str, message: str) -> None:
        """Take in what a 400 of this model said; most messages say nothing of the model."""
        with self._lock:
            self._put(model, correction(self._get(model), message))

    def describe(self, model: str, answer: Mapping[str, Any]) -> ModelInfo:
        """Take in what the Models API says of this model; what is absent there changes nothing."""
        with self._lock:
            self._put(model, described(self._get(model), answer))
            return self._get(model)

    def _get(self, model: str) -> ModelInfo:
        return self._corrected.get(model) or self._known.get(model) or self._known.get(family(model)) or lookup(model)

    def _put(self, model: str, info: ModelInfo | None) -> None:
        if info is None:
            return
        self._corrected.pop(model, None)
        self._corrected[model] = info
        if len(self._corrected) > _MAX_CORRECTED:
            del self._corrected[next(iter(self._corrected))]


# -- what a 400 says, and the Models API


def correction(model: ModelInfo, message: str) -> ModelInfo | None:
    """The model's row after a 400 that says what the model does not take; None where it says nothing new.

    Args:
        model: The row as it is.
        message: The API's own words (`failure.words`).
    """
    for pattern, changes in _RULES:
        found = pattern.search(message)
        if found:
            return _changed(
                model, _read(model, found) if changes is None else changes, f"a 400: {printable(found.group())}"
            )
    return None


def subject(message: str) -> str | None:
    """What of the request a 400 complains of, without its words, which may quote the conversation; None: of none known.

    Args:
        message: The API's own words (`failure.words`).
    """
    for pattern, changes in _RULES:
        if pattern.search(message):
            return _SUBJECTS[next(iter(pattern.groupindex if changes is None else changes))]
    return None


def described(model: ModelInfo, answer: Mapping[str, Any]) -> ModelInfo | None:
    """The model's row after the Models API (`GET /v1/models/{model}`); None where it says nothing new.

    Args:
        model: The row as it is.
        answer: The API's answer, as plain data; a field that is absent or null changes nothing.
    """
    capabilities = mapping(answer.get("capabilities"))
    thinking = mapping(capabilities.get("thinking"))
    changes: dict[str, Any] = {
        "max_output": _positive(answer.get("max_tokens")) or model.max_output,
        "context": _positive(answer.get("max_input_tokens")) or model.context,
        "thinking": _supported(model.thinking, mapping(thinking.get("types"))),
        "effort": _supported(model.effort, mapping(capabilities.get("effort"))),
    }
    return _changed(model, changes, "the Models API")


def _changed(model: ModelInfo, changes: Mapping[str, Any], source: str) -> ModelInfo | None:
    corrected = replace(model, **changes)
    return None if corrected == model else replace(corrected, source=source)


# -- the Models API


def _supported(known: frozenset[str], answers: Mapping[str, Any]) -> frozenset[str]:
    """What is known, and what the API says of each: `{"high": {"supported": true}, "supported": true}`."""
    if answers.get("supported") is False:
        return frozenset()
    said = {name: mapping(answer).get("supported") for name, answer in answers.items()}
    return (known | {name for name, yes in said.items() if yes is True}) - {
        name for name, yes in said.items() if yes is False
    }


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


# -- what a 400 says


def rejects_thinking(message: str) -> bool:
    """Whether the API cannot read, or does not take, thinking that stands in the conversation.

    Args:
        message: The API's own words (`failure.words`).
    """
    return _THINKING_REJECTED.search(message) is not None


#: Verbatim in github.com/anthropics/anthropic-sdk-python/issues/1598 and kaitranntt/ccs/issues/415 (signature),
#: anthropics/claude-code/issues/56708 (data), 63267 (cannot be modified) and 2171 (must match), and in
#: diegosouzapw/OmniRoute/pull/2191 (a field is required); gateways leave the backticks out.
_THINKING_REJECTED: Final = re.compile(
    r"(?i)invalid `?(?:signature|data)`? in `?(?:redacted_)?thinking`?"
    r"|`?(?:redacted_)?thinking`? blocks\b.{0,200}\b(?:cannot be modified|must match)"
    r"|\bcontent\.\d+\.(?:redacted_)?thinking\b"
)


def _read(model: ModelInfo, found: Match[str]) -> dict[str, Any]:
    """The changes that a message with something to read in it asks for."""
    match found.groupdict():
        case {"type": type_}:
            return {"thinking": model.thinking - {type_}}
        case {"types": types}:
            return {"thinking": frozenset(_WORD.findall(types))}
        case {"level": level, "levels": levels}:
            return {"effort": (frozenset(_WORD.findall(levels or "")) or model.effort) - {level}}
        case {"limit": limit}:
            return {"max_output": int(limit)}
        case groups:
            return {"context": int(groups["window"])}


#: What a rule reads in a message or changes, by the name that it has in a request.
_SUBJECTS: Final = {
    "type": "thinking",
    "types": "thinking",
    "interleaves": "thinking.budget_tokens",
    "level": "output_config.effort",
    "effort": "output_config.effort",
    "forced_tool_choice": "tool_choice",
    "speed": "speed",
    "prefill": "a prefill",
    "limit": "max_tokens",
    "window": "its length",
}
_WORD: Final = re.compile(r"\w+")
#: What a message says, and what it changes; None: it is to be read (`_read`).
_RULES: Final[tuple[tuple[re.Pattern[str], Mapping[str, Any] | None], ...]] = tuple(
    (re.compile(pattern), changes)
    for pattern, changes in (
        # platform.claude.com/docs/en/api/errors#prefill-not-supported
        (re.escape(PREFILL_UNSUPPORTED), {"prefill": False}),
        # github.com/zhukunpenglinyutong/jetbrains-cc-gui/issues/1003, of `enabled`; of the other types by analogy.
        (r'"thinking\.type\.(?P<type>\w+)" is not supported for this model', None),
        # github.com/lidge-jun/opencodex/pull/65
        (r"\b(?P<type>\w+) thinking is not supported on this model", None),
        # Bedrock: github.com/strands-agents/harness-sdk/issues/1856
        (r"thinking: Input tag '\w+' .{0,80} does not match any of the expected tags: (?P<types>[\w', ]+)", None),
        # github.com/liuw1535/antigravity2api-nodejs/issues/149, with and without the backticks
        (r"`?max_tokens`? must be greater than `?thinking\.budget_tokens`?", {"interleaves": False}),
        # github.com/anthropics/claude-code/issues/30010; Bedrock: issues/30760
        (r"This model does not support the effort parameter", {"effort": frozenset[str]()}),
        # github.com/askalf/dario/pull/491, github.com/BerriAI/litellm/pull/27223
        (r"does not support effort level '(?P<level>\w+)'(?:\. Supported levels: (?P<levels>[\w, ]+))?", None),
        # github.com/can1357/oh-my-pi/issues/12939
        (r'tool_choice: type "tool" and "any" are not supported for this model', {"forced_tool_choice": False}),
        # github.com/Yeachan-Heo/gajae-code/pull/480
        (r"tool_choice forces tool use is not compatible with this model", {"forced_tool_choice": False}),
        # github.com/NousResearch/hermes-agent/pull/19517
        (r"does not support the `speed` parameter", {"speed": False}),
        # github.com/anthropics/claude-code/issues/24451
        (r"max_tokens: \d+ > (?P<limit>\d{1,18}), which is the maximum allowed number of output tokens", None),
        # Bedrock: github.com/vercel/ai/issues/2772, github.com/RooCodeInc/Roo-Code/issues/248
        (r"maximum tokens you requested exceeds? the model limit of (?P<limit>\d{1,18})(?!\d)", None),
        # github.com/continuedev/continue/issues/11371
        (r"prompt is too long: \d+ tokens > (?P<window>\d{1,18}) maximum", None),
        # github.com/anthropics/claude-code/issues/228
        (r"exceed context limit: \d+ \+ \d+ > (?P<window>\d{1,18})(?!\d)", None),
    )
)
