"""The original request and the partial -> the next request, in every form, and the original untouched."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from anthropic.types import TextBlock
from builders import (
    block_start,
    block_stop,
    delta,
    message_start,
    open_text,
    open_tool,
    partial,
    text_block,
    text_delta,
    thinking_block,
    tool_block,
)
from conversation import (
    HAIKU,
    HELD,
    JSON_FORMAT,
    OPUS,
    PAIR,
    QUESTION,
    REQUEST,
    SENTENCE,
    THOUGHT_AND_USED,
    USED,
    USED_THEN_TEXT,
)
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.message.partial import Partial
from unbroken.core.models.table import lookup
from unbroken.core.requests.forms import Form
from unbroken.core.requests.prompts import AFTER_RESULTS, AGAIN, FIRST
from unbroken.core.requests.resume import build, compose, wording
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.requests.tokens import estimate_tokens
from unbroken.core.seam.anchor import Anchor, choose_anchor

OPUS_OFF = lookup("claude-opus-4-8")  # does not, and thinks when told to
OLD = lookup("claude-3-haiku")


def built(held: Partial, form: Form, *, whole: bool = False, **changes: Any) -> dict[str, Any]:
    """The next request of a small conversation, checked to have left the original as it was."""
    request = {**REQUEST, **changes}
    kept, before = deepcopy(request), held.to_dict()
    anchor = choose_anchor(held.trailing_text, whole=whole or form == "prefill")
    result = build(request, ResumeState.of(held), anchor, form, model=lookup(request["model"]))
    assert request == kept
    assert held.to_dict() == before
    return result


def assistant(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of the assistant turn that was added."""
    turn = next(turn for turn in reversed(request["messages"]) if turn["role"] == "assistant")
    return list(turn["content"])


# -- prefill


def test_prefill_sends_the_text_as_the_last_turn() -> None:
    """The whole of it; nothing is asked."""
    request = built(HELD, "prefill")
    assert request["messages"] == [QUESTION, {"role": "assistant", "content": [{"type": "text", "text": SENTENCE}]}]


@pytest.mark.parametrize("space", [" ", "\n\n", " \t\n", "\u00a0"])
def test_white_space_at_the_end_is_cut_from_the_request(space: str) -> None:
    """The API rejects it there; the seam sets it right."""
    held = partial(message_start(), *text_block(SENTENCE, index=0), *open_text(space, index=1))
    for form in ("prefill", "continue"):
        request = built(held, form, whole=True)
        assert assistant(request) == [{"type": "text", "text": SENTENCE}]


# -- continue


def test_continue_appends_the_text_and_asks_for_the_rest_of_it() -> None:
    """The last word is left out, and quoted with the words before it."""
    anchor = choose_anchor(SENTENCE)
    request = built(HELD, "continue")
    assert request["messages"] == [
        QUESTION,
        {"role": "assistant", "content": [{"type": "text", "text": anchor.sent}]},
        {"role": "user", "content": FIRST.text.replace("{echo}", anchor.quote)},
    ]
    assert anchor.sent + anchor.key == SENTENCE
    assert anchor.key
    assert SENTENCE.endswith(anchor.quote)


def test_asked_a_second_time_it_sends_all_of_the_text() -> None:
    """A model that chose another last word is not asked to guess again."""
    assert assistant(built(HELD, "continue", whole=True)) == [{"type": "text", "text": SENTENCE}]


@pytest.mark.parametrize(
    "prompt", ["Bitte wiederhole {echo} und fahre fort.", lambda quote: f"Bitte wiederhole {quote} und fahre fort."]
)
def test_the_wording_is_the_callers_if_they_have_one(prompt: Any) -> None:
    """As a template or as a function of the quoted words."""
    anchor = choose_anchor(SENTENCE)
    request = build(REQUEST, ResumeState.of(HELD), anchor, "continue", model=HAIKU, prompt=prompt)
    assert request["messages"][-1]["content"] == f"Bitte wiederhole {anchor.quote} und fahre fort."


