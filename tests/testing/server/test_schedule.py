"""Where faults fall among events."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.testing import (
    AFTER_CONTENT,
    AFTER_LAST_TEXT,
    AFTER_MESSAGE_DELTA,
    AFTER_MESSAGE_START,
    AFTER_MESSAGE_STOP,
    BEFORE_MESSAGE_START,
    BEFORE_RESPONSE,
    At,
    Drop,
    Point,
    Reset,
    Slow,
    after_blocks,
    after_characters,
    after_events,
    after_fraction,
)
from unbroken.testing.server.schedule import schedule, text_of


def events(*pieces: str) -> list[dict[str, Any]]:
    """A stream of one text block."""
    return [
        {"type": "message_start"},
        {"type": "content_block_start"},
        *({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}} for text in pieces),
        {"type": "content_block_stop"},
        {"type": "message_delta"},
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize(
    ("at", "before"),
    [
        (BEFORE_MESSAGE_START, 0),
        (after_events(0), 0),
        (AFTER_MESSAGE_START, 1),
        (after_events(1), 1),
        (after_characters(0), 2),
        (after_characters(3), 3),
        (after_characters(6), 4),
        (after_fraction(0), 2),
        (after_fraction(0.5), 3),
        (after_fraction(1), 4),
        (AFTER_LAST_TEXT, 4),
        (after_blocks(1), 5),
        (AFTER_CONTENT, 5),
        (AFTER_MESSAGE_DELTA, 6),
        (AFTER_MESSAGE_STOP, 7),
        (after_events(7), 7),
    ],
)
def test_how_many_events_come_before_a_place(at: At, before: int) -> None:
    """Counted in a stream of one block with two deltas of three characters."""
    assert schedule(events("abc", "def"), [Reset(at=at)])[before] == Reset(at=at)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_a_delta_is_cut_exactly_there(n: int) -> None:
    """Its text is split, and no character is lost."""
    items = schedule(events("abc", "def"), [Reset(at=after_characters(n))])
    at = items.index(Reset(at=after_characters(n)))
    assert "".join(map(text_of, items[:at])) == "abcdef"[:n]
    assert "".join(map(text_of, items)) == "abcdef"


@pytest.mark.parametrize("at", [after_characters(7), after_events(8), after_blocks(2), BEFORE_RESPONSE])
def test_a_place_that_does_not_come(at: At) -> None:
    """Nothing is put in."""
    assert schedule(events("abc", "def"), [Reset(at=at), Slow(1)]) == events("abc", "def")


def test_a_stream_without_text() -> None:
    """Text places do not come; a fraction is one of the events."""
    for at in (after_characters(0), AFTER_LAST_TEXT):
        assert schedule(events(), [Reset(at=at)]) == events()
    assert schedule(events(), [Reset(at=after_fraction(0.5))]).index(Reset(at=after_fraction(0.5))) == 2
    assert schedule([{"type": "message_start"}], [Reset(at=AFTER_CONTENT)]) == [{"type": "message_start"}]


def test_faults_at_one_place_keep_their_order() -> None:
    """The first in the script is the first to happen."""
    faults = [Drop(at=after_characters(2)), Reset(at=after_characters(2))]
    items = schedule(events("abc", "def"), faults)
    assert [item for item in items if not isinstance(item, dict)] == faults


def test_no_such_place() -> None:
    """A negative count, or a fraction above one, is refused when it is written."""
    for point, n in ((Point.CHARACTERS, -1), (Point.FRACTION, 1.5)):
        with pytest.raises(ValueError, match="no such place"):
            At(point, n)
