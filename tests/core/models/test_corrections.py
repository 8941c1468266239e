"""What the API says of a model, in its own words, and what is known of the model afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest

from unbroken.core.classification import words
from unbroken.core.models.corrections import Models, correction, described, rejects_thinking, subject
from unbroken.core.models.table import EFFORTS, MODELS, NOT_IN_THE_TABLE, ModelInfo, lookup

UNKNOWN = ModelInfo(name="m", prefill=True, source=NOT_IN_THE_TABLE)
ALL = frozenset(EFFORTS)

WORDS: list[tuple[str, dict[str, Any]]] = [
    (
        "This model does not support assistant message prefill. The conversation must end with a user message.",
        {"prefill": False},
    ),
    (
        (
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        ),
        {"thinking": UNKNOWN.thinking - {"enabled"}},
    ),
    ('"thinking.type.disabled" is not supported for this model.', {"thinking": UNKNOWN.thinking - {"disabled"}}),
    ("adaptive thinking is not supported on this model", {"thinking": UNKNOWN.thinking - {"adaptive"}}),
    (
        (
            "The model returned the following errors: thinking: Input tag 'adaptive' found using 'type' does not match "
            "any of the expected tags: 'disabled', 'enabled'"
        ),
        {"thinking": frozenset({"disabled", "enabled"})},
    ),
    (
        "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://...",
        {"interleaves": False},
    ),
    ("max_tokens must be greater than thinking.budget_tokens.", {"interleaves": False}),
    ("This model does not support the effort parameter.", {"effort": frozenset()}),
    (
        "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
        {"effort": ALL - {"xhigh"}},
    ),
    (
        "This model does not support effort level 'max'. Supported levels: high, low, medium.",
        {"effort": ALL - {"xhigh", "max"}},
    ),
    ("This model does not support effort level 'max'.", {"effort": ALL - {"max"}}),
    ('tool_choice: type "tool" and "any" are not supported for this model.', {"forced_tool_choice": False}),
    ("tool_choice forces tool use is not compatible with this model", {"forced_tool_choice": False}),
    ("'claude-opus-4-7' does not support the `speed` parameter.", {"speed": False}),
    (
        "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5",
        {"max_output": 64_000},
    ),
    (
        (
            "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value "
            "that is lower than 4096."
        ),
        {"max_output": 4_096},
    ),
    ("prompt is too long: 203052 tokens > 200000 maximum", {"context": 200_000}),
    (
        (
            "input length and `max_tokens` exceed context limit: 184915 + 20000 > 204648, decrease input length or "
            "`max_tokens` and try again"
        ),
        {"context": 204_648},
    ),
]


@pytest.mark.parametrize(("message", "changes"), WORDS, ids=[message[:40] for message, _ in WORDS])
def test_what_a_400_says_of_the_model_is_taken_at_its_word(message: str, changes: dict[str, Any]) -> None:
    """Nothing else changes but the source, which quotes it; heard again, it says nothing new."""
    corrected = correction(UNKNOWN, message)
    assert corrected is not None
    assert corrected == replace(UNKNOWN, **changes, source=corrected.source)
    assert corrected.source.removeprefix("a 400: ") in message
    assert correction(corrected, message) is None


SILENT = [
    "",
    "messages: at least one message is required",
    "Thinking may not be enabled when tool_choice forces tool use.",
    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    "messages.1.content.0: Invalid `signature` in `thinking` block.",
    "Extended thinking is not supported on this model",
    "max_tokens: Field required",
]


@pytest.mark.parametrize("message", SILENT)
def test_a_400_that_says_nothing_of_the_model_corrects_nothing(message: str) -> None:
    """It is about this one request."""
    assert all(correction(model, message) is None for model in (UNKNOWN, *MODELS))


def test_what_the_table_knows_is_nothing_new() -> None:
    """The row stays the very same, source and all."""
    assert correction(replace(UNKNOWN, prefill=False), WORDS[0][0]) is None


# -- the Models API


def supported(*names: str, of: tuple[str, ...]) -> dict[str, Any]:
    """Capabilities as the API lists them."""
    return {name: {"supported": name in names} for name in of}


TYPES = ("adaptive", "between_tools", "disabled", "enabled")
ANSWER: dict[str, Any] = {
    "id": "claude-x",
    "type": "model",
    "max_tokens": 48_000,
    "max_input_tokens": 300_000,
    "capabilities": {
        "thinking": {"supported": True, "types": supported("adaptive", "disabled", of=TYPES)},
        "effort": {"supported": True, **supported("low", "high", of=EFFORTS)},
    },
}


def test_the_models_api_is_taken_at_its_word() -> None:
    """Limits, kinds of thinking, levels of effort."""
    learnt = described(UNKNOWN, ANSWER)
    assert learnt == replace(
        UNKNOWN,
        max_output=48_000,
        context=300_000,
        thinking=frozenset({"adaptive", "disabled"}),
        effort=frozenset({"low", "high"}),
        source="the Models API",
    )
    assert described(learnt, ANSWER) is None


ABSENT: list[dict[str, Any]] = [
    {},
    {"max_tokens": None, "max_input_tokens": None, "capabilities": None},
    {"max_tokens": 0, "max_input_tokens": "200000"},
    {"capabilities": {}},
    {"capabilities": {"thinking": {"supported": True}, "effort": {"supported": True, "xhigh": None}}},
    {"capabilities": {"thinking": {"types": {"adaptive": None}}, "effort": {"low": {}}}},
]


@pytest.mark.parametrize("answer", ABSENT)
def test_what_is_absent_changes_nothing(answer: dict[str, Any]) -> None:
    """Older releases of the API, and platforms, say less."""
    assert all(described(model, answer) is None for model in (UNKNOWN, *MODELS))


def test_what_is_new_is_added() -> None:
    """A row may know too little; and effort that is not supported at all has no level."""
    poor = replace(UNKNOWN, thinking=frozenset(), effort=frozenset())
    learnt = described(poor, ANSWER)
    assert learnt is not None
    assert learnt.thinking == {"adaptive", "disabled"}
    assert learnt.effort == {"low", "high"}
    without = described(UNKNOWN, {"capabilities": {"effort": {"supported": False, **supported("low", of=EFFORTS)}}})
    assert without is not None
    assert without.effort == frozenset()


# -- the words

REQUEST = httpx2.Request("POST", "/v1/messages")
SAID: list[tuple[object, str]] = [
    ({"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}, "No."),
    ({"message": "No."}, "No."),  # Bedrock
    ({"error": "No."}, "Error code: 400"),
    ({"error": {"message": None}}, "Error code: 400"),
    ("<html>", "Error code: 400"),
    (None, "Error code: 400"),
]


@pytest.mark.parametrize(("body", "said"), SAID)
def test_the_words_are_those_of_the_body(body: object, said: str) -> None:
    """Where it has none, those of the error."""
    assert words(anthropic.APIError("Error code: 400", REQUEST, body=body)) == said
    assert words(LookupError("no body at all")) == "no body at all"


@pytest.mark.parametrize(
    ("message", "complains_of"),
    [
        (WORDS[0][0], "a prefill"),
        (WORDS[1][0], "thinking"),
        (WORDS[4][0], "thinking"),
        (WORDS[5][0], "thinking.budget_tokens"),
        (WORDS[7][0], "output_config.effort"),
        (WORDS[8][0], "output_config.effort"),
        ('tool_choice: type "tool" and "any" are not supported for this model.', "tool_choice"),
        ("does not support the `speed` parameter", "speed"),
        ("max_tokens: 9 > 8, which is the maximum allowed number of output tokens for m", "max_tokens"),
        ("prompt is too long: 9 tokens > 8 maximum", "its length"),
        ("messages.0: 'a secret' is none of ours", None),
    ],
)
def test_what_a_400_complains_of_is_told_without_its_words(message: str, complains_of: str | None) -> None:
    """They may quote the conversation."""
    assert subject(message) == complains_of


@pytest.mark.parametrize(("message", "_"), WORDS)
def test_every_complaint_has_a_name(message: str, _: object) -> None:
    """Whatever is adapted to can be told."""
    assert subject(message)


def test_what_is_kept_of_a_message_speaks_to_no_terminal() -> None:
    """The source of a row is shown to people."""
    told = "thinking: Input tag 'a' \x1b]52;c;aGk=\x07 does not match any of the expected tags: 'disabled'"
    corrected = correction(UNKNOWN, told)
    assert corrected is not None
    assert corrected.source.isprintable()


def test_a_number_without_an_end_is_none() -> None:
    """Python reads no more than 4,300 digits."""
    assert correction(UNKNOWN, f"prompt is too long: 1 tokens > {'9' * 5_000} maximum") is None
    assert correction(UNKNOWN, f"exceed context limit: 1 + 1 > {'9' * 5_000}") is None


@pytest.mark.parametrize(
    ("message", "rejected"),
    [
        ("messages.1.content.0: Invalid `signature` in `thinking` block", True),
        ("messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different one.", True),
        ("messages.1.content.0: Invalid signature in thinking block", True),
        ("messages.23.content.2: Invalid `data` in `redacted_thinking` block", True),
        ("messages.1.content.0.thinking.signature: Field required", True),
        ("messages.0.content.0.redacted_thinking.data: Field required", True),
        ("`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.", True),
        ("When providing `thinking` or `redacted_thinking` blocks, the blocks must match the parameters", True),
        ("adaptive thinking is not supported on this model", False),
        ("messages.1.content.0.text: Field required", False),
        ("max_tokens must be greater than thinking.budget_tokens", False),
        ("Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final", False),
    ],
)
def test_whether_the_api_rejects_thinking_of_the_conversation(message: str, rejected: bool) -> None:
    """As it was seen to say it."""
    assert rejects_thinking(message) is rejected


# -- what is known better

REFUSED = "max_tokens: 200000 > 32000, which is the maximum allowed number of output tokens for claude-haiku-4-5"


def test_the_table_is_what_is_known_at_first() -> None:
    """Of every model, by any of its names."""
    assert all(
        Models().get(alias) == lookup(alias)
        for alias in (*(info.name for info in MODELS), "us.anthropic.claude-haiku-4-5-20251001-v1:0")
    )
    assert Models().get("my-gateway/best") == lookup("my-gateway/best")


def test_the_caller_knows_better() -> None:
    """What is said of a model holds for all forms of its name, and what is said of one form for that alone."""
    mine, frozen = ModelInfo(name="mine", prefill=True), ModelInfo(name="frozen")
    models = Models({"my-gateway/best": mine, "claude-opus-5-5": mine, "anthropic.claude-opus-5-5": frozen})
    assert models.get("my-gateway/best") == mine
    assert models.get("claude-opus-5-5") == models.get("claude-opus-5-5-20260922") == mine
    assert models.get("anthropic.claude-opus-5-5") == frozen
    assert models.get("claude-opus-5") == lookup("claude-opus-5")


def test_the_api_knows_best() -> None:
    """It corrects what the caller said, and only of the name that was asked: another platform may differ."""
    models = Models({"claude-haiku-4-5": ModelInfo(name="mine", max_output=99)})
    models.correct("claude-haiku-4-5", REFUSED)
    assert models.get("claude-haiku-4-5").max_output == 32_000
    assert models.get("claude-haiku-4-5").name == "mine"
    assert models.get("claude-haiku-4-5@20251001").max_output == 99
    models.correct("claude-haiku-4-5", "messages: at least one message is required")
    assert models.get("claude-haiku-4-5").max_output == 32_000


def test_what_the_models_api_says_is_taken_in() -> None:
    """And comes back; what it leaves out is as it was."""
    models = Models()
    learnt = models.describe("claude-haiku-4-5", {"max_tokens": 50_000})
    assert learnt == models.get("claude-haiku-4-5")
    assert (learnt.max_output, learnt.context, learnt.source) == (50_000, 200_000, "the Models API")
    assert models.describe("claude-haiku-4-5", {}) == learnt


def test_what_was_learnt_does_not_pile_up() -> None:
    """Names of models may come from users; those that were corrected first are forgotten."""
    models = Models()
    for number in range(300):
        models.correct(f"model-{number}", REFUSED)
    kept = [number for number in range(300) if models.get(f"model-{number}").max_output is not None]
    assert kept == [*range(300 - 256, 300)]


def test_it_is_read_and_changed_under_its_lock() -> None:
    """Threads may share it."""

    class Lock:
        taken = 0

        def __enter__(self) -> None:
            self.taken += 1

        def __exit__(self, *_: object) -> None:
            pass

    lock = Lock()
    models = Models(lock=lock)
    models.get("claude-opus-5")
    models.correct("claude-opus-5", REFUSED)
    models.describe("claude-opus-5", {})
    assert lock.taken == 3
