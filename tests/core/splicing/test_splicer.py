"""Many attempts, one message: each stream is told as the API sends it, and cut where the story says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, Literal

import pytest
from builders import (
    block_start,
    block_stop,
    delta,
    ending,
    message_delta,
    message_start,
    message_stop,
    open_text,
    open_tool,
    partial,
    text_block,
    text_delta,
    thinking_block,
    tool_block,
)
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.requests.prompts import FIRST
from unbroken.core.seam.anchor import Anchor, choose_anchor
from unbroken.core.seam.ending import Ending
from unbroken.core.seam.instruction import Instruction
from unbroken.core.seam.seam import Form, Seam
from unbroken.core.splicing.splicer import Splicer
from unbroken.core.wire.decoded import Event

SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog."
LIVE = frozenset({"text", "thinking"})


class Reader:
    """What the reader of the stream was given, through a splicer whose attempts the test feeds."""

    def __init__(self, *, live: Iterable[str] = LIVE, stop_sequences: Sequence[str] = ()) -> None:
        self.splicer = Splicer(live=frozenset(live), stop_sequences=stop_sequences)
        self.events: list[Event] = []

    def attempt(
        self,
        *events: Event,
        seam: Seam | None = None,
        own: bool = True,
        is_document: Callable[[str], bool] | None = None,
    ) -> list[Event]:
        """An attempt that brings these events and no more; what the reader got of it."""
        kept = deepcopy(events)
        new = self.splicer.begin(seam, own=own, is_document=is_document)
        for event in events:
            new += self.splicer.feed(event)
        assert list(events) == list(kept), "the events of an attempt are left as they are"
        self.events += new
        return new

    def resume(
        self,
        *events: Event,
        form: Form = "continue",
        whole: bool = False,
        is_document: Callable[[str], bool] | None = None,
    ) -> list[Event]:
        """The attempt before this one dies, and the rest is asked for in that form."""
        self.splicer.abort()
        text = self.splicer.partial.trailing_text
        anchor = Anchor("", "", text) if form == "restart" else choose_anchor(text, whole=whole or form == "prefill")
        return self.attempt(*events, seam=Seam(text, anchor, form=form), is_document=is_document)

    def again(self, *events: Event, own: bool = True) -> list[Event]:
        """The attempt before this one dies, and the request is made afresh."""
        self.splicer.abort()
        return self.attempt(*events, own=own)

    @property
    def text(self) -> str:
        """The text that the reader was given, delta by delta."""
        return "".join(e["delta"].get("text", "") for e in self.events if e.get("type") == "content_block_delta")

    def skeleton(self) -> list[str]:
        """What the reader saw: `"+0 text"` opens a block, `"0 text_delta"` goes on, `"-0"` closes it."""
        return skeleton(self.events)


def skeleton(events: Iterable[Event]) -> list[str]:
    """The shape of some events; deltas of one kind in a row are one."""
    shape: list[str] = []
    for event in events:
        match event.get("type"):
            case "content_block_start":
                line = f"+{event['index']} {event['content_block']['type']}"
            case "content_block_delta":
                line = f"{event['index']} {event['delta']['type']}"
            case "content_block_stop":
                line = f"-{event['index']}"
            case other:
                line = str(other)
        if not (shape and shape[-1] == line and event.get("type") == "content_block_delta"):
            shape.append(line)
    return shape


def key_of(text: str) -> str:
    """What a model that goes on exactly where its turn was cut writes first: what we have already."""
    return choose_anchor(text).key


# -- one attempt

WHOLE = [
    message_start(),
    *thinking_block("Hm."),
    *text_block("Hello, ", "", "world.", index=1),
    *tool_block("{}", index=2),
    *ending(),
]


def test_an_attempt_that_does_not_die_passes_through() -> None:
    """Event by event, the very same."""
    reader = Reader()
    reader.attempt(*WHOLE)
    assert reader.events == WHOLE
    assert reader.splicer.joint is None


def test_message_start_waits_for_content() -> None:
    """So that a retry before it is invisible."""
    reader = Reader()
    assert reader.attempt(message_start("msg_1")) == []
    assert reader.splicer.partial.message is None
    reader.again(message_start("msg_2"), *open_text("Hi"))
    assert skeleton(reader.events) == ["message_start", "+0 text", "0 text_delta"]
    assert reader.events[0]["message"]["id"] == "msg_2"


def test_text_is_held_until_it_can_be_seen() -> None:
    """White space alone cannot be resumed from."""
    reader = Reader()
    assert reader.attempt(message_start(), *open_text("", "\n", " ")) == []
    assert reader.splicer.partial.message is None
    shown = [*reader.splicer.feed(text_delta(" x")), *reader.splicer.feed(text_delta(" "))]
    assert skeleton(shown) == ["message_start", "+0 text", "0 text_delta"]
    assert reader.splicer.partial.text == "\n  x "


def test_text_that_came_with_its_start_is_seen_at_once() -> None:
    """The API does not send it so; gateways do."""
    assert skeleton(Reader().attempt(message_start(), block_start(0, "text", text="Hi"))) == [
        "message_start",
        "+0 text",
    ]


def test_a_block_of_white_space_that_is_whole_is_the_models_own() -> None:
    """It stays, as the model wrote it."""
    reader = Reader()
    reader.attempt(message_start(), *text_block(" "), *text_block("Hi", index=1), *ending())
    assert [block["text"] for block in reader.splicer.partial.content] == [" ", "Hi"]


def test_an_answer_without_content_is_a_message() -> None:
    """A refusal, or a model that had nothing to say."""
    reader = Reader()
    reader.attempt(message_start(), *ending("refusal"))
    assert reader.skeleton() == ["message_start", "message_delta", "message_stop"]
    assert reader.splicer.trouble is None


def test_tool_input_is_held_until_its_block_is_whole() -> None:
    """Never half a call."""
    reader = Reader()
    assert skeleton(reader.attempt(message_start(), *open_tool('{"a', '": 1}'))) == []
    assert skeleton(reader.splicer.feed(block_stop())) == ["message_start", "+0 tool_use", "0 input_json_delta", "-0"]


def test_what_is_live_is_the_callers_choice() -> None:
    """Tool input as it grows, and no thinking before it is whole."""
    reader = Reader(live={"text", "tool_use"})
    assert reader.attempt(message_start(), *thinking_block("Hm.")[:-1]) == []
    assert skeleton(reader.splicer.feed(block_stop())) == [
        "message_start",
        "+0 thinking",
        "0 thinking_delta",
        "0 signature_delta",
        "-0",
    ]
    assert skeleton(reader.splicer.feed(block_start(1, "tool_use"))) == ["+1 tool_use"]


def test_events_of_unknown_types_keep_their_place() -> None:
    """Before the message they wait with it; in it they pass."""
    new: Event = {"type": "of_next_year"}
    nameless: Event = {"no": "type"}
    reader = Reader()
    assert reader.attempt(new, message_start(), nameless) == []
    reader.events += reader.splicer.feed(block_start(0, "text", text="Hi"))
    reader.events += reader.splicer.feed(new)
    assert reader.skeleton() == ["of_next_year", "message_start", "None", "+0 text", "of_next_year"]


def test_an_unknown_event_between_white_space_keeps_its_place_too() -> None:
    """It waits with the block that it came in."""
    new: Event = {"type": "of_next_year"}
    reader = Reader()
    reader.attempt(message_start(), *open_text(" "), new)
    assert reader.events == []
    reader.events += reader.splicer.feed(text_delta("Hi"))
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "of_next_year", "0 text_delta"]


@pytest.mark.parametrize(
    "event",
    [text_delta("?", 5), block_stop(5)],
    ids=["a delta", "a stop"],
)
@pytest.mark.parametrize("form", [None, "restart"], ids=["first attempt", "resume"])
def test_an_event_of_a_block_that_never_started_is_malformed(event: Event, form: Literal["restart"] | None) -> None:
    """Nobody could tell what it belongs to, and it is not delivered."""
    reader = Reader()
    reader.attempt(message_start(), *open_text("Hi"))
    if form is not None:
        reader.resume(message_start(), form=form)
    before = len(reader.events)
    reader.events += reader.splicer.feed(event)
    assert reader.splicer.trouble == "malformed"
    assert len(reader.events) == before


@pytest.mark.parametrize("event", [text_delta("?"), block_start(0, "text", text="")], ids=["a delta", "a block"])
def test_content_before_the_message_is_malformed(event: Event) -> None:
    reader = Reader()
    assert reader.attempt(event) == []
    assert reader.splicer.trouble == "malformed"


def test_a_stop_before_the_message_is_dropped() -> None:
    """Nothing depends on it."""
    reader = Reader()
    reader.attempt(block_stop(0), message_start(), *open_text("Hi"))
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta"]
    before = len(reader.events)
    reader.resume(block_stop(0), form="restart")
    assert reader.splicer.trouble is None
    assert len(reader.events) == before


@pytest.mark.parametrize(
    ("start", "acted"),
    [
        (block_start(0, "server_tool_use", name="code_execution"), True),
        (block_start(0, "server_tool_use", name="bash_code_execution"), True),
        (
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "mcp_tool_use", "name": "web_search"},
            },
            True,
        ),
        (block_start(0, "server_tool_use", name="web_search"), False),
        (block_start(0, "server_tool_use", name="web_fetch"), False),
        (block_start(0, "tool_use"), False),
        (block_start(0, "text"), False),
    ],
)
def test_whether_a_tool_on_the_servers_side_may_have_acted(start: Event, acted: bool) -> None:
    """Code execution and MCP may have; a search only looked, and the caller's own tools have not run yet.

    It stays known: what has acted has acted, whatever the next attempt does.
    """
    reader = Reader()
    reader.attempt(message_start(), start, *open_text("x", index=1))
    assert reader.splicer.acted is acted
    reader.again()
    assert reader.splicer.acted is acted


@pytest.mark.parametrize(
    ("type", "unknown"), [("hologram", True), ("compaction", False), ("new_tool_result", False), ("text", False)]
)
def test_whether_it_has_brought_a_block_of_a_type_that_nobody_knows(type: str, unknown: bool) -> None:
    """It is said as soon as the block begins, though it is held until it is whole; and it stays known."""
    reader = Reader()
    assert reader.attempt(message_start(), block_start(0, type)) == []
    assert reader.splicer.unknown is unknown
    reader.again()
    assert reader.splicer.unknown is unknown


def test_a_block_of_a_type_that_nobody_knows_passes_through() -> None:
    """While all goes well it is none of our business."""
    events = [
        message_start(),
        block_start(0, "hologram", width=3),
        block_stop(0),
        *text_block("Hi", index=1),
        *ending(),
    ]
    reader = Reader()
    reader.attempt(*events)
    assert reader.events == events


# -- text that goes on


def cut_then(
    held: str, continuation: Sequence[str], *, form: Form = "continue", whole: bool = False, closed: bool = False
) -> Reader:
    """A text that was cut, and a continuation that came in these pieces."""
    reader = Reader()
    reader.attempt(message_start("msg_1"), *(text_block(held) if closed else open_text(held)))
    reader.resume(message_start("msg_2"), *text_block(*continuation), *ending(), form=form, whole=whole)
    return reader


def pieces(text: str, size: int) -> list[str]:
    """The text in pieces of so many characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


