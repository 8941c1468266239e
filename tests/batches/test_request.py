"""A request as a batch takes it, and a batched answer joined to what was held: no clock, no network."""

from __future__ import annotations

import json
from typing import Any, Final, cast

import pytest
from anthropic.types import TextBlock
from builders import block_start, message_start, open_text, open_tool, partial, text_block, thinking_block, tool_block
from hypothesis import given
from hypothesis import strategies as st

from unbroken.batches.request import Rest, as_batched, events_of, is_whole, result_in, unhurried, unsupported
from unbroken.core.message.partial import Partial
from unbroken.core.requests.forms import Form
from unbroken.core.requests.prompts import FIRST
from unbroken.core.requests.resume import anchor_for
from unbroken.core.requests.tokens import estimate_tokens
from unbroken.core.seam.instruction import Instruction

TEXT: Final = "The lamp is lit, and the glass is clear of salt. Nobody has come by since the storm, and nobody will."


def message(*content: dict[str, Any], stop_reason: str = "end_turn", **fields: Any) -> dict[str, Any]:
    """What a batch brings."""
    return {
        "id": "msg_batched",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5",
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 30, "output_tokens": 40},
        **fields,
    }


def text(value: str, **fields: Any) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": value, **fields}


CITATION: Final = {"type": "char_location", "cited_text": "salt", "document_index": 0}
THOUGHT: Final = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
CALL: Final = {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"city": "Ålesund", "days": [1, 2]}}
BLOCKS: Final = [
    text(TEXT),
    text("", citations=None),
    text(TEXT, citations=[CITATION, CITATION]),
    THOUGHT,
    {"type": "redacted_thinking", "data": "secret"},
    CALL,
    {**CALL, "input": {}},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "salt"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result"}]},
    {"type": "hologram", "light": [1, 2, 3]},
]


# -- what a batch takes


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ({"speed": "fast"}, "fast mode"),
        ({"extra_body": {"speed": "fast"}}, "fast mode"),
        ({"thread": {"type": "continue"}}, "thread"),
        ({"fallback_credit_token": "abc"}, "fallback_credit_token"),
        ({"billing_policy": {"bill_to": "user_profile"}}, "billed"),
    ],
)
def test_what_a_batch_does_not_take_is_said(argument: dict[str, Any], says: str) -> None:
    """One clause, which names the argument or what it is for."""
    assert says in (unsupported({"model": "m", **argument}) or "")


def test_what_a_batch_takes_is_not_complained_of() -> None:
    """Nor the harmless values of what it does not take."""
    assert unsupported({"model": "m", "speed": "standard", "billing_policy": {"bill_to": "self"}}) is None


def test_what_is_there_for_speed_alone_is_left_out() -> None:
    """A request for a stream may be deferred for all that."""
    assert unhurried({"model": "m", "speed": "fast", "fallback_credit_token": "x"}) == {"model": "m"}


def test_what_goes_beside_a_request_does_not_go_into_it() -> None:
    """Headers, timeouts and the like are the call's; `extra_body` is the request's."""
    aside = {"betas": ["b"], "extra_headers": {"x": "y"}, "extra_query": {"q": 1}, "timeout": 5, "workspace_id": "w"}
    params, options = as_batched({"model": "m", "max_tokens": 1, "extra_body": {"new": 1, "max_tokens": 2}, **aside})
    assert params == {"model": "m", "max_tokens": 2, "new": 1}
    assert options == aside


def test_objects_of_the_sdk_become_plain() -> None:
    """A block of an earlier answer may stand in the conversation, in a list or in a tuple."""
    turns = ({"role": "assistant", "content": [TextBlock(type="text", text="Hi.")]},)
    params, _ = as_batched({"messages": turns})
    assert json.loads(json.dumps(params)) == {"messages": [{"role": "assistant", "content": [text("Hi.")]}]}


# -- what it brings


def test_a_result_is_found_among_others() -> None:
    """In any order; lines that are cut or are something else are passed over."""
    lines = [{"custom_id": "a", "result": {"n": 1}}, {"custom_id": "b", "result": {"n": 2}}, [], {"custom_id": "c"}]
    file = b"\n".join(json.dumps(line).encode() for line in lines)
    assert result_in(file, "b") == {"n": 2}
    assert result_in(file + b'\n{"custom_id": "d", "res', "d") is None
    assert result_in(file, "c") is None
    assert result_in(b"", "a") is None


@given(st.lists(st.sampled_from(BLOCKS)))
def test_a_message_and_its_events_are_the_same(blocks: list[dict[str, Any]]) -> None:
    """Whoever folds the events has the message; an empty text is no content."""
    whole = message(*blocks, stop_details=None, container={"id": "c"})
    held = partial(*events_of(whole))
    assert held.content == [block for block in blocks if block.get("text") != ""]
    assert (held.stopped, held.stop_reason, held.usage) == (True, "end_turn", whole["usage"])
    assert held.ending["delta"]["container"] == {"id": "c"}
    assert all(block.closed for block in held.blocks)


# -- the joint