def test_braces_in_the_text_do_not_disturb_the_template() -> None:
    """Code is full of them."""
    held = partial(message_start(), *open_text("x = {echo} {0} {name!r} end of the line"))
    asked = built(held, "continue", whole=True)["messages"][-1]["content"]
    assert "x = {echo} {0} {name!r} end of the line" in asked


@pytest.mark.parametrize("form", ["request", "restart"])
def test_the_same_again_is_the_original(form: Form) -> None:
    """As a new dict."""
    assert built(HELD, form) == REQUEST
    assert build(REQUEST, ResumeState.of(HELD), Anchor("", "", ""), form, model=HAIKU) is not REQUEST


def test_the_rest_of_the_request_stays() -> None:
    """Tools, system and the caller's settings: the same prefix finds the same cache."""
    changes = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "weather", "input_schema": {}}],
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
    }
    for form in ("prefill", "continue", "continue_without_thinking", "restart"):
        request = built(HELD, form, **changes)
        assert {name: request[name] for name in changes} == changes
        assert request["messages"][0] is QUESTION


# -- what only a whole answer can satisfy


def test_the_rest_of_a_document_is_asked_for_without_its_constraint() -> None:
    """Half a document is none; the other output settings stay."""
    schema = {"type": "json_schema", "schema": {}}
    for form in ("continue", "continue_without_thinking"):
        request = built(HELD, form, output_format=schema, output_config={"format": schema, "effort": "low"})
        assert "output_format" not in request
        assert request["output_config"] == {"effort": "low"}
        assert "output_config" not in built(HELD, form, output_config={"format": schema})
        assert "output_config" not in built(HELD, form, output_config=None)
    assert built(HELD, "restart", **JSON_FORMAT)["output_config"] == JSON_FORMAT["output_config"]


CHOICES = [
    # what was asked for, what was used, what is asked for now
    ({"type": "any"}, USED_THEN_TEXT, {"type": "auto"}),
    ({"type": "tool", "name": "web_search"}, USED_THEN_TEXT, {"type": "auto"}),
    (
        {"type": "any", "disable_parallel_tool_use": True},
        USED_THEN_TEXT,
        {"type": "auto", "disable_parallel_tool_use": True},
    ),
    ({"type": "tool", "name": "weather"}, USED_THEN_TEXT, {"type": "tool", "name": "weather"}),
    ({"type": "any"}, HELD, {"type": "any"}),
    ({"type": "auto"}, USED_THEN_TEXT, {"type": "auto"}),
    ({"type": "none"}, USED_THEN_TEXT, {"type": "none"}),
]


@pytest.mark.parametrize(("choice", "held", "expected"), CHOICES)
def test_a_forced_choice_that_a_server_side_tool_has_satisfied_is_free(
    choice: dict[str, Any], held: Partial, expected: dict[str, Any]
) -> None:
    """Otherwise the rest of the answer would have to call it a second time."""
    assert built(held, "continue", tool_choice=choice)["tool_choice"] == expected


# -- after the results of server-side tools


