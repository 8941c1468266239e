"""What the reader has taken of what has arrived: at every place of every kind of message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from builders import block_start, block_stop, delta, message_delta, message_start, message_stop, text_delta

from unbroken import Partial
from unbroken.core.wire.deltas import as_delta
from unbroken.engine.consumed import Consumed

Event = dict[str, Any]

#: A message with every kind of delta, some of which come again.
MESSAGE: list[Event] = [
    message_start(),
    block_start(0, "thinking", thinking="", signature=""),
    delta(0, "thinking_delta", "Hm"),
    delta(0, "thinking_delta", "m."),
    delta(0, "signature_delta", "sig"),
    block_stop(0),
    block_start(1, "text", text="> "),
    *(text_delta(piece, 1) for piece in ("The ", "same ", "", "words, ", "the ")),
    delta(1, "citations_delta", {"type": "char_location", "cited_text": "same"}),
    *(text_delta(piece, 1) for piece in ("same ", "words.")),
    delta(1, "citations_delta", {"type": "char_location", "cited_text": "words"}),
    block_stop(1),
    block_start(2, "tool_use", id="t", name="look", input={}),
    *(delta(2, "input_json_delta", piece) for piece in ('{"a', '": 1', "}")),
    block_stop(2),
    {"type": "content_block_start", "index": 3, "content_block": {"type": "some_new_block"}},
    *(
        as_delta({"type": "content_block_delta", "index": 3, "delta": {"type": "some_new_delta", "n": n}})
        for n in (1, 2)
    ),
    block_stop(3),
    message_delta(None),
    message_delta("tool_use"),
    message_stop(),
]


@pytest.mark.parametrize("arrived", range(len(MESSAGE) + 1))
def test_what_was_taken_is_the_fold_of_what_was_taken(arrived: int) -> None:
    """Whatever still waits, the partial is that of the events before it, as if each had been folded in as it came."""
    held = Partial()
    for event in MESSAGE[:arrived]:
        held.apply(event)
    for read in range(arrived + 1):
        taken, folded = Consumed(held), Partial()
        for event in MESSAGE[:read]:
            folded.apply(event)
            if event["type"] != "content_block_delta":
                taken.note(event)
        assert list(taken.partial(MESSAGE[read:arrived]).events()) == list(folded.events())


def test_what_was_given_up_is_still_what_was_read() -> None:
    """A block that is closed without its stop has none for the reader, either."""
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "input": {}}}
    message = {"type": "message_start", "message": {"id": "m"}}
    held = Partial()
    taken = Consumed(held)
    for event in (message, start):
        held.apply(event)
        taken.note(event)
    held.blocks[0].closed = held.blocks[0].abandoned = True
    assert [json.dumps(event) for event in taken.partial([]).events()] == [json.dumps(message), json.dumps(start)]
