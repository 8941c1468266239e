"""One attempt's events fitted into the message: what becomes of each block, and what stops it."""

from __future__ import annotations

from collections.abc import Collection

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
    partial,
    text_block,
    text_delta,
    thinking_block,
    tool_block,
)

from unbroken.core.seam.anchor import choose_anchor
from unbroken.core.seam.seam import Form, Seam
from unbroken.core.splicing.block_role import Flow
from unbroken.core.splicing.delivery import Delivery
from unbroken.core.splicing.held_tail import HeldTail
from unbroken.core.splicing.joining import Joining, Obstacle
from unbroken.core.splicing.stop_sequences import StopSequences
from unbroken.core.splicing.visible_text import VisibleText
from unbroken.core.wire.decoded import Event

SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog."
QUOTE = choose_anchor(SENTENCE).quote


class Attempt:
    """An attempt behind what was delivered; with a form, one that is to go on with its text."""

    def __init__(
        self,
        *delivered: Event,
        form: Form | None = None,
        live: Collection[str] = ("text", "thinking"),
        stops: bool = False,
        drops_thinking: bool = False,
    ) -> None:
        self.partial = partial(*delivered)
        text = self.partial.trailing_text
        self.seam = None if form is None else Seam(text, choose_anchor(text, whole=form == "prefill"), form=form)
        self.delivery = Delivery(self.partial)
        tail = HeldTail([StopSequences(["END"]).begun_by] if stops else [])
        visible = VisibleText(self.partial, self.delivery, tail, is_live="text" in live)
        self.joining = Joining(
            self.partial, self.seam, visible, self.delivery, live=frozenset(live), drops_thinking=drops_thinking
        )

    def brings(self, *events: Event) -> list[Event]:
        """What is delivered of these events."""
        for event in events:
            self.joining.push(event)
        return self.delivery.take()


def goes_on(form: Form = "continue", *, stops: bool = False, live: Collection[str] = ("text", "thinking")) -> Attempt:
    """A sentence whose block is open, and who is to go on with it."""
    return Attempt(message_start(), *open_text(SENTENCE), form=form, stops=stops, live=live)


def test_the_first_attempt_is_the_message() -> None:
    """A block that is not live comes when it is whole."""
    events = [
        message_start(),
        *thinking_block("Hm."),
        *text_block("Hi", index=1),
        *tool_block("{}", index=2),
        {"type": "of_next_year"},
        *ending(),
    ]
    assert Attempt().brings(*events) == events


def test_a_later_one_brings_no_second_start_and_gets_the_next_indices() -> None:
    attempt = Attempt(message_start(), *text_block("Hi"), *tool_block("{}", index=1))
    out = attempt.brings(message_start("msg_2"), *thinking_block("Hm."), *tool_block("{}", index=1))
    assert out == [{**event, "index": 2} for event in thinking_block("Hm.")] + [
        {**event, "index": 3} for event in tool_block("{}")
    ]


def test_thinking_that_is_not_the_messages_own_is_left_out() -> None:
    attempt = Attempt(message_start(), drops_thinking=True)
    thoughts = [*thinking_block("Hm."), block_start(1, "redacted_thinking"), block_stop(1)]
    assert attempt.brings(*thoughts, *text_block("Hi", index=2)) == text_block("Hi")


def test_a_block_that_is_not_live_closes_the_text_that_was_left_open() -> None:
    attempt = goes_on("prefill")
    assert attempt.brings(*tool_block("{}")) == [
        block_stop(),
        *({**event, "index": 1} for event in tool_block("{}")),
    ]


@pytest.mark.parametrize("live", [("text",), ("text", "tool_use")])
def test_two_blocks_that_are_written_side_by_side_do_not_share_an_index(live: tuple[str, ...]) -> None:
    """One that is held has its index when it comes out."""
    first, second = tool_block("{}"), tool_block("{}", index=1)
    out = Attempt(message_start(), live=live).brings(
        *(event for pair in zip(first, second, strict=True) for event in pair)
    )
    assert [event["index"] for event in out if event["type"] == "content_block_start"] == [0, 1]
    assert [event["index"] for event in out if event["type"] == "content_block_stop"] == [0, 1]


# -- the deltas that may go on without coming here


@pytest.mark.parametrize(("block", "type"), [("thinking", "thinking_delta"), ("text", "text_delta")])
def test_deltas_of_a_live_block_flow_once_one_has_come(block: str, type: str) -> None:
    """Until anything else comes."""
    attempt = Attempt(message_start(), *text_block("Hi"), live=("text", "thinking"))
    attempt.brings(block_start(0, block))
    assert attempt.joining.flow is None
    attempt.brings(delta(0, type, "x"))
    assert attempt.joining.flow == Flow(0, 1, type)
    attempt.brings(block_stop())
    assert attempt.joining.flow is None


