"""Where the pings of a healthy stream fall."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

from unbroken.testing.wire.pings import after_first, anywhere

EVENTS: list[dict[str, Any]] = [
    {"type": kind, "index": n}
    for n, kind in enumerate(
        [
            "message_start",
            *["content_block_start", *["content_block_delta"] * 3, "content_block_stop"] * 2,
            "message_delta",
            "message_stop",
        ]
    )
]


def test_the_events_stay_as_they_are() -> None:
    """Whatever stands between them."""
    for seed in range(50):
        told = list(anywhere(EVENTS, Random(seed)))
        assert [event for event in told if event["type"] != "ping"] == EVENTS
        assert told == list(anywhere(EVENTS, Random(seed)))


def test_mostly_one_and_mostly_after_the_first_start() -> None:
    """Sometimes none, sometimes several; never outside the content."""
    counts: Counter[int] = Counter()
    before: Counter[str] = Counter()
    for seed in range(400):
        kinds = [event["type"] for event in anywhere(EVENTS, Random(seed))]
        counts[kinds.count("ping")] += 1
        before.update(first for first, second in pairwise(kinds) if second == "ping")
    assert counts.most_common(2)[0][0] == 1
    assert counts[0] > 0 < counts[2]
    assert [kind for kind, _ in before.most_common()] == [
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    ]


def test_a_stream_without_blocks_has_none() -> None:
    """There is nothing for it to stand after."""
    bare = [EVENTS[0], *EVENTS[-2:]]
    assert all(list(anywhere(bare, Random(seed))) == bare for seed in range(20))


def test_one_after_the_first_of_its_kind() -> None:
    """And none where there is none of that kind."""
    kinds = [event["type"] for event in after_first("content_block_delta")(EVENTS, Random(0))]
    assert kinds[:4] == ["message_start", "content_block_start", "content_block_delta", "ping"]
    assert kinds.count("ping") == 1
    assert list(after_first("content_block_delta")(EVENTS[:2], Random(0))) == EVENTS[:2]