JOINTS = [
    # what, held, the continuation after the key, form, the text
    ("in a word", "The quick brown fox jum", "ps over.", "prefill", "The quick brown fox jumps over."),
    ("at a space", "The quick brown fox ", "jumps over.", "prefill", "The quick brown fox jumps over."),
    ("a space written twice", "The quick brown fox ", " jumps over.", "prefill", "The quick brown fox jumps over."),
    (
        "a paragraph written twice",
        "The quick brown fox\n\n",
        "\n\n- jumps",
        "prefill",
        "The quick brown fox\n\n- jumps",
    ),
    ("a paragraph in halves", "The quick brown fox\n", "\n\n- jumps", "prefill", "The quick brown fox\n\n- jumps"),
    ("continued in a word", "The quick brown fox jum", "ps over.", "continue", "The quick brown fox jumps over."),
    (
        "continued at a space",
        "The quick brown fox jumps ",
        " over it.",
        "continue",
        "The quick brown fox jumps over it.",
    ),
    (
        "a space lost, continued",
        "The quick brown fox jumps ",
        "over it.",
        "continue",
        "The quick brown fox jumps over it.",
    ),
    (
        "a paragraph, continued",
        "The quick brown fox jumps\n\n",
        "\n\n- ov",
        "continue",
        "The quick brown fox jumps\n\n- ov",
    ),
]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(("held", "rest", "form", "text"), [row[1:] for row in JOINTS], ids=[row[0] for row in JOINTS])
def test_text_goes_on_in_the_same_block(held: str, rest: str, form: Form, text: str, size: int) -> None:
    """One message, one block, joined at the exact character, however the continuation was cut into deltas."""
    written = rest if form == "prefill" else key_of(held).rstrip() + rest
    reader = cut_then(held, pieces(written, size), form=form)
    assert reader.text == text
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]
    assert reader.events[0]["message"]["id"] == "msg_1"
    assert reader.splicer.partial.content == [{"type": "text", "text": text}]


@pytest.mark.parametrize("size", [1, 4, 100])
def test_what_the_model_repeats_is_cut(size: int) -> None:
    """The echo, a replay of everything, a lead-in, the quotation marks around what was quoted."""
    anchor = choose_anchor(SENTENCE)
    for head in (
        anchor.quote,
        SENTENCE,
        f"Sure, here is the rest:\n\n{anchor.quote}",
        f'"{anchor.quote}"',
        f"<last_words>{anchor.quote}</last_words>",
    ):
        reader = cut_then(SENTENCE, pieces(head + " Nor the fox.", size))
        assert reader.text == SENTENCE + " Nor the fox."
        joint = reader.splicer.joint
        assert joint is not None
        assert joint.result.verified
        assert joint.result.discarded == len(head)


@pytest.mark.parametrize("form", ["prefill", "continue", "restart"])
def test_a_turn_that_had_nothing_to_add_is_closed(form: Form) -> None:
    """The block gets its stop, once."""
    written = {"prefill": "", "continue": key_of(SENTENCE), "restart": SENTENCE}[form]
    for continuation in ([written], pieces(written, 3), [written, "\n"]):
        reader = cut_then(SENTENCE, continuation, form=form)
        assert reader.text.rstrip() == SENTENCE
        assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]


def test_a_model_that_says_no_word_more_had_nothing_to_add() -> None:
    """The message ends without a block, as a prefill of a whole answer may."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    reader.resume(message_start(), *ending(), form="prefill")
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]


def test_text_after_a_closed_block_opens_a_new_one() -> None:
    """What was closed is not opened again."""
    for size in (1, 100):
        reader = cut_then(SENTENCE, pieces(key_of(SENTENCE) + " Nor the fox.", size), closed=True)
        assert reader.text == SENTENCE + " Nor the fox."
        assert reader.skeleton() == [
            *("message_start", "+0 text", "0 text_delta", "-0"),
            *("+1 text", "1 text_delta", "-1", "message_delta", "message_stop"),
        ]


@pytest.mark.parametrize("form", ["prefill", "continue"])
@pytest.mark.parametrize("more", ["", "\n", " \n\n"])
def test_a_finished_turn_gets_no_empty_block(form: Form, more: str) -> None:
    """The turn proves to be finished; a block of white space would be nobody's."""
    written = ("" if form == "prefill" else key_of(SENTENCE)) + more
    for continuation in ([written], pieces(written, 1)):
        reader = cut_then(SENTENCE, continuation, form=form, closed=True)
        assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]
        assert len(reader.splicer.partial.blocks) == 1


def test_a_continuation_in_several_blocks() -> None:
    """Its head may be spread over them; after the joint each is a block of its own."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    echo = choose_anchor(SENTENCE).quote
    reader.resume(
        message_start(),
        *text_block(echo[:10]),
        *text_block(echo[10:] + " More.", index=1),
        *text_block("Another.", index=2),
        *ending(),
    )
    assert reader.text == SENTENCE + " More.Another."
    assert reader.skeleton()[1:] == [
        "+0 text",
        "0 text_delta",
        "-0",
        "+1 text",
        "1 text_delta",
        "-1",
        "message_delta",
        "message_stop",
    ]


def test_deltas_that_need_no_change_are_not_built_anew() -> None:
    """The hot path hands on what it was given."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    after = text_delta(" Nor the fox.")
    assert reader.resume(message_start(), *open_text(key_of(SENTENCE), " ?"), after)[-1] is after


# -- cut again and again


TEXTS = [
    SENTENCE,
    "ha ha ha ha ha ha. " * 3 + "End.",
    "# 狐狸\n\n- 一\n- 二\n\n```py\nx = 1\n```\n",
    "| a | a |\n|---|---|\n| 1 | 1 |\n| 1 | 1 |\n",
    "family: 👩‍👩‍👧, flag: 🇳🇴🇳🇴, नमस्ते, مرحبا بالعالم",
]


