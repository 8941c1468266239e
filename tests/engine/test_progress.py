"""What counts as progress."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.core.wire.deltas import as_delta
from unbroken.engine.progress import BLANK, MARKS, Progress


def delta(type_: str = "text_delta", **brings: Any) -> dict[str, Any]:
    """A delta of block 0."""
    return as_delta({"type": "content_block_delta", "index": 0, "delta": {"type": type_, **brings}})


def start(type_: str = "text", **brings: Any) -> dict[str, Any]:
    """The start of block 0."""
    return {"type": "content_block_start", "index": 0, "content_block": {"type": type_, **brings}}


SIGNATURE = delta("signature_delta", signature="ab")


@pytest.mark.parametrize(
    "event",
    [
        delta(text="a"),
        delta("thinking_delta", thinking="a"),
        delta("input_json_delta", partial_json="{"),
        delta("citations_delta", citation={"type": "page_location"}),
        delta("tomorrows_delta", something=[1]),
        start("web_search_tool_result", content=[{"type": "web_search_result"}]),
        start("redacted_thinking", data="ab"),
    ],
)
def test_what_brings_something_is_progress_each_time(event: dict[str, Any]) -> None:
    """However much came before."""
    progress = Progress()
    assert all(progress.has_come([event]) for _ in range(2 * BLANK))


@pytest.mark.parametrize(
    "event",
    [
        delta(text=""),
        delta("thinking_delta", thinking=""),
        delta("input_json_delta", partial_json=""),
        delta("tomorrows_delta"),
        {"type": "message_start", "message": {}},
        {"type": "message_delta", "delta": {}},
        {"type": "content_block_stop", "index": 0},
        {"type": "tomorrow"},
    ],
)
def test_what_brings_nothing_is_none(event: dict[str, Any]) -> None:
    """Not even the first time."""
    assert not Progress().has_come([event])


def test_white_space_counts_up_to_a_bound() -> None:
    """Until something has come: then again."""
    progress = Progress()
    assert all(progress.has_come([delta(text="\n")]) for _ in range(BLANK))
    assert not progress.has_come([delta(text="\n")])
    assert progress.has_come([delta(text=" a")])
    assert progress.has_come([delta(text="\n")])
    assert not progress.has_come([delta(text="\n" * BLANK)])


@pytest.mark.parametrize("mark", [start(), start("tool_use", id="toolu_1", input={}), SIGNATURE])
def test_the_start_of_a_block_and_a_signature_count_a_few_times(mark: dict[str, Any]) -> None:
    """Blocks and signatures without end bring nothing; a block in which something came does."""
    progress = Progress()
    assert all(progress.has_come([mark]) for _ in range(MARKS))
    assert not progress.has_come([mark, mark])
    assert progress.has_come([mark, delta(text="a")])
    assert progress.has_come([mark])


def test_something_among_nothing_is_found() -> None:
    """What comes together is judged together."""
    assert Progress().has_come([delta(text="a"), delta(text=""), {"type": "content_block_stop", "index": 0}])
    assert not Progress().has_come([])
