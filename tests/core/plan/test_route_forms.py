"""Whether an answer is written anew; which forms a route has left is tried in `test_plan.py`, as the plan uses them."""

from __future__ import annotations

import pytest
from builders import block_start, block_stop, message_start, open_text, partial, thinking_block, tool_block

from unbroken.core.message.partial import Partial
from unbroken.core.plan.route_forms import starts_over
from unbroken.core.requests.resume_state import ResumeState

SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog."
HELD = partial(message_start(), *open_text(SENTENCE))
THOUGHT = partial(message_start(), *thinking_block("Hm."), *open_text("Foxes ", index=1))
PAIR = [*tool_block("{}", type="server_tool_use"), block_start(1, "web_search_tool_result"), block_stop(1)]
USED = partial(message_start(), *PAIR)

STARTS = [
    # what, held, whether the answer is written anew
    ("a sentence", HELD, False),
    ("a word", partial(message_start(), *open_text("The")), True),
    ("a word after a thought", THOUGHT, True),
    ("nothing but a pair", USED, False),
    ("a word after a pair", partial(message_start(), *PAIR, *open_text("The", index=2)), False),
]


@pytest.mark.parametrize(("held", "over"), [row[1:] for row in STARTS], ids=[row[0] for row in STARTS])
def test_whether_the_answer_is_written_anew(held: Partial, over: bool) -> None:
    """Where no end of the text would show where to join; never where a server-side tool was used."""
    assert starts_over(ResumeState.of(held)) is over