@given(
    st.sampled_from(TEXTS), st.integers(1, 9), st.sampled_from([(), ("dogma", "ha. he", "``` ", "| 1 | 2")]), st.data()
)
def test_cut_anywhere_any_number_of_times_it_is_the_same_text(
    text: str, size: int, stops: tuple[str, ...], data: st.DataObject
) -> None:
    """A model that goes on exactly, after an echo or from the start, in deltas of any size."""
    reader = Reader(stop_sequences=stops)
    reader.attempt(message_start(), *open_text(*pieces(text[: data.draw(st.integers(0, len(text)))], size)))
    for _ in range(data.draw(st.integers(0, 4))):
        held = reader.splicer.partial.trailing_text
        if not held.strip():
            reader.again(message_start(), *open_text(*pieces(text[: data.draw(st.integers(0, len(text)))], size)))
            continue
        form: Form = data.draw(st.sampled_from(["prefill", "continue", "restart"]))
        anchor = choose_anchor(held, whole=form == "prefill")
        goes_on = {
            "prefill": [len(anchor.sent)],
            "continue": [len(anchor.sent), len(anchor.sent) - len(anchor.echo), 0],
            "restart": [0],
        }[form]
        start = data.draw(st.sampled_from(goes_on))
        written = text[start : data.draw(st.integers(start, len(text)))]
        reader.resume(message_start(), *open_text(*pieces(written, size)), form=form)
        assert text.startswith(reader.splicer.partial.text)
        assert reader.splicer.trouble is None
    last = [message_start(), *text_block(*pieces(text, size)), *ending()]
    if reader.splicer.partial.text:
        reader.resume(*last, form="restart")
    else:
        reader.again(*last)
    assert reader.text == text == reader.splicer.partial.text
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]


def test_a_continuation_that_is_cut_before_its_joint_brought_nothing() -> None:
    """And the next one starts from the same text."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    echo = choose_anchor(SENTENCE, whole=True).quote
    assert reader.resume(message_start(), *open_text(echo[:8]), whole=True) == []
    reader.resume(message_start(), *text_block(echo + " More."), *ending(), whole=True)
    assert reader.text == SENTENCE + " More."


# -- what matches nothing, and what is refused


def test_a_continuation_that_matches_nothing_is_trouble() -> None:
    """Nothing of it is delivered, until it is joined as it is."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    other = "Once upon a time there lived a hedgehog in the woods who had no friends at all but a very old owl, and"
    assert reader.resume(message_start(), *open_text(other, " so on."), block_stop(), *ending()) == []
    assert reader.splicer.trouble == "unmatched"
    reader.events += reader.splicer.join_unverified()
    assert reader.splicer.trouble is None
    assert reader.text == SENTENCE + other + " so on."
    assert reader.skeleton()[-3:] == ["-0", "message_delta", "message_stop"]
    joint = reader.splicer.joint
    assert joint is not None
    assert not joint.result.verified


def test_one_that_ends_before_it_matches_is_trouble_at_its_end() -> None:
    """Too short to be told from an answer of its own."""
    for events in (
        [*text_block("No."), *ending()],
        [*text_block("No."), *tool_block("{}", index=1), *ending("tool_use")],
    ):
        reader = Reader()
        reader.attempt(message_start(), *open_text(SENTENCE))
        assert reader.resume(message_start(), *events) == []
        assert reader.splicer.trouble == "unmatched"
        reader.events += reader.splicer.join_unverified()
        assert reader.splicer.trouble is None
        assert reader.text == SENTENCE + "No."
        assert reader.splicer.partial.stopped
        assert [event["index"] for event in reader.events if event["type"] == "content_block_stop"] == list(
            range(len(reader.splicer.partial.blocks))
        )


@pytest.mark.parametrize("more", [[], [text_delta(" and that is the end.")]])
def test_what_was_joined_unverified_goes_on(more: list[Event]) -> None:
    """Also when the stream has not ended yet."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    other = "Once upon a time there lived a hedgehog in the woods who had no friends at all but a very old owl, and"
    reader.resume(message_start(), *open_text(other))
    reader.events += reader.splicer.join_unverified()
    for event in [*more, block_stop(), *ending()]:
        reader.events += reader.splicer.feed(event)
    assert reader.text == SENTENCE + other + "".join(event["delta"]["text"] for event in more)
    assert reader.skeleton()[1:] == ["+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]


@pytest.mark.parametrize("form", ["prefill", "continue"])
def test_a_refusal_is_never_joined(form: Form) -> None:
    """With words or without: a continuation that ends as refused before its joint is another model's turn to write."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    words = text_block("I can't help with that.") if form == "continue" else []
    assert reader.resume(message_start(), *words, message_delta("refusal"), message_stop(), form=form) == []
    assert reader.splicer.trouble == "refused"


def test_a_refusal_after_the_joint_is_the_messages_own_end() -> None:
    """What was delivered is never taken back."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    reader.resume(message_start(), *text_block(key_of(SENTENCE) + " More."), *ending("refusal"))
    assert reader.splicer.trouble is None
    assert reader.text == SENTENCE + " More."
    assert reader.splicer.partial.stop_reason == "refusal"


# -- thinking


def test_a_whole_thought_is_kept_and_the_next_attempts_own_is_left_out() -> None:
    """Two thoughts before one text would be two models' minds."""
    reader = Reader()
    reader.attempt(message_start(), *thinking_block("Hm."))
    reader.again(message_start(), *thinking_block("Well."), *text_block("Hello.", index=1), *ending())
    assert reader.splicer.partial.content == [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "text", "text": "Hello."},
    ]
    assert reader.splicer.abandoned == []


def test_an_abandoned_thought_gets_its_stop_and_is_left_out_of_the_message() -> None:
    """The next attempt's thinking is the message's."""
    reader = Reader()
    reader.attempt(message_start(), block_start(0, "thinking"), delta(0, "thinking_delta", "H"))
    reader.again(message_start(), *thinking_block("Well."), *text_block("Hello.", index=1), *ending())
    assert reader.skeleton()[:6] == [
        "message_start",
        "+0 thinking",
        "0 thinking_delta",
        "-0",
        "+1 thinking",
        "1 thinking_delta",
    ]
    assert reader.splicer.abandoned == ["thinking"]
    assert [block["type"] for block in reader.splicer.partial.content] == ["thinking", "text"]
    assert reader.splicer.partial.content[0]["thinking"] == "Well."