@pytest.mark.parametrize("form", ["continue", "continue_without_thinking"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_pair_with_no_text_behind_it_is_gone_on_from(form: Form, whole: bool) -> None:
    """There is nothing to repeat, and nothing to join."""
    request, seam = compose(REQUEST, ResumeState.of(THOUGHT_AND_USED), form, model=OPUS, whole=whole)
    assert seam is None
    assert request["messages"][-1] == {"role": "user", "content": AFTER_RESULTS.text}
    thinking = ["thinking"] if form == "continue" else []
    assert [block["type"] for block in assistant(request)] == [*thinking, "server_tool_use", "web_search_tool_result"]


def test_white_space_behind_a_pair_is_as_good_as_nothing() -> None:
    """The API would reject it."""
    held = partial(message_start(), *PAIR, *text_block("\n\n", index=2))
    request, seam = compose(REQUEST, ResumeState.of(held), "continue", model=HAIKU)
    assert seam is None
    assert request["messages"][-1]["content"] == AFTER_RESULTS.text
    assert assistant(request)[-1]["type"] == "web_search_tool_result"


def test_too_little_text_behind_a_pair_is_sent_whole() -> None:
    """There is no starting over, so the word itself is quoted."""
    held = partial(message_start(), *PAIR, *open_text("So ", index=2))
    request, seam = compose(REQUEST, ResumeState.of(held), "continue", model=HAIKU)
    assert assistant(request)[-1] == {"type": "text", "text": "So"}
    assert request["messages"][-1]["content"] == FIRST.text.replace("{echo}", "So")
    assert seam is not None


@pytest.mark.parametrize("prompt", ["Go on after '{echo}'.", lambda quote: f"Go on after '{quote}'."])
def test_the_callers_wording_holds_after_results_too(prompt: Any) -> None:
    """With nothing to quote."""
    request, _ = compose(REQUEST, ResumeState.of(USED), "continue", model=HAIKU, prompt=prompt)
    assert request["messages"][-1]["content"] == "Go on after ''."


# -- the caller's own prefill

OWN = [
    # the caller's last turn, the assistant turn that is sent after "The quick ... dog"
    ("Here: ", [{"type": "text", "text": "Here: " + SENTENCE}]),
    ([{"type": "text", "text": "Here: "}], [{"type": "text", "text": "Here: " + SENTENCE}]),
    ([TextBlock(type="text", text="Here: ")], [{"type": "text", "text": "Here: " + SENTENCE}]),
    (
        [{"type": "text", "text": "One."}, {"type": "text", "text": "Two: "}],
        [{"type": "text", "text": "One."}, {"type": "text", "text": "Two: " + SENTENCE}],
    ),
    (
        [{"type": "redacted_thinking", "data": "secret"}],
        [{"type": "redacted_thinking", "data": "secret"}, {"type": "text", "text": SENTENCE}],
    ),
    ([], [{"type": "text", "text": SENTENCE}]),
]


@pytest.mark.parametrize(("own", "expected"), OWN)
@pytest.mark.parametrize("form", ["prefill", "continue"])
def test_the_callers_own_prefill_is_the_head_of_the_answer(own: Any, expected: list[Any], form: Form) -> None:
    """Two assistant turns in a row would be two answers."""
    turn = {"role": "assistant", "content": own}
    request = built(HELD, form, whole=True, messages=[QUESTION, turn])
    assert request["messages"][0] == QUESTION
    assert request["messages"][1] == {"role": "assistant", "content": expected}
    assert len(request["messages"]) == (2 if form == "prefill" else 3)


def test_only_the_first_text_joins_the_callers_prefill() -> None:
    """The blocks after it stay blocks."""
    held = partial(message_start(), *text_block("One. "), *open_text(SENTENCE, index=1))
    request = built(held, "prefill", messages=[QUESTION, {"role": "assistant", "content": "Here: "}])
    assert [block["text"] for block in assistant(request)] == ["Here: One. ", SENTENCE]


def test_a_conversation_without_a_turn_is_sent_with_one() -> None:
    """The API will say what it thinks of it."""
    assert [turn["role"] for turn in built(HELD, "prefill", messages=[])["messages"]] == ["assistant"]


def test_the_mark_of_a_cache_in_the_callers_prefill_stays() -> None:
    """Where the caller put it, the cache has its entry."""
    own = [{"type": "text", "text": "Here: ", "cache_control": {"type": "ephemeral"}}]
    request = built(HELD, "prefill", messages=[QUESTION, {"role": "assistant", "content": own}])
    assert "cache_control" in str(request["messages"][1])
    assert "".join(block["text"] for block in assistant(request)) == "Here: " + SENTENCE


# -- what of the partial is sent

CITATION = {
    "type": "char_location",
    "cited_text": "fox",
    "document_index": 0,
    "start_char_index": 0,
    "end_char_index": 3,
}


def test_citations_of_a_text_that_is_cut_are_dropped() -> None:
    """They would point past its end; those of a whole text stay."""
    held = partial(
        message_start(),
        *text_block("Cited. ", index=0)[:-1],
        delta(0, "citations_delta", CITATION),
        block_stop(0),
        block_start(1, "text"),
        text_delta(SENTENCE, 1),
        delta(1, "citations_delta", CITATION),
    )
    whole, cut = assistant(built(held, "continue", whole=True)), assistant(built(held, "continue"))
    assert whole[0] == cut[0] == {"type": "text", "text": "Cited. ", "citations": [CITATION]}
    assert whole[1] == {"type": "text", "text": SENTENCE, "citations": [CITATION]}
    assert cut[1] == {"type": "text", "text": choose_anchor(held.trailing_text).sent.removeprefix("Cited. ")}


def test_the_key_may_reach_back_over_several_blocks() -> None:
    """The text of a turn is one, whatever blocks it came in."""
    held = partial(message_start(), *text_block(SENTENCE), *text_block(" I", index=1), *open_text(" s", index=2))
    sent = "".join(block["text"] for block in assistant(built(held, "continue")))
    assert sent == choose_anchor(held.trailing_text).sent
    assert SENTENCE.startswith(sent)


@pytest.mark.parametrize("form", ["continue", "continue_without_thinking"])
def test_thinking_goes_back_unchanged_or_not_at_all(form: Form) -> None:
    """Signed, in its place, and only where the model can read it."""
    held = partial(message_start(), *thinking_block("Hm."), *open_text(SENTENCE, index=1))
    blocks = assistant(built(held, form, model="claude-opus-5-5"))
    kept = [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}] if form == "continue" else []
    assert blocks == [*kept, {"type": "text", "text": choose_anchor(SENTENCE).sent}]


def test_an_assistant_turn_never_ends_in_thinking() -> None:
    """The API rejects that, also where the text after it was all key."""
    held = partial(message_start(), *text_block(SENTENCE), *thinking_block("Hm.", index=1), *open_text(" S", index=2))
    blocks = assistant(built(held, "continue", model="claude-opus-5-5"))
    assert blocks == [{"type": "text", "text": choose_anchor(SENTENCE + " S").sent}]


def test_half_a_tool_call_is_not_sent_and_a_pair_of_a_server_tool_is() -> None:
    """The API rejects a call without its result."""
    pair = [*tool_block("{}", index=1, type="server_tool_use"), block_start(2, "web_search_tool_result"), block_stop(2)]
    held = partial(
        message_start(), *text_block("Let me look. "), *pair, *text_block(SENTENCE, index=3), *open_tool('{"a', index=4)
    )
    blocks = assistant(built(held, "prefill"))
    assert [block["type"] for block in blocks] == ["text", "server_tool_use", "web_search_tool_result", "text"]
    assert blocks[-1]["text"] == SENTENCE


def test_blocks_of_white_space_alone_are_not_sent() -> None:
    """The API rejects them, wherever they stand."""
    held = partial(message_start(), *text_block("\n\n"), *text_block(SENTENCE, index=1), *text_block(" \n", index=2))
    assert assistant(built(held, "prefill")) == [{"type": "text", "text": SENTENCE}]


def test_three_cuts_send_three_requests_of_one_shape() -> None:
    """Each is built from the original and the whole partial, so no request carries another in it."""
    held = partial(message_start(), block_start(0, "text"))
    for sentence in ("One fox came to the river. ", "Two foxes crossed it at night. ", "Three foxes never came back. "):
        held.apply(text_delta(sentence))
        request = built(held, "continue")
        assert [turn["role"] for turn in request["messages"]] == ["user", "assistant", "user"]
        assert assistant(request) == [{"type": "text", "text": choose_anchor(held.text).sent}]


# -- tokens


def test_the_rest_is_asked_for_in_what_is_left() -> None:
    """At least 64 tokens, unless less was asked for."""
    for max_tokens, characters, left in ((1_000, 0, 1_000), (1_000, 500, 900), (1_000, 4_700, 64), (10, 300, 10)):
        held = partial(message_start(), *open_text("x " * (characters // 2) + "y"))
        assert built(held, "prefill", max_tokens=max_tokens)["max_tokens"] == left


BUDGETS = [
    # model, max_tokens, budget, characters delivered, thinking sent, max_tokens sent
    ("claude-haiku-4-5", 20_000, 4_000, 5_000, {"type": "enabled", "budget_tokens": 4_000}, 19_000),
    ("claude-haiku-4-5", 20_000, 16_000, 50_000, {"type": "enabled", "budget_tokens": 9_999}, 10_000),
    ("claude-haiku-4-5", 2_025, 2_000, 5_000, {"type": "enabled", "budget_tokens": 1_024}, 1_025),
    ("claude-haiku-4-5", 2_024, 2_000, 5_000, {"type": "disabled"}, 1_024),
    ("claude-mythos-preview", 2_024, 2_000, 5_000, {"type": "enabled", "budget_tokens": 1_024}, 1_025),
]


@pytest.mark.parametrize(("model", "max_tokens", "budget", "characters", "thinking", "sent"), BUDGETS)
def test_a_thinking_budget_stays_below_what_is_left(
    model: str, max_tokens: int, budget: int, characters: int, thinking: dict[str, Any], sent: int
) -> None:
    """Below its least, thinking is switched off where the model allows it."""
    held = partial(message_start(), *open_text("x " * (characters // 2 - 4), "the end."))
    asked = {"type": "enabled", "budget_tokens": budget}
    request = built(held, "continue", model=model, max_tokens=max_tokens, thinking=asked)
    echoed = 2 * estimate_tokens(choose_anchor(held.trailing_text).quote)
    assert (request["thinking"], request["max_tokens"]) == (thinking, sent + echoed)


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "disabled"}])
def test_thinking_without_a_budget_stays_as_it_is(thinking: dict[str, Any]) -> None:
    """There is nothing to fit."""
    assert built(HELD, "continue", max_tokens=100, thinking=thinking)["thinking"] == thinking


# -- the request and its seam


def test_every_form_comes_with_the_seam_that_joins_it() -> None:
    """The same anchor for both: what the model is asked to repeat is what the seam looks for."""
    request, seam = compose(REQUEST, ResumeState.of(HELD), "request", model=HAIKU)
    assert (request, seam) == (REQUEST, None)
    key = choose_anchor(SENTENCE).key
    continuations: list[tuple[Form, bool, str]] = [
        ("prefill", False, " Never."),
        ("continue", False, key + " Never."),
        ("continue_without_thinking", False, key + " Never."),
        ("continue", True, choose_anchor(SENTENCE, whole=True).quote + " Never."),
        ("restart", False, SENTENCE + " Never."),
    ]
    for form, whole, continuation in continuations:
        request, seam = compose(REQUEST, ResumeState.of(HELD), form, model=HAIKU, whole=whole)
        anchor = choose_anchor(SENTENCE, whole=whole or form == "prefill")
        assert request == build(REQUEST, ResumeState.of(HELD), anchor, form, model=HAIKU, whole=whole)
        assert seam is not None
        assert seam.feed(continuation) == " Never."


@given(st.text(min_size=1, max_size=200), st.sampled_from(["prefill", "continue"]), st.booleans())
def test_no_text_makes_a_request_that_the_api_rejects(text: str, form: Form, whole: bool) -> None:
    """No white space at the end, no empty text, no more than was delivered."""
    held = partial(message_start(), *open_text(text))
    anchor = choose_anchor(held.trailing_text, whole=whole or form == "prefill")
    if not anchor.sent:
        return
    blocks = assistant(built(held, form, whole=whole))
    sent = "".join(block["text"] for block in blocks)
    assert sent == sent.rstrip() == anchor.sent
    assert text.startswith(sent)
    assert all(block["text"].strip() for block in blocks)


@pytest.mark.parametrize(
    ("form", "quote", "prompt", "again", "label"),
    [
        ("prefill", "it", None, False, None),
        ("restart", "it", None, False, None),
        ("continue", "it", None, False, FIRST.label),
        ("continue", "it", None, True, AGAIN.label),
        ("continue_without_thinking", "", None, False, AFTER_RESULTS.label),
        ("continue", "it", FIRST.text, True, FIRST.label),
        ("continue", "it", "Go on after {echo}", False, "custom"),
    ],
)
def test_the_wording_of_a_request_has_a_name(
    form: Form, quote: str, prompt: str | None, again: bool, label: str | None
) -> None:
    """By which reports tell one from another."""
    assert wording(form, quote, prompt, again=again) == label
