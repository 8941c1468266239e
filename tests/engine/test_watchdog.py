"""How long an attempt may bring nothing: counted in waits that are told, without a clock."""

from __future__ import annotations

from typing import Any, Final

import pytest

from unbroken.core.failure import Kind
from unbroken.core.wire.deltas import as_delta
from unbroken.engine.watchdog import Overdue, Watchdog
from unbroken.sdk.timeouts import Timeouts

LIMITS: Final = Timeouts(idle=30, progress=20, first_content=100)
START: Final[dict[str, Any]] = {"type": "message_start", "message": {}}
BLOCK: Final[dict[str, Any]] = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "text", "text": ""},
}


def text(piece: str) -> dict[str, Any]:
    """A delta of block 0."""
    return as_delta({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}})


def test_before_content_the_first_limit_counts_and_then_the_other() -> None:
    """What is no content changes nothing, and the start of a block is content."""
    watchdog = Watchdog(LIMITS)
    assert not watchdog.brings([START])
    assert (watchdog.content, watchdog.limit, watchdog.patience()) == (False, 100, 100)
    assert watchdog.brings([BLOCK])
    assert (watchdog.content, watchdog.limit, watchdog.patience()) == (True, 20, 20)


def test_waits_and_looks_add_up_until_there_is_progress() -> None:
    """Each read has what is left of the limit."""
    watchdog = Watchdog(LIMITS)
    assert watchdog.waited(60) is None
    watchdog.looked(15)
    assert (watchdog.patience(), watchdog.overdue) == (25, None)
    watchdog.waited(25)
    assert watchdog.overdue == Overdue(Kind.STALLED, "no content for 100 s")
    assert watchdog.ran_out(25) == watchdog.overdue
    watchdog.brings([text("a")])
    assert (watchdog.patience(), watchdog.overdue) == (20, None)


def test_after_progress_the_transports_own_bound_is_enough() -> None:
    """Where it comes first; the read after it is bounded by what is left, unless it has brought progress."""
    watchdog = Watchdog(Timeouts(idle=10, progress=20, first_content=100))
    watchdog.brings([text("a")])
    assert watchdog.patience() is None
    watchdog.waited(5)
    assert watchdog.patience() == 15
    watchdog.brings([text("b")])
    assert watchdog.patience() is None


@pytest.mark.parametrize(("characters", "slow"), [(49, True), (50, False)])
def test_an_attempt_that_writes_too_little_is_given_up(characters: int, slow: bool) -> None:
    """In a window of ten seconds, from the first content on."""
    watchdog = Watchdog(Timeouts(idle=30, progress=300, first_content=300, chars_per_second=5, pace_window=10))
    watchdog.brings([BLOCK, text("x" * characters)])
    given_up = watchdog.waited(10)
    assert given_up == (Overdue(Kind.SLOW, "fewer than 5 characters a second for 10 s") if slow else None)