def test_the_thinking_of_a_resume_is_left_out() -> None:
    """It is about going on, and its block would stand in the middle of a text."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    thought = [*thinking_block("The user's connection dropped."), block_start(1, "redacted_thinking"), block_stop(1)]
    reader.resume(
        message_start(),
        *thought,
        *text_block(key_of(SENTENCE) + " More.", index=2),
        *thinking_block(index=3),
        *ending(),
    )
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]
    assert reader.text == SENTENCE + " More."


# -- tools


def test_the_thinking_of_another_model_is_left_out() -> None:
    """The message names the model that opened it, which cannot read it; the text is taken."""
    reader = Reader()
    reader.attempt(message_start("msg_1"))
    reader.again(message_start("msg_2"), *thinking_block("Hm."), *text_block("Hi", index=1), *ending(), own=False)
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0", "message_delta", "message_stop"]


def test_half_a_call_is_dropped_without_a_trace() -> None:
    """It was never delivered; the text before it goes on."""
    reader = Reader()
    reader.attempt(
        message_start(), *open_text("Let me look at the weather in Oslo."), block_stop(), *open_tool('{"city', index=1)
    )
    reader.resume(
        message_start(),
        *text_block(key_of("Let me look at the weather in Oslo.")),
        *tool_block('{"city": "Oslo"}', index=1),
        *ending("tool_use"),
    )
    assert reader.skeleton()[1:] == [
        *("+0 text", "0 text_delta", "-0"),
        *("+1 tool_use", "1 input_json_delta", "-1", "message_delta", "message_stop"),
    ]
    assert reader.splicer.abandoned == []


def test_a_live_call_that_is_abandoned_never_gets_its_stop() -> None:
    """Nobody may take it for whole; its index stays taken."""
    reader = Reader(live={"text", "tool_use"})
    reader.attempt(message_start(), *text_block(SENTENCE), *open_tool('{"city', index=1))
    reader.resume(
        message_start(), *text_block(key_of(SENTENCE)), *tool_block('{"city": "Oslo"}', index=1), *ending("tool_use")
    )
    assert reader.skeleton()[1:] == [
        *("+0 text", "0 text_delta", "-0", "+1 tool_use", "1 input_json_delta"),
        *("+2 tool_use", "2 input_json_delta", "-2", "message_delta", "message_stop"),
    ]
    assert reader.splicer.abandoned == ["tool_use"]
    assert [block["type"] for block in reader.splicer.partial.content] == ["text", "tool_use"]


@pytest.mark.parametrize("live", [LIVE, {"text", "tool_use"}])
def test_a_call_after_the_text_closes_the_text(live: set[str]) -> None:
    """The model goes on with a call instead of words; the open block gets its stop before the next begins."""
    reader = Reader(live=live)
    reader.attempt(message_start(), *open_text(SENTENCE))
    reader.resume(message_start(), *text_block(key_of(SENTENCE)), *tool_block("{}", index=1), *ending("tool_use"))
    assert reader.skeleton()[2:] == [
        "0 text_delta",
        "-0",
        "+1 tool_use",
        "1 input_json_delta",
        "-1",
        "message_delta",
        "message_stop",
    ]
    reader = Reader(live=live)
    reader.attempt(message_start(), *open_text(SENTENCE))
    reader.resume(message_start(), *tool_block("{}"), *ending("tool_use"), form="prefill")
    assert reader.skeleton()[2:] == [
        "0 text_delta",
        "-0",
        "+1 tool_use",
        "1 input_json_delta",
        "-1",
        "message_delta",
        "message_stop",
    ]


# -- the end, by ourselves


def test_message_stop_is_supplied() -> None:
    """When the stop reason was seen and the connection broke before the last event."""
    reader = Reader()
    reader.attempt(message_start(), *text_block("Hi"), message_delta())
    reader.splicer.abort()
    assert reader.splicer.finish() == [message_stop()]
    assert reader.splicer.partial.complete


@pytest.mark.parametrize(
    "tail",
    [[], open_tool("{", index=1), open_text("And", index=1), open_text(" ", index=1), thinking_block(index=1)[:2]],
)
def test_whole_calls_finish_the_turn(tail: list[Event]) -> None:
    """Whatever was unfinished after them: the caller runs the tools."""
    reader = Reader()
    reader.attempt(message_start(output_tokens=1), *tool_block('{"city": "Oslo"}'), *tail)
    reader.splicer.abort()
    reader.events += reader.splicer.finish(as_tool_use=True)
    held = reader.splicer.partial
    assert (held.stop_reason, held.stopped) == ("tool_use", True)
    assert held.usage["output_tokens"] == len('{"city": "Oslo"}And' if held.text else '{"city": "Oslo"}') // 5
    assert held.content[0]["input"] == {"city": "Oslo"}
    starts = [event["index"] for event in reader.events if event["type"] == "content_block_start"]
    stops = [event["index"] for event in reader.events if event["type"] == "content_block_stop"]
    assert starts == stops, "every block that was delivered has its stop"


# -- usage


def test_usage_is_that_of_the_message() -> None:
    """Input: the attempt that opened it. Output: what was delivered, estimated for the part that was cut."""
    reader = Reader()
    reader.attempt(message_start(input_tokens=100, cache_read_input_tokens=50, output_tokens=1), *open_text("x" * 500))
    reader.resume(
        message_start(input_tokens=999, output_tokens=1),
        *text_block("y" * 20),
        *ending(input_tokens=999, cache_read_input_tokens=9, cache_creation_input_tokens=9, output_tokens=7),
        form="prefill",
    )
    assert reader.splicer.partial.usage == {"input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 107}


def test_what_the_seam_cut_is_not_counted() -> None:
    """The model wrote it twice, the reader has it once: four characters a token."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    reader.resume(message_start(), *text_block(SENTENCE + " More."), *ending(output_tokens=30), form="restart")
    assert reader.splicer.partial.usage["output_tokens"] == len(SENTENCE) // 5 + 30 - len(SENTENCE) // 4


@pytest.mark.parametrize("usage", [None, {}, {"output_tokens": None}, {"output_tokens": 0}])
def test_usage_that_is_missing_is_one_token_at_least(usage: Any) -> None:
    """The SDK's types want a number."""
    end = message_delta()
    end["usage"] = usage
    reader = Reader()
    reader.attempt(message_start(), *open_text("Hi"))
    reader.resume(message_start(), *text_block("Hi"), end, message_stop(), form="restart")
    assert reader.splicer.partial.usage["output_tokens"] == 1


# -- stop sequences


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_head_of_a_stop_sequence_is_held_until_it_is_decided(size: int) -> None:
    """Whatever the deltas, the reader gets all of the text and nothing that might have to be taken back."""
    text = "E EN ENX <|sto <|stop x END"[:-1]  # the API never sends the whole of a stop sequence
    reader = Reader(stop_sequences=["END", "<|stop|>"])
    reader.attempt(message_start(), *open_text(*pieces(text, size)))
    assert reader.text == text.removesuffix("EN"), "the last letters may be the first of one"
    reader.events += reader.splicer.feed(block_stop())
    assert reader.text == text
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0"]


def test_the_longest_head_counts() -> None:
    """One sequence may begin inside another."""
    reader = Reader(stop_sequences=["bcd", "abce"])
    reader.attempt(message_start(), *open_text("xabc"))
    assert reader.text == "x"
    reader.events += reader.splicer.feed(text_delta("f"))
    assert reader.text == "xabcf"


def test_a_text_that_may_be_a_stop_sequence_from_its_first_letter_is_held_whole() -> None:
    """Its block too, until it can be seen."""
    reader = Reader(stop_sequences=["STOP"])
    assert reader.attempt(message_start(), *open_text("ST")) == []
    reader.events += reader.splicer.feed(block_stop())
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "-0"]
    assert reader.text == "ST"


def test_a_stop_sequence_that_the_cut_halves_still_stops_at_its_first_character() -> None:
    """Its head was held back, so the resume writes it anew, and the API sees it whole."""
    reader = Reader(stop_sequences=["END"])
    reader.attempt(message_start(), *open_text(SENTENCE + " EN"))
    assert reader.splicer.partial.text == SENTENCE + " "
    reader.resume(message_start(), *text_block(key_of(SENTENCE + " ")), *ending("stop_sequence"))
    assert reader.text == SENTENCE + " "
    assert reader.splicer.partial.stop_reason == "stop_sequence"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_stop_sequences_are_held_back_on_every_attempt(size: int) -> None:
    """In the middle of a continuation as at the start of an answer; a citation settles what is before it."""
    reader = Reader(stop_sequences=["END"])
    reader.attempt(message_start(), *open_text(SENTENCE))
    reader.resume(message_start(), *open_text(*pieces(key_of(SENTENCE) + " The E", size)))
    assert reader.text == SENTENCE + " The "
    reader.events += reader.splicer.feed(delta(0, "citations_delta", {}))
    assert reader.text == SENTENCE + " The E"


def test_white_space_may_be_part_of_a_stop_sequence() -> None:
    """ "\\n\\nHuman:" is the oldest of them."""
    reader = Reader(stop_sequences=["\n\nHuman:"])
    reader.attempt(message_start(), *open_text("Hello.", "\n", "\n"))
    assert reader.text == "Hello."
    reader.events += reader.splicer.feed(text_delta("Goodbye."))
    assert reader.text == "Hello.\n\nGoodbye."


# -- whatever happens

BLOCKS = st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking", "server_tool_use", "hologram"])


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """A whole answer of some blocks."""
    events = [message_start()]
    for index, kind in enumerate(draw(st.lists(BLOCKS, max_size=4))):
        words = draw(st.lists(st.sampled_from(["", " ", "\n", "Hello ", "the dog. ", "E", "N"]), max_size=4))
        match kind:
            case "text":
                events += text_block(*words, index=index)
            case "thinking":
                events += thinking_block(*words, index=index)
            case "redacted_thinking" | "hologram":
                events += [block_start(index, kind), block_stop(index)]
            case _:
                events += tool_block("{", "}", index=index, type=kind)
    return [*events, *ending()]


@given(
    st.lists(
        st.tuples(answers(), st.integers(0, 30), st.sampled_from([None, "prefill", "continue", "restart"])), max_size=5
    ),
    st.sampled_from([LIVE, frozenset({"text", "thinking", "tool_use", "server_tool_use"})]),
    st.sampled_from([(), ("END",)]),
)
def test_whatever_the_attempts_bring_the_reader_gets_one_message(
    attempts: list[tuple[list[Event], int, Form | None]], live: frozenset[str], stops: tuple[str, ...]
) -> None:
    """One start first, one stop last, indices that only grow, deltas and stops for open blocks alone."""
    reader = Reader(live=live, stop_sequences=stops)
    for events, cut, form in attempts:
        held = reader.splicer.partial
        if held.complete:
            break
        if form is None or not held.trailing_text.strip():
            reader.again(*events[:cut])
        else:
            reader.resume(*events[:cut], form=form)
        if reader.splicer.trouble == "unmatched":
            reader.events += reader.splicer.join_unverified()
    if not reader.events:
        return
    types = [event["type"] for event in reader.events]
    assert types.count("message_start") == 1
    assert types[0] == "message_start"
    assert "message_stop" not in types[:-1]
    opened: list[int] = []
    closed: list[int] = []
    for event in reader.events:
        match event["type"]:
            case "content_block_start":
                opened.append(event["index"])
            case "content_block_delta":
                assert event["index"] == opened[-1]
                assert event["index"] not in closed
            case "content_block_stop":
                assert event["index"] == opened[-1]
                closed.append(event["index"])
    assert opened == list(range(len(opened)))
    assert closed == sorted(set(closed))
    held = reader.splicer.partial
    # What was given up behind whole calls is no part of the message, but of what was delivered.
    delivered = "".join(block.text for block in held.blocks if block.type == "text")
    assert held.blocks == [] or partial(*reader.events).text == delivered


