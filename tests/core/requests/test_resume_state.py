"""What was delivered when an attempt died: a row for each thing that may have been, and how often it is looked at."""

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
from unbroken.core.requests.resume_state import Delivered, ResumeState

D = Delivered
ROWS = [
    ("nothing", Partial(), D.NOTHING),
    ("a message_start", partial(message_start()), D.NOTHING),
    ("half a thought", partial(message_start(), block_start(0, "thinking")), D.NOTHING),
    ("a whole thought", partial(message_start(), *thinking_block("Hm.")), D.NOTHING),
    ("white space", partial(message_start(), *text_block("\n\n")), D.NOTHING),
    ("half a call", partial(message_start(), *open_tool('{"a": 1}')), D.NOTHING),
    ("open text", partial(message_start(), *open_text("Hi")), D.TEXT),
    ("closed text", partial(message_start(), *text_block("Hi")), D.TEXT),
    ("text, then half a call", partial(message_start(), *text_block("Hi"), *open_tool("{", index=1)), D.TEXT),
    (
        "text, then a whole thought",
        partial(message_start(), *text_block("Hi"), *thinking_block(index=1)),
        D.TEXT,
    ),
    ("a whole call", partial(message_start(), *tool_block("{}")), D.CALLS),
    (
        "a whole call and half a one",
        partial(message_start(), *tool_block("{}"), *open_tool("{", index=1)),
        D.CALLS,
    ),
    (
        "a whole call, then text",
        partial(message_start(), *tool_block("{}"), *open_text("Hi", index=1)),
        D.CALLS,
    ),
    ("a stop reason", partial(message_start(), *text_block("Hi"), message_delta()), D.COMPLETE),
    ("an empty answer that ended", partial(message_start(), message_delta()), D.COMPLETE),
    ("calls that ended", partial(message_start(), *tool_block("{}"), message_delta("tool_use")), D.COMPLETE),
    ("message_stop", partial(message_start(), *text_block("Hi"), *ending()), D.COMPLETE),
    (
        "a server tool's pair",
        partial(
            message_start(),
            *tool_block(type="server_tool_use"),
            block_start(1, "web_search_tool_result"),
            block_stop(1),
        ),
        D.RESULTS,
    ),
    (
        "a result whose call was in the turn before, then open text",
        partial(message_start(), block_start(0, "code_execution_tool_result"), block_stop(0), *open_text(" ", index=1)),
        D.RESULTS,
    ),
    ("a file", partial(message_start(), block_start(0, "container_upload"), block_stop(0)), D.RESULTS),
    (
        "a compaction",
        partial(
            message_start(),
            block_start(0, "compaction", content=None),
            delta(0, "compaction_delta", "Summary."),
            block_stop(0),
        ),
        D.RESULTS,
    ),
    ("half a compaction", partial(message_start(), block_start(0, "compaction")), D.NOTHING),
    (
        "a pair, then half a call",
        partial(
            message_start(),
            *tool_block(type="server_tool_use"),
            block_start(1, "web_search_tool_result"),
            block_stop(1),
            *open_tool("{", index=2),
        ),
        D.RESULTS,
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
        D.TEXT,
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
        D.CALLS,
    ),
    (
        "half a block of a type that nobody knows",
        partial(message_start(), block_start(0, "hologram")),
        D.NOTHING,
    ),
    (
        "a delta of a type that nobody knows",
        partial(
            message_start(),
            *open_text("Hi"),
            {"type": "content_block_delta", "index": 0, "delta": {"type": "new", "x": 1}},
        ),
        D.STUCK,
    ),
    (
        "a block of a type that nobody knows, then an end",
        partial(message_start(), block_start(0, "hologram"), block_stop(0), message_delta()),
        D.COMPLETE,
    ),
    (
        "a block of a type that nobody knows",
        partial(message_start(), block_start(0, "hologram"), block_stop(0), *open_text("Hi", index=1)),
        D.STUCK,
    ),
]


@pytest.mark.parametrize(("held", "delivered"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_was_delivered(held: Partial, delivered: Delivered) -> None:
    """Finished blocks and the open text count, nothing else."""
    assert ResumeState.of(held).delivered is delivered