def rest(held: Partial, form: Form, **fields: Any) -> Rest:
    """What is asked for, in that form."""
    return Rest(held, form, anchor_for(held.trailing_text, form), own=False, **fields)


def continuation(held: str, form: Form) -> str:
    """What a model that obeys writes."""
    if form == "restart":
        return TEXT
    anchor = anchor_for(held, form)
    return TEXT[len(held.rstrip()) :] if form == "prefill" else anchor.echo + TEXT[len(anchor.sent) :]


@pytest.mark.parametrize("form", ["prefill", "continue", "continue_without_thinking", "restart"])
def test_the_joint_is_exact_at_every_cut(form: Form) -> None:
    """After every character, in every form, after JSON too; what was held is left as it is."""
    for cut in range(30, len(TEXT) + 1):
        held = partial(message_start(), *open_text(TEXT[:cut]))
        asked = Rest.from_dict(json.loads(json.dumps(rest(held, form).to_dict())))
        joined = asked.join(message(text(continuation(TEXT[:cut], form))))
        assert joined.partial.text == TEXT
        assert joined.trouble is None
        assert joined.partial.stopped
        assert joined.partial.message is not None
        assert joined.partial.message["id"] == "msg_1"
        assert joined.seam is not None
        assert joined.seam.result.verified
        assert asked.partial.text == TEXT[:cut]
        added = "".join(e["delta"].get("text", "") for e in joined.delivered if e["type"] == "content_block_delta")
        assert added == TEXT[cut:]


def test_what_a_later_release_has_added_is_read_over() -> None:
    """In each part, as long as it is of the same version."""
    held = partial(message_start(), *open_text(TEXT[:50]))
    asked = rest(held, "continue", instruction=asking(held))
    data: Any = asked.to_dict()
    for part in (data, data["partial"], data["anchor"], data["instruction"]):
        part["added"] = 1
    assert Rest.from_dict(data) == asked


def asking(held: Partial) -> Instruction:
    """What a request in the user's voice asks."""
    anchor = anchor_for(held.trailing_text, "continue")
    return Instruction.of(FIRST.text.replace("{echo}", anchor.quote), anchor.quote, lambda words: False)


def test_what_the_request_asked_stays_out_of_the_text() -> None:
    """Its tags and its sentences, in a batch as in a stream; also where the rest was saved in between."""
    held = partial(message_start(), *open_text(TEXT[:50]))
    asked = rest(held, "continue", instruction=asking(held))
    saved = Rest.from_dict(json.loads(json.dumps(asked.to_dict())))
    assert saved.instruction == asked.instruction
    echo, _, _ = continuation(TEXT[:50], "continue").partition(TEXT[50:])
    recital = FIRST.text.rpartition("\n")[2]
    for answer in (f"<last_words>{echo}</last_words>{TEXT[50:]}", f"{echo}{TEXT[50:]} {recital}"):
        joined = saved.join(message(text(answer)))
        assert joined.partial.text == TEXT


def test_an_apology_behind_the_joint_is_no_rest() -> None:
    """As in a stream: what was delivered stays as it is."""
    held = partial(message_start(), *open_text(TEXT[:48]))
    echo = anchor_for(TEXT[:48], "continue").echo
    said = f"{echo}\n\nI'm sorry, but I am unable to repeat the last words."
    joined = rest(held, "continue", instruction=asking(held)).join(message(text(said)))
    assert (joined.trouble, joined.partial.text) == ("unmatched", TEXT[:48])


def test_an_answer_afresh_is_the_message_itself() -> None:
    """With its thinking, its calls and its id."""
    joined = Rest().join(message(THOUGHT, text(TEXT), CALL, stop_reason="tool_use"))
    assert joined.partial.content == [THOUGHT, text(TEXT), CALL]
    assert joined.partial.message is not None
    assert joined.partial.message["id"] == "msg_batched"
    assert joined.seam is None


def test_another_models_thinking_is_left_out() -> None:
    """What is named in the message is the model that opened it, and it could not read it."""
    held = partial(message_start(), *thinking_block("Hm.")[:-1])
    assert Rest(held, own=False).join(message(THOUGHT, text(TEXT))).partial.content == [text(TEXT)]
    joined = Rest(held).join(message(THOUGHT, text(TEXT)))
    assert joined.partial.content == [THOUGHT, text(TEXT)]
    assert joined.abandoned == ["thinking"]


def test_after_a_tools_result_new_text_begins() -> None:
    """There was no text to join to."""
    search = block_start(1, "web_search_tool_result")
    events = [*tool_block("{}", type="server_tool_use"), search, {"type": "content_block_stop", "index": 1}]
    held = partial(message_start(), *events)
    joined = Rest(held, "continue", own=False).join(message(text(TEXT)))
    assert joined.partial.text == TEXT
    assert joined.seam is None


def test_usage_is_the_messages() -> None:
    """The input of who opened it, and all of the output."""
    held = partial(message_start(input_tokens=7, output_tokens=1), *open_text(TEXT[:50]))
    joined = rest(held, "prefill").join(message(text(TEXT[50:])))
    assert joined.partial.usage == {"input_tokens": 7, "output_tokens": 40 + estimate_tokens(TEXT[:50])}