# -- citations


@pytest.mark.parametrize("live", [LIVE, set[str]()], ids=["live", "held"])
@pytest.mark.parametrize("whole_words", [False, True], ids=["at once", "whole words"])
def test_a_new_block_has_all_of_its_text_however_it_is_delivered(live: set[str], whole_words: bool) -> None:
    """Behind a block that was whole the text goes on in another; that it is held makes it no blank one."""
    reader = Reader(live=live)
    reader.splicer = Splicer(live=live, whole_words=whole_words)
    reader.attempt(message_start(), *text_block(SENTENCE))
    rest = text_block(key_of(SENTENCE), " So the dog slept")
    reader.resume(message_start("msg_2"), *rest, *text_block(" on.", index=1), *tool_block("{}", index=2), *ending())
    assert reader.text == SENTENCE + " So the dog slept on."
    assert reader.splicer.partial.text == reader.text


@pytest.mark.parametrize("live", [LIVE, set[str]()], ids=["live", "held"])
@pytest.mark.parametrize("whole_words", [False, True], ids=["at once", "whole words"])
def test_a_word_that_is_joined_as_it_is_counts_as_one_however_it_is_delivered(
    live: set[str], whole_words: bool
) -> None:
    """That it may go on, or is not shown yet, makes the turn no silent one."""
    reader = Reader(live=live)
    reader.splicer = Splicer(live=live, whole_words=whole_words)
    reader.attempt(message_start(), *text_block(SENTENCE))
    reader.resume(message_start("msg_2"), *text_block("Bananas"), *ending())
    assert reader.splicer.trouble == "unmatched"
    reader.events += reader.splicer.join_unverified()
    assert reader.splicer.trouble is None
    assert reader.text == SENTENCE + "Bananas"
    assert reader.skeleton()[-5:] == ["+1 text", "1 text_delta", "-1", "message_delta", "message_stop"]


@pytest.mark.parametrize("live", [LIVE, set[str]()], ids=["live", "held"])
def test_a_blank_block_waits_for_what_follows_however_it_is_delivered(live: set[str]) -> None:
    """White space alone cannot be resumed from."""
    reader = Reader(live=live)
    assert reader.attempt(message_start(), *text_block("\n", " ")) == []
    reader.again(message_start(), *text_block("\n"), *text_block("Hi", index=1), *ending())
    assert reader.events == [message_start(), *text_block("\n"), *text_block("Hi", index=1), *ending()]


@pytest.mark.parametrize("live", [LIVE, set[str]()], ids=["live", "held"])
@pytest.mark.parametrize("blanks", [["\n"], ["", " "]])
def test_a_refusal_behind_nothing_but_white_space_is_none_of_the_answers(live: set[str], blanks: list[str]) -> None:
    """In the text that is gone on with, or in a block of its own."""
    reader = Reader(live=live)
    reader.attempt(message_start(), *text_block(SENTENCE))
    blocks = [each for at, blank in enumerate(blanks) for each in text_block(blank, index=at + 1)]
    reader.resume(message_start("msg_2"), *text_block(key_of(SENTENCE)), *blocks, *ending("refusal"))
    assert reader.splicer.trouble == "refused"
    assert reader.splicer.partial.text == SENTENCE


@pytest.mark.parametrize("size", [1, 5, 1_000])
@pytest.mark.parametrize("found_out_at", ["the text", "the end"])
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_what_is_joined_as_it_is_comes_with_its_last_words(size: int, found_out_at: str, closed: bool) -> None:
    """They could have begun the instruction, and white space could have stood before it, until the text was over."""
    asked = FIRST.text.replace("{echo}", SENTENCE)
    said = "Lighthouses are built of stone. " * (4 if found_out_at == "the text" else 1) + "Begin with these\n"
    reader = Reader()
    reader.attempt(message_start(), *(text_block(SENTENCE) if closed else open_text(SENTENCE)))
    reader.splicer.abort()
    seam = Seam(
        SENTENCE,
        choose_anchor(SENTENCE),
        form="continue",
        instruction=Instruction.of(asked, SENTENCE, lambda words: False),
    )
    reader.events += reader.splicer.begin(seam)
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    for event in [message_start("msg_2"), *text_block(*pieces), *ending()]:
        reader.events += reader.splicer.feed(event)
        if reader.splicer.trouble == "unmatched":
            assert (event["type"] == "message_delta") is (found_out_at == "the end")
            reader.events += reader.splicer.join_unverified()
    assert reader.splicer.trouble is None
    assert reader.text == SENTENCE + said
    assert reader.skeleton()[-3:] == [f"-{int(closed)}", "message_delta", "message_stop"]


FOX = {"type": "char_location", "cited_text": "fox"}
DOG = {"type": "char_location", "cited_text": "dog"}


def cites(citation: dict[str, Any], index: int = 0) -> Event:
    """A citation of what the block has said."""
    return delta(index, "citations_delta", citation)


def test_citations_before_the_joint_wait_for_it() -> None:
    """The block that they belong to is not known before."""
    key = key_of(SENTENCE)
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    assert reader.resume(message_start(), block_start(0, "text"), text_delta(key[:2]), cites(FOX)) == []
    reader.events += reader.splicer.feed(text_delta(key[2:] + " Nor the fox."))
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "0 citations_delta"]
    assert reader.text == SENTENCE + " Nor the fox."
    assert reader.splicer.partial.blocks[0].citations == [FOX]


def test_what_was_cited_already_is_not_cited_twice() -> None:
    """A model that writes the end of a text again cites it again; what is new goes on, and a new block is its own."""
    key = key_of(SENTENCE)
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE), cites(FOX))
    first = [block_start(0, "text"), text_delta(key), cites(FOX), text_delta(" Nor the cat."), cites(DOG), cites(FOX)]
    second = [block_start(1, "text"), text_delta("The end.", 1), cites(FOX, 1), block_stop(1)]
    reader.resume(message_start(), *first, block_stop(0), *second, *ending())
    assert [block.citations for block in reader.splicer.partial.blocks] == [[FOX, DOG], [FOX]]
    assert reader.text == SENTENCE + " Nor the cat.The end."


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize(
    ("form", "whole", "said"), [("continue", False, key_of(SENTENCE)), ("continue", True, ""), ("prefill", True, "")]
)
def test_the_citations_of_a_turn_that_had_no_more_to_say(form: Form, whole: bool, said: str, closed: bool) -> None:
    """They go into the block that was open; a block that was closed has its own, and no empty one is made for them."""
    reader = Reader()
    reader.attempt(message_start(), *(text_block(SENTENCE) if closed else open_text(SENTENCE)))
    rest = [block_start(0, "text"), text_delta(said), cites(FOX), block_stop(0)]
    reader.resume(message_start(), *rest, *ending(), form=form, whole=whole)
    assert [block.citations for block in reader.splicer.partial.blocks] == [[] if closed else [FOX]]
    assert reader.skeleton()[-3:] == ["-0", "message_delta", "message_stop"]