def test_the_input_of_a_call_does_not_flow() -> None:
    """Whether it is whole has to be known when the call is closed."""
    attempt = Attempt(message_start(), live=("text", "tool_use"))
    attempt.brings(block_start(0, "tool_use"))
    attempt.brings(delta(0, "input_json_delta", "x"))
    assert attempt.joining.flow is None


def test_text_does_not_flow_while_something_of_it_may_be_kept_back() -> None:
    """Before it can be seen, and where there are stop sequences."""
    attempt = Attempt()
    attempt.brings(message_start(), *open_text(" "))
    assert attempt.joining.flow is None
    attempt.brings(text_delta("Hi"))
    assert attempt.joining.flow == Flow(0, 0, "text_delta")
    attempt = Attempt(message_start(), stops=True)
    attempt.brings(*open_text("Hi"))
    assert attempt.joining.flow is None


def test_text_behind_a_joint_flows_when_the_seam_is_settled() -> None:
    attempt = goes_on()
    attempt.brings(message_start(), *open_text(QUOTE))
    assert attempt.joining.flow is None
    attempt.brings(text_delta(" Nor"), text_delta(" the fox."))
    assert attempt.seam is not None
    assert attempt.seam.settled
    assert attempt.joining.flow == Flow(0, 0, "text_delta")


def test_a_block_that_is_held_does_not_flow() -> None:
    attempt = Attempt(message_start())
    attempt.brings(block_start(0, "tool_use"), delta(0, "input_json_delta", "{"))
    assert attempt.joining.flow is None


# -- what stops it


def test_everything_waits_behind_an_obstacle_and_comes_when_it_is_gone_over() -> None:
    """In its order."""
    attempt = goes_on()
    other = "Once upon a time there lived a hedgehog in the woods. " * 9
    assert attempt.brings(message_start(), *text_block(other), *ending()) == []
    assert attempt.joining.obstacle == "unmatched"
    attempt.joining.join_unverified()
    assert attempt.joining.obstacle is None
    types = [event["type"] for event in attempt.delivery.take()]
    assert types == ["content_block_delta", "content_block_stop", "message_delta", "message_stop"]
    assert attempt.partial.text == SENTENCE + other


@pytest.mark.parametrize(
    ("events", "obstacle"),
    [
        ([*text_block(QUOTE), message_delta("max_tokens")], "silent"),
        ([message_delta()], "silent"),
        ([message_stop()], "silent"),
        ([message_delta("refusal")], "refused"),
        ([*text_block(QUOTE), message_delta("refusal")], "refused"),
        ([*text_block("No."), message_delta()], "unmatched"),
        ([*text_block("No."), message_stop()], "unmatched"),
        ([*text_block("No."), *tool_block("{}", index=1)], "unmatched"),
    ],
)
def test_an_attempt_that_cannot_end_so(events: list[Event], obstacle: Obstacle) -> None:
    """It closes nothing: the text can be gone on with."""
    attempt = goes_on()
    assert attempt.brings(*events) == []
    assert attempt.joining.obstacle == obstacle
    assert attempt.partial.open_block is not None


def test_behind_what_was_joined_as_it_is_the_counts_are_the_messages() -> None:
    attempt = goes_on()
    assert attempt.brings(*open_text("Once upon a time there lived a hedgehog in the woods. " * 9)) == []
    attempt.joining.join_unverified()
    attempt.delivery.take()
    assert [event["type"] for event in attempt.brings(message_delta(None))] == ["message_delta"]


def test_a_silence_that_is_accepted_ends_the_message_once() -> None:
    attempt = goes_on()
    assert attempt.brings(*text_block(QUOTE), message_delta("max_tokens")) == []
    attempt.joining.join_unverified()
    assert [event["type"] for event in attempt.delivery.take()] == ["content_block_stop", "message_delta"]
    assert attempt.brings(message_stop()) == [message_stop()]
    assert attempt.joining.obstacle is None


def test_a_call_may_leave_a_gap_that_somebody_has_to_accept() -> None:
    """Where the text ends in mid-air."""
    attempt = Attempt(message_start(), *open_text("The quick brown fox jumps over"), form="continue")
    assert attempt.brings(*tool_block("{}")) == []
    assert attempt.joining.obstacle == "silent"
    attempt.joining.join_unverified()
    assert [event["index"] for event in attempt.delivery.take()] == [0, 1, 1, 1]


def test_the_counts_of_an_attempt_whose_place_is_not_known_are_not_the_messages() -> None:
    attempt = goes_on()
    assert attempt.brings(message_delta(None)) == []
    out = attempt.brings(*open_text(QUOTE + " More."), message_delta(None, output_tokens=40))
    assert out[-1]["usage"]["output_tokens"] == 40 + len(SENTENCE) // 5 - len(QUOTE) // 4