STRANGE: Final = "Quite another thing, in other words altogether, and no end in sight. " * 4


def test_what_matches_nothing_is_not_joined() -> None:
    """Asking again would take hours, and the partial is worth more than a guess."""
    joined = rest(partial(message_start(), *open_text(TEXT[:50])), "continue").join(message(text(STRANGE)))
    assert (joined.trouble, joined.partial.text) == ("unmatched", TEXT[:50])


def test_what_matches_nothing_is_joined_as_it_is_where_the_policy_says_so() -> None:
    """The seam says that it is a guess."""
    held = partial(message_start(), *open_text(TEXT[:50]))
    joined = rest(held, "continue", on_unmatched="join").join(message(text(STRANGE)))
    assert joined.partial.text == TEXT[:50] + STRANGE
    assert joined.seam is not None
    assert joined.seam.result.kind == "unverified"
    assert joined.trouble is None


def test_an_answer_begun_anew_is_never_glued() -> None:
    """It goes another way: what was delivered stays as it is."""
    held = partial(message_start(), *open_text(TEXT[:50]))
    joined = rest(held, "restart").join(message(text(STRANGE)))
    assert (joined.trouble, joined.partial.text) == ("unmatched", TEXT[:50])


@pytest.mark.parametrize(("is_whole", "trouble"), [(True, None), (False, "invalid")])
def test_half_a_document_is_joined_only_if_it_becomes_the_one_that_was_asked_for(
    is_whole: bool, trouble: str | None
) -> None:
    """The continuation was written without the constraint."""
    asked = rest(partial(message_start(), *open_text(TEXT[:50])), "continue", demanded={"type": "json_schema"})
    joined = asked.join(message(text(continuation(TEXT[:50], "continue"))), lambda _: is_whole)
    assert joined.trouble == trouble
    glued = asked.join(message(text(STRANGE)), lambda _: True)
    assert glued.trouble == "unmatched"


def test_a_refusal_is_never_joined() -> None:
    """The partial is worth more."""
    asked = rest(partial(message_start(), *open_text(TEXT[:50])), "continue")
    for said in ("", "I cannot help with that.", STRANGE):
        joined = asked.join(message(text(said), stop_reason="refusal"))
        assert (joined.trouble, joined.partial.text) == ("refused", TEXT[:50])


@pytest.mark.parametrize(
    "said", [[], [text("")], [THOUGHT], [text("The lamp is lit, and")], [text("The lamp is"), text(" lit, and")]]
)
def test_an_answer_that_says_nothing_new_is_no_end_of_half_a_sentence(said: list[dict[str, Any]]) -> None:
    """Joined as it is, it would say a piece twice, or make half an answer seem whole; a call is something new."""
    asked = rest(partial(message_start(), *open_text(TEXT[:50])), "continue", on_unmatched="join")
    joined = asked.join(message(*said, stop_reason="max_tokens"))
    assert joined.trouble in ("unmatched", "silent")
    assert joined.partial.text == TEXT[:50]
    joined = asked.join(message(CALL, stop_reason="tool_use"))
    assert joined.trouble is None
    assert joined.partial.content[-1] == CALL


@pytest.mark.parametrize("form", ["prefill", "continue", "restart"])
def test_what_was_sent_back_is_the_partials(form: Form) -> None:
    """A handle whose parts do not belong together would join the answer at the wrong place."""
    data = rest(partial(message_start(), *open_text(TEXT[:50])), form).to_dict()
    assert Rest.from_dict(data).to_dict() == data
    for changes in ({"anchor": None}, {"anchor": {**data["anchor"], "key": "x"}}, {"partial": Partial().to_dict()}):
        with pytest.raises(ValueError, match="is not the partial's"):
            Rest.from_dict({**data, **changes})


def test_a_message_that_can_be_read_has_ended() -> None:
    """Whatever its blocks are, if what is joined of them is text."""
    assert is_whole(message(*BLOCKS))
    assert is_whole(message(usage={"output_tokens": None}))
    for broken in (None, "x", {}, {**message(), "stop_reason": None}, {**message(), "content": "x"}):
        assert not is_whole(broken)
    for block in (5, {}, {"type": 5}, {"type": "text"}, {"type": "text", "text": None}, {"type": "thinking"}):
        assert not is_whole(message(cast("Any", block)))
    assert not is_whole(message(usage={"output_tokens": "9"}))
    assert not is_whole(message(usage=[]))


def test_an_unfinished_call_is_given_up() -> None:
    """The rest comes after the text before it."""
    held = partial(message_start(), *text_block(TEXT[:50]), *open_tool('{"a"', index=1))
    joined = rest(held, "prefill").join(message(text(TEXT[50:]), CALL, stop_reason="tool_use"))
    assert joined.abandoned == ["tool_use"]
    assert joined.partial.text == TEXT
    assert joined.partial.content[-1] == CALL