def test_an_echo_may_take_several_blocks_and_cite_again() -> None:
    """The end of a cited block is no end of the continuation, as long as all of it has been said before."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE), cites(FOX))
    key, half = key_of(SENTENCE), len(key_of(SENTENCE)) // 2
    echo = [block_start(0, "text"), text_delta(key[:half]), cites(FOX), block_stop(0)]
    assert reader.resume(message_start(), *echo) == []
    reader.events += reader.splicer.feed(block_start(1, "text"))
    reader.events += reader.splicer.feed(text_delta(key[half:] + " Nor the cat.", 1))
    assert (reader.splicer.trouble, reader.text) == (None, SENTENCE + " Nor the cat.")
    assert reader.splicer.partial.blocks[0].citations == [FOX]


def test_a_citation_before_its_text_can_be_seen_keeps_its_place() -> None:
    """A block of white space alone is not shown, and so not its citation."""
    reader = Reader()
    assert reader.attempt(message_start(), *open_text("\n"), cites(FOX)) == []
    reader.events += reader.splicer.feed(text_delta("Hi"))
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "0 citations_delta", "0 text_delta"]


def test_a_citation_does_not_overtake_the_head_of_a_stop_sequence() -> None:
    """What it cites came before it."""
    reader = Reader(stop_sequences=["END"])
    reader.attempt(message_start(), *open_text("The E"), cites(FOX), text_delta("ND"))
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta", "0 citations_delta", "0 text_delta"]
    assert [event["delta"].get("text") for event in reader.events[2:]] == ["The ", "E", None, "ND"]


# -- documents

DOCUMENT = json.dumps({"said": SENTENCE, "by": "nobody"})
HEAD, TAIL = DOCUMENT[:70], DOCUMENT[70:]


def is_json(text: str) -> bool:
    """Whether the text is one JSON document."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def begun() -> Reader:
    """A document that was cut."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(HEAD))
    return reader


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence"])
def test_a_document_that_is_gone_on_with_is_held_until_it_is_whole(stop_reason: str) -> None:
    """It was gone on with without its constraint, so nothing of it is sure before its end."""
    reader = begun()
    rest = text_block(key_of(HEAD), TAIL)
    assert reader.resume(message_start(), *rest, message_delta(None), is_document=is_json) == []
    reader.events += reader.splicer.feed(message_delta(stop_reason))
    reader.events += reader.splicer.feed(message_stop())
    assert reader.splicer.trouble is None
    assert reader.text == DOCUMENT
    assert reader.skeleton()[-4:] == ["-0", "message_delta", "message_delta", "message_stop"]


def test_what_is_no_document_is_thrown_away_and_begun_anew() -> None:
    """Not a character of it was delivered; the new one has to replay what was."""
    reader = begun()
    assert (
        reader.resume(message_start(), *text_block(key_of(HEAD), "... and so on."), *ending(), is_document=is_json)
        == []
    )
    assert reader.splicer.trouble == "invalid"
    assert reader.text == HEAD
    joint = reader.splicer.joint
    assert joint is not None
    assert joint.result.kind == "open", "it was tried without the seam that is told of"
    reader.resume(message_start(), *text_block(DOCUMENT), *ending(), form="restart")
    assert reader.text == DOCUMENT


def test_a_document_that_is_cut_again_is_forgotten() -> None:
    """The part that was held is asked for once more."""
    reader = begun()
    assert reader.resume(message_start(), *open_text(key_of(HEAD), TAIL[:5]), is_document=is_json) == []
    reader.resume(message_start(), *text_block(key_of(HEAD), TAIL), *ending(), is_document=is_json)
    assert reader.text == DOCUMENT


def test_a_document_that_ran_away_until_the_tokens_were_spent_is_none() -> None:
    """It was made without the constraint, which alone would have ended it in time."""
    reader = begun()
    reader.resume(message_start(), *text_block(key_of(HEAD), TAIL[:5]), *ending("max_tokens"), is_document=is_json)
    assert reader.splicer.trouble == "invalid"
    assert reader.text == HEAD


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "half"])
def test_a_document_of_which_nobody_says_why_it_ends_is_known_by_its_text(is_whole: bool) -> None:
    """It was written without the constraint, whoever leaves out the reason."""
    reader = begun()
    tail = TAIL if is_whole else TAIL[:5]
    reader.resume(message_start(), *text_block(key_of(HEAD), tail), message_stop(), is_document=is_json)
    assert reader.splicer.trouble == (None if is_whole else "invalid")
    assert reader.text == (DOCUMENT if is_whole else HEAD)
    assert reader.splicer.partial.stopped is is_whole


def test_a_document_that_matches_nothing_is_unmatched_before_it_is_invalid() -> None:
    """Whether it is one cannot be said of what was not joined."""
    reader = begun()
    reader.resume(message_start(), *text_block("I am sorry, but I cannot."), *ending(), is_document=is_json)
    assert reader.splicer.trouble == "unmatched"


def test_a_refusal_to_go_on_with_a_document_is_a_refusal() -> None:
    """It is told as that of any other answer."""
    reader = begun()
    reader.resume(message_start(), *ending("refusal"), is_document=is_json)
    assert reader.splicer.trouble == "refused"


# -- tools that run on the server

PAIR = [*tool_block("{}", type="server_tool_use"), block_start(1, "web_search_tool_result"), block_stop(1)]


@pytest.mark.parametrize("cut", range(1, len(PAIR)))
def test_a_call_without_its_result_is_not_delivered(cut: int) -> None:
    """So that it is there once when the model makes it anew."""
    reader = Reader()
    assert reader.attempt(message_start(), *PAIR[:cut]) == []
    reader.again(message_start(), *PAIR, *text_block("So.", index=2), *ending())
    assert [block["type"] for block in reader.splicer.partial.content] == [
        "server_tool_use",
        "web_search_tool_result",
        "text",
    ]
    assert reader.splicer.abandoned == []


def test_a_live_call_whose_result_never_came_is_given_up() -> None:
    """It was delivered, so it keeps its index; it is no part of the message, and the model makes it anew."""
    reader = Reader(live={*LIVE, "server_tool_use"})
    reader.attempt(message_start(), *PAIR[:3])
    assert reader.skeleton() == ["message_start", "+0 server_tool_use", "0 input_json_delta", "-0"]
    reader.again(message_start(), *PAIR, *ending())
    assert reader.splicer.abandoned == ["server_tool_use"]
    assert [block.abandoned for block in reader.splicer.partial.blocks] == [True, False, False]
    assert [block["type"] for block in reader.splicer.partial.content] == ["server_tool_use", "web_search_tool_result"]


def test_a_live_call_can_be_given_up_before_the_next_attempt() -> None:
    """What it was in the way of is gone on with: the request for the rest is composed without it."""
    reader = Reader(live={*LIVE, "server_tool_use"})
    reader.attempt(message_start(), *text_block(SENTENCE), *tool_block("{}", index=1, type="server_tool_use"))
    reader.splicer.abort()
    assert reader.splicer.partial.trailing_text == ""
    reader.splicer.abandon_orphans()
    assert reader.splicer.partial.trailing_text == SENTENCE
    reader.resume(message_start(), *open_text(key_of(SENTENCE), " Nor the fox."))
    assert reader.text == SENTENCE + " Nor the fox."
    assert reader.splicer.abandoned == ["server_tool_use"], "it is told once"


@pytest.mark.parametrize(
    "more", [tool_block("{}", index=1), [message_delta("pause_turn")]], ids=["the caller's call", "pause_turn"]
)
def test_a_call_whose_result_comes_in_another_message_is_kept(more: list[Event]) -> None:
    """The caller's turn, or a pause, comes between the two."""
    reader = Reader(live={*LIVE, "server_tool_use"})
    reader.attempt(message_start(), *PAIR[:3], *more)
    reader.splicer.abandon_orphans()
    assert reader.splicer.abandoned == []
    assert reader.splicer.partial.content[0]["type"] == "server_tool_use"


def test_the_text_after_a_pair_is_a_block_of_its_own() -> None:
    """There is nothing to join, so there is no seam."""
    reader = Reader()
    reader.attempt(message_start(), *PAIR)
    reader.again(message_start(), *thinking_block("Hm."), *text_block("So.", index=1), *ending(), own=False)
    assert reader.skeleton()[-5:] == ["+2 text", "2 text_delta", "-2", "message_delta", "message_stop"]


# -- ends that are none, and ends without their counts


def test_counts_on_the_way_end_nothing() -> None:
    """A `message_delta` without a stop reason is passed on, but for one whose place is not known yet."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE), message_delta(None, output_tokens=3))
    assert reader.skeleton()[-1] == "message_delta"
    assert reader.splicer.partial.open_block is not None
    before = len(reader.events)
    reader.resume(message_start(), message_delta(None, output_tokens=3), *open_text(key_of(SENTENCE) + " More."))
    assert skeleton(reader.events[before:]) == ["0 text_delta"]
    reader.events += reader.splicer.feed(message_delta(None, output_tokens=9))
    assert reader.skeleton()[-1] == "message_delta"
    assert reader.splicer.partial.stop_reason is None


def test_a_continuation_that_ends_without_counts_is_joined_all_the_same() -> None:
    """Its `message_stop` is its end."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    reader.resume(message_start(), *open_text(key_of(SENTENCE) + " More."), message_stop())
    assert reader.text == SENTENCE + " More."
    assert reader.skeleton()[-2:] == ["-0", "message_stop"]


def test_a_continuation_that_matches_nothing_and_ends_without_counts_is_unmatched() -> None:
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    assert reader.resume(message_start(), *open_text("Other"), message_stop()) == []
    assert reader.splicer.trouble == "unmatched"
    reader.events += reader.splicer.join_unverified()
    assert reader.text == SENTENCE + "Other"
    assert reader.splicer.partial.stopped


