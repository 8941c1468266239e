"""What the scripts reply becomes states and entries."""

from __future__ import annotations

from unbroken.journal import Entry, StreamState
from unbroken.journal.redis.states import batch_of, state_of

STATE = [3, 9, b"live", b"\x00\xff", b"6d65", 0, b"1", 1_700_000_000_125_001, None, 77, b"1:1,2:5,3:8"]


def test_a_state_has_all_that_the_script_says() -> None:
    assert state_of("a/1", STATE) == StreamState(
        stream_id="a/1",
        fence=3,
        head=9,
        status="live",
        fingerprint=b"\x00\xff",
        owner=b"me",
        orphaned=False,
        stopping=True,
        created=1_700_000_000.125001,
        ended=None,
        size=77,
    )
    ended = state_of("a/1", [*STATE[:2], b"failed", *STATE[3:5], 1, b"0", STATE[7], 1_700_000_001_000, *STATE[9:]])
    assert (ended.status, ended.orphaned, ended.stopping, ended.ended) == ("failed", True, False, 1_700_000_001.0)


def test_entries_are_numbered_and_have_the_fence_under_which_they_were_written() -> None:
    def fences(after: int, count: int) -> list[tuple[int, int]]:
        batch = batch_of("a/1", after, [STATE, [b"x"] * count])
        return [(entry.fence, entry.seq) for entry in batch.entries]

    assert fences(0, 9) == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 5), (2, 6), (2, 7), (3, 8), (3, 9)]
    assert fences(3, 2) == [(1, 4), (2, 5)]
    assert fences(7, 2) == [(3, 8), (3, 9)]
    assert fences(9, 0) == []
    assert batch_of("a/1", 4, [STATE, [b"data"]]).entries == [Entry(2, 5, b"data")]
