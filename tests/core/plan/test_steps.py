"""What is held when an attempt dies: a row for each thing that may have been delivered."""

from __future__ import annotations

import pytest
from builders import (
    block_start,
    block_stop,
    delta,
    ending,
    message_delta,
    message_start,
    open_text,
    open_tool,
    partial,
    text_block,
    thinking_block,
    tool_block,
)

from unbroken.core.message.partial import Partial
from unbroken.core.plan.steps import Ask, Fail, Finish, Held, what_is_held

SITUATIONS = [
    ("nothing", Partial(), Held.NOTHING),
    ("a message_start", partial(message_start()), Held.NOTHING),
    ("half a thought", partial(message_start(), block_start(0, "thinking")), Held.NOTHING),
    ("a whole thought", partial(message_start(), *thinking_block("Hm.")), Held.NOTHING),
    ("white space", partial(message_start(), *text_block("\n\n")), Held.NOTHING),
    ("half a call", partial(message_start(), *open_tool('{"a": 1}')), Held.NOTHING),
    ("open text", partial(message_start(), *open_text("Hi")), Held.TEXT),
    ("closed text", partial(message_start(), *text_block("Hi")), Held.TEXT),
    ("text, then half a call", partial(message_start(), *text_block("Hi"), *open_tool("{", index=1)), Held.TEXT),
    ("text, then a whole thought", partial(message_start(), *text_block("Hi"), *thinking_block(index=1)), Held.TEXT),
    ("a whole call", partial(message_start(), *tool_block("{}")), Held.CALLS),
    ("a whole call and half a one", partial(message_start(), *tool_block("{}"), *open_tool("{", index=1)), Held.CALLS),
    ("a whole call, then text", partial(message_start(), *tool_block("{}"), *open_text("Hi", index=1)), Held.CALLS),
    ("a stop reason", partial(message_start(), *text_block("Hi"), message_delta()), Held.COMPLETE),
    ("an empty answer that ended", partial(message_start(), message_delta()), Held.COMPLETE),
    ("calls that ended", partial(message_start(), *tool_block("{}"), message_delta("tool_use")), Held.COMPLETE),
    ("message_stop", partial(message_start(), *text_block("Hi"), *ending()), Held.COMPLETE),
    (
        "a server tool's pair",
        partial(
            message_start(),
            *tool_block(type="server_tool_use"),
            block_start(1, "web_search_tool_result"),
            block_stop(1),
        ),
        Held.RESULTS,
    ),
    (
        "a result whose call was in the turn before, then open text",
        partial(message_start(), block_start(0, "code_execution_tool_result"), block_stop(0), *open_text(" ", index=1)),
        Held.RESULTS,
    ),
    ("a file", partial(message_start(), block_start(0, "container_upload"), block_stop(0)), Held.RESULTS),
    (
        "a compaction",
        partial(
            message_start(),
            block_start(0, "compaction", content=None),
            delta(0, "compaction_delta", "Summary."),
            block_stop(0),
        ),
        Held.RESULTS,
    ),
    ("half a compaction", partial(message_start(), block_start(0, "compaction")), Held.NOTHING),
    (
        "a pair, then half a call",
        partial(
            message_start(),
            *tool_block(type="server_tool_use"),
            block_start(1, "web_search_tool_result"),
            block_stop(1),
            *open_tool("{", index=2),
        ),
        Held.RESULTS,
    ),
    (
        "a pair, then text",
        partial(
            message_start(),
            *tool_block(type="server_tool_use"),
            block_start(1, "web_search_tool_result"),
            block_stop(1),
            *open_text("Hi", index=2),
        ),
        Held.TEXT,
    ),
    (
        "a pair, then a whole call",
        partial(
            message_start(),
            *tool_block(type="server_tool_use"),
            block_start(1, "web_search_tool_result"),
            block_stop(1),
            *tool_block("{}", index=2),
        ),
        Held.CALLS,
    ),
    ("half a block of a type that nobody knows", partial(message_start(), block_start(0, "hologram")), Held.NOTHING),
    (
        "a delta of a type that nobody knows",
        partial(
            message_start(),
            *open_text("Hi"),
            {"type": "content_block_delta", "index": 0, "delta": {"type": "new", "x": 1}},
        ),
        Held.STUCK,
    ),
    (
        "a block of a type that nobody knows, then an end",
        partial(message_start(), block_start(0, "hologram"), block_stop(0), message_delta()),
        Held.COMPLETE,
    ),
    (
        "a block of a type that nobody knows",
        partial(message_start(), block_start(0, "hologram"), block_stop(0), *open_text("Hi", index=1)),
        Held.STUCK,
    ),
]


@pytest.mark.parametrize(("held", "situation"), [row[1:] for row in SITUATIONS], ids=[row[0] for row in SITUATIONS])
def test_what_is_held(held: Partial, situation: Held) -> None:
    """Finished blocks and the open text count, nothing else."""
    assert what_is_held(held) is situation


def test_a_step_says_no_more_than_it_must() -> None:
    """What is left out: a request at once that costs nothing, an ordinary end, an error of our own."""
    ask = Ask(route=0, form="request")
    assert (ask.wait, ask.costs_retry, ask.whole) == (0.0, False, False)
    assert not Finish(message_stop=True).as_tool_use
    assert Fail("it is over").error is None