def test_a_long_head_that_matches_nothing_is_not_waited_out() -> None:
    """The splicer says so while the continuation is still coming."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE))
    assert reader.resume(message_start(), *open_text("Something else altogether. " * 20)) == []
    assert reader.splicer.trouble == "unmatched"


# -- a continuation that is none

HALF = "The quick brown fox jumps over the lazy dog, and nobody has ever asked"
TO_BE_ASKED = "Let me look that up:"


def told(held: str, *, whole: bool = False, form: Form = "continue") -> Seam:
    """The seam as the engine makes it: with the words of the request, which are to stay out of the text."""
    anchor = choose_anchor(held, whole=whole)
    asked = FIRST.text.replace("{echo}", anchor.quote)
    return Seam(held, anchor, form=form, instruction=Instruction.of(asked, anchor.quote, lambda words: words in held))


def asked_again(held: str, *events: Event, whole: bool = False, live: Iterable[str] = LIVE) -> Reader:
    """An answer that is cut, and what comes when its rest is asked for."""
    reader = Reader(live=live)
    reader.attempt(message_start(), *open_text(held))
    reader.splicer.abort()
    reader.attempt(message_start(), *events, seam=told(held, whole=whole))
    return reader


def whole_shape(*blocks: str) -> list[str]:
    """What a reader sees of a whole message: the first block, and then these."""
    return ["message_start", "+0 text", "0 text_delta", "-0", *blocks, "message_delta", "message_stop"]


@pytest.mark.parametrize("size", [1, 5, 1_000])
@pytest.mark.parametrize("stop_reason", ["end_turn", "max_tokens"])
@pytest.mark.parametrize("more", ["", " ", "\n\n"])
def test_an_echo_and_no_more_is_no_end_of_half_a_text(more: str, stop_reason: str, size: int) -> None:
    """Nothing but the echo has come, so the block stays open for who writes the rest."""
    written = pieces(choose_anchor(HALF).quote + more, size)
    reader = asked_again(HALF, *text_block(*written), *ending(stop_reason))
    assert reader.splicer.trouble == "silent"
    assert reader.splicer.ending is Ending.UNFINISHED
    assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta"]
    reader.splicer.abort()
    held = reader.splicer.partial.trailing_text
    reader.attempt(message_start(), *text_block(held + " the dog."), *ending(), seam=told(held, whole=True))
    assert "".join(reader.text.split()) == "".join((HALF + " the dog.").split())
    assert reader.skeleton() == whole_shape()


@pytest.mark.parametrize("events", [[], text_block(""), text_block(" \n")])
def test_a_turn_of_no_words_is_no_end_of_half_a_text(events: list[Event]) -> None:
    """Whether all of the text was sent back, or not."""
    for whole in (False, True):
        reader = asked_again(HALF, *events, *ending(), whole=whole)
        assert reader.splicer.trouble == "silent"
        assert reader.text.strip() == HALF


def test_the_rest_of_a_word_is_kept_and_is_no_end() -> None:
    """It is the answer's, and so is more."""
    held = HALF[:-3]
    reader = asked_again(held, *text_block(key_of(held) + "ked"), *ending())
    assert reader.splicer.trouble == "silent"
    assert reader.text == HALF
    assert reader.splicer.partial.open_block is not None


def test_a_word_of_its_own_is_an_end() -> None:
    """However short: whoever adds a word says that there is no other."""
    reader = asked_again(HALF, *text_block(key_of(HALF) + " it"), *ending())
    assert reader.splicer.trouble is None
    assert reader.skeleton() == whole_shape()


def test_an_echo_and_no_more_is_the_end_of_a_text_that_looks_finished() -> None:
    """That is what was asked for."""
    reader = asked_again(SENTENCE, *text_block(choose_anchor(SENTENCE).quote), *ending())
    assert reader.splicer.trouble is None
    assert reader.skeleton() == whole_shape()
    assert reader.splicer.joint is not None
    assert reader.splicer.joint.result.kind == "echo"


@pytest.mark.parametrize("stop_reason", ["stop_sequence", "pause_turn"])
def test_a_turn_that_was_stopped_or_paused_has_said_nothing_of_its_end(stop_reason: str) -> None:
    """A stop sequence may begin right at the cut."""
    reader = asked_again(HALF, *text_block(choose_anchor(HALF).quote), *ending(stop_reason))
    assert reader.splicer.trouble is None
    assert reader.splicer.partial.stop_reason == stop_reason


def test_a_silence_that_is_taken_for_the_end_closes_the_block_and_is_not_verified() -> None:
    """The caller says so, when nobody says more."""
    reader = asked_again(HALF, *text_block(choose_anchor(HALF).quote), *ending())
    reader.events += reader.splicer.join_unverified()
    assert reader.skeleton() == whole_shape()
    assert reader.splicer.joint is not None
    assert reader.splicer.joint.result.kind == "unverified"
    assert not reader.splicer.joint.result.verified


def test_a_silence_without_counts_is_told_at_the_end() -> None:
    """A stream may end with `message_stop` alone."""
    reader = asked_again(HALF, *text_block(choose_anchor(HALF).quote), message_stop())
    assert reader.splicer.trouble == "silent"


def test_an_answer_from_its_beginning_to_its_end_says_itself_that_it_is_whole() -> None:
    """It was made from the caller's own request."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(HALF))
    reader.resume(message_start(), *text_block(HALF), *ending(), form="restart")
    assert reader.splicer.trouble is None


@pytest.mark.parametrize("live", [LIVE, {*LIVE, "tool_use"}])
@pytest.mark.parametrize("held", [SENTENCE, TO_BE_ASKED, "I will look at the weather", ""])
def test_a_call_at_once_is_an_answer_where_the_text_was_finished(held: str, live: set[str]) -> None:
    """An agent's model says what it will do, and does it: a second echo of that is not to be expected."""
    call = tool_block('{"city": "Oslo"}', index=0)
    reader = asked_again(held or HALF, *call, *ending("tool_use"), live=live)
    if held in (SENTENCE, TO_BE_ASKED):
        assert reader.splicer.trouble is None
        assert reader.skeleton() == whole_shape("+1 tool_use", "1 input_json_delta", "-1")
        assert reader.splicer.joint is not None
        assert reader.splicer.joint.result.kind == "empty"
    else:
        assert reader.splicer.trouble == "silent"
        assert reader.skeleton() == ["message_start", "+0 text", "0 text_delta"]
        reader.events += reader.splicer.join_unverified()
        assert reader.skeleton() == whole_shape("+1 tool_use", "1 input_json_delta", "-1")


def test_a_call_at_once_in_an_answer_that_was_begun_anew_is_unmatched() -> None:
    """It has to replay what was delivered."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(HALF))
    reader.resume(message_start(), *tool_block("{}", index=0), *ending("tool_use"), form="restart")
    assert reader.splicer.trouble == "unmatched"


def test_a_call_behind_other_words_is_no_answer() -> None:
    """What was said before it matches nothing."""
    events = [*text_block("I have quite another idea."), *tool_block("{}", index=1)]
    reader = asked_again(TO_BE_ASKED, *events, *ending("tool_use"))
    assert reader.splicer.trouble == "unmatched"
    assert reader.text == TO_BE_ASKED


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize("before", ["", "echo"])
def test_who_says_that_all_was_said_is_taken_at_his_word(before: str, size: int) -> None:
    """Where the text can be whole; where it cannot, it is asked for again. The words are never text."""
    for held in (SENTENCE, HALF):
        said = (choose_anchor(held).quote + "\n\n" if before else "") + "My previous answer was already complete."
        reader = asked_again(held, *text_block(*pieces(said, size)), *ending())
        assert reader.text.strip() == held
        assert reader.splicer.trouble == ("silent" if held == HALF or not before else None)
        if reader.splicer.trouble is None:
            assert reader.skeleton() == whole_shape()


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize("stops", [False, True])
def test_a_recital_behind_the_joint_is_the_end_of_a_finished_text_and_else_trouble(stops: bool, size: int) -> None:
    """The words of the request are never text, and whoever recites them has left the answer."""
    recital = FIRST.text.split("{echo}")[1].strip()
    for more, trouble in ((" the dog.", None), (" the", "unmatched")):
        written = pieces(choose_anchor(HALF).quote + more + "\n\n" + recital, size)
        reader = asked_again(HALF, *text_block(*written), *(ending() if stops else []))
        assert reader.text == HALF + more
        assert reader.splicer.trouble == trouble
        if stops and trouble is None:
            assert reader.skeleton() == whole_shape()
        assert reader.splicer.may_join_as_it_is is False


def test_an_apology_behind_the_joint_is_no_text_and_not_to_be_joined() -> None:
    """It undoes the joint, before anything of it is out."""
    said = choose_anchor(SENTENCE).quote + "\n\nI'm sorry for the confusion, but I cannot continue this text."
    reader = asked_again(SENTENCE, *text_block(*pieces(said, 3)), *ending())
    assert reader.splicer.trouble == "unmatched"
    assert not reader.splicer.may_join_as_it_is
    assert reader.text == SENTENCE


def test_an_aside_that_is_known_at_the_end_of_its_block_alone_is_no_text() -> None:
    """Its last word could have become another."""
    said = choose_anchor(SENTENCE).quote + "\n\nAs an AI"
    reader = asked_again(SENTENCE, *text_block(*pieces(said, 1)), *ending())
    assert reader.splicer.trouble == "unmatched"
    assert reader.text == SENTENCE


def test_the_last_letters_of_a_text_that_may_be_whole_are_its_end() -> None:
    """A word of a list, of which they are the end; with none of them it would be asked for again."""
    held = "1. Water\n2. Food\n3. Shelte"
    reader = asked_again(held, *text_block(choose_anchor(held).quote + "r"), *ending())
    assert reader.splicer.trouble is None
    assert reader.skeleton() == whole_shape()
    assert asked_again(held, *text_block(choose_anchor(held).quote), *ending()).splicer.trouble == "silent"


# -- what recorded streams and gateways send


def test_what_breaks_the_grammar_is_named() -> None:
    reader = Reader()
    reader.attempt(message_start(), *open_text("Hi"), text_delta("?", 5))
    assert (reader.splicer.trouble, reader.splicer.broken) == ("malformed", "an event of no block")


def test_nothing_more_is_taken_of_an_attempt_that_has_broken_the_grammar() -> None:
    """Whatever it goes on to bring; the next one goes on with what was delivered."""
    reader = Reader()
    reader.attempt(message_start(), *open_text(SENTENCE), text_delta("?", 5), text_delta(" Nor"), block_stop())
    assert reader.splicer.end() == []
    assert (reader.splicer.trouble, reader.text) == ("malformed", SENTENCE)
    reader.resume(message_start(), *text_block(key_of(SENTENCE) + " More."), *ending())
    assert (reader.splicer.trouble, reader.text) == (None, SENTENCE + " More.")


def test_a_stream_may_begin_with_what_was_delivered_before() -> None:
    """By another splicer; it is added to."""
    held = partial(message_start(), *open_text(SENTENCE))
    splicer = Splicer(live=LIVE, partial=held)
    assert splicer.partial is held
    assert splicer.begin(Seam(SENTENCE, choose_anchor(SENTENCE), form="continue")) == []
    events = [message_start("msg_2"), *text_block(key_of(SENTENCE) + " More."), *ending()]
    out = [each for event in events for each in splicer.feed(event)]
    assert skeleton(out) == ["0 text_delta", "-0", "message_delta", "message_stop"]
    assert held.text == SENTENCE + " More."


def test_a_call_without_input_is_delivered_when_the_attempt_dies() -> None:
    """Its stop had waited for the input that some gateways send behind it."""
    reader = Reader(live=frozenset({"text"}))
    reader.attempt(message_start(), block_start(0, "tool_use", id="t", name="look", input={}), block_stop(0))
    assert reader.splicer.partial.whole_calls == []
    reader.events += reader.splicer.end()
    assert len(reader.splicer.partial.whole_calls) == 1
    assert reader.splicer.end() == []


def test_a_message_that_is_whole_as_it_starts_is_delivered_at_once() -> None:
    """No event may follow that would bring it."""
    start = message_start()
    start["message"] |= {"content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"a": 1}}]}
    start["message"]["stop_reason"] = "tool_use"
    reader = Reader()
    reader.attempt(start)
    assert reader.events == [start]
    held = reader.splicer.partial
    assert (held.stop_reason, held.complete, [block["input"] for block in held.content]) == (
        "tool_use",
        True,
        [{"a": 1}],
    )
    assert partial(*held.events()).content == held.content


@pytest.mark.parametrize("blank", ["", " ", "\n\n"])
def test_a_first_block_of_white_space_waits_for_what_follows(blank: str) -> None:
    """It cannot be resumed from, and would come again."""
    events = [message_start(), *text_block(blank), *[{**each, "index": 1} for each in thinking_block("Hm.")]]
    reader = Reader()
    reader.attempt(*events[: len(text_block(blank)) + 1])
    assert reader.events == []
    reader = Reader()
    reader.attempt(*events)
    assert reader.skeleton()[:2] == ["message_start", "+0 text"]
    assert "+1 thinking" in reader.skeleton()


def test_white_space_between_blocks_is_kept_after_a_resume() -> None:
    """A block that the seam has opened is no reason to drop later ones that are blank."""
    reader = Reader()
    reader.attempt(message_start(), *text_block("The lamp was lit."))
    rest = [("", key_of("The lamp was lit.") + " It burnt."), ("", "\n\n"), ("", "All night.")]
    blocks = [{**each, "index": n} for n, (_, text) in enumerate(rest) for each in text_block(text)]
    reader.resume(message_start(), *blocks, *ending(), form="continue")
    assert reader.text == "The lamp was lit. It burnt.\n\nAll night."


@pytest.mark.parametrize("form", ["prefill", "continue"])
def test_white_space_that_comes_first_after_a_resume_is_kept_if_text_follows(form: Form) -> None:
    """It stood between two blocks of the answer, and the first of them was whole before the cut."""
    said = "" if form == "prefill" else key_of(SENTENCE)
    reader = Reader()
    reader.attempt(message_start(), *text_block(SENTENCE))
    blocks = [*text_block(said + "\n\n"), *[{**each, "index": 1} for each in text_block("Nor the fox.")]]
    reader.resume(message_start(), *blocks, *ending(), form=form)
    assert reader.text == SENTENCE + "\n\nNor the fox."
    assert [block.text for block in reader.splicer.partial.blocks] == [SENTENCE, "\n\n", "Nor the fox."]


def test_a_citation_is_known_again_without_what_is_new_each_time() -> None:
    place = {"type": "web_search_result_location", "url": "https://example.com", "cited_text": "lit"}
    cited = [delta(0, "citations_delta", {**place, "encrypted_index": index}) for index in ("a", "b")]
    held = "The lamp was lit in March, on the ninth"
    reader = Reader()
    reader.attempt(message_start(), block_start(0, "text", text="", citations=[]), cited[0], text_delta(held))
    again = [block_start(0, "text", text="", citations=[]), cited[1], text_delta(key_of(held) + " day."), block_stop(0)]
    reader.resume(message_start(), *again, *ending(), form="continue")
    assert reader.text == held + " day."
    assert len(reader.splicer.partial.blocks[0].citations) == 1


def test_half_a_text_behind_a_whole_call_is_no_part_of_the_message() -> None:
    """The call's result has to follow at once."""
    call = [block_start(0, "tool_use", id="t", name="look", input={"a": 1}), block_stop(0)]
    reader = Reader()
    reader.attempt(message_start(), *call, *[{**each, "index": 1} for each in open_text("And while I")])
    reader.events += reader.splicer.finish(as_tool_use=True)
    assert [block["type"] for block in reader.splicer.partial.content] == ["tool_use"]
    assert reader.splicer.abandoned == ["text"]
    assert reader.skeleton()[-3:] == ["-1", "message_delta", "message_stop"]


def test_in_whole_words_half_a_word_waits() -> None:
    """For what stands behind it, or for the end of the text."""
    splicer = Splicer(live=LIVE, whole_words=True)
    delivered = [splicer.feed(event) for event in [message_start(), *open_text("The ti", "de tur"), block_stop()]]
    texts = [
        "".join(event["delta"]["text"] for event in each if event["type"] == "content_block_delta")
        for each in delivered
    ]
    assert texts[-3:] == ["The ", "tide ", "tur"]


def test_text_that_is_not_gone_on_with_is_closed() -> None:
    """It stays what it is; what comes begins a block of its own."""
    splicer = Splicer(live=LIVE)
    for event in [message_start(), *open_text("Hi.")]:
        splicer.feed(event)
    splicer.abort()
    assert splicer.begin(None) == [block_stop(0)]
    assert not splicer.abandoned
    assert splicer.partial.text == "Hi."


def test_a_citation_keeps_its_place_in_text_that_is_held_until_its_end() -> None:
    """The whole block comes as it was written."""
    splicer = Splicer(live=set())
    written = [message_start(), *open_text("The fox"), delta(0, "citations_delta", FOX), block_stop()]
    assert [event for each in written for event in splicer.feed(each)] == written
