"""Slow start: who is let through after a standstill, and when all are."""

from __future__ import annotations

import pytest

from unbroken.health.slow_start import LINGER, SlowStart


def let_through(slow_start: SlowStart, now: float, waiting: int) -> int:
    """How many of those who wait are."""
    through = 0
    for _ in range(waiting):
        if slow_start.has_room(now):
            slow_start.enter(now)
            through += 1
    return through


def test_without_a_standstill_everyone_is_let_through() -> None:
    """And nothing is counted."""
    slow_start = SlowStart()
    assert (slow_start.is_over, slow_start.wait(0.0)) == (True, 0.0)
    assert let_through(slow_start, 0.0, 50) == 50
    slow_start.answered()
    slow_start.ended()
    assert slow_start.is_over


def test_one_then_twice_as_many() -> None:
    """Each that is answered makes room for two."""
    slow_start = SlowStart()
    slow_start.begin(10.0)
    rounds = []
    for number in range(6):
        rounds.append(let_through(slow_start, 10.0 + number / 2, 100))
        assert slow_start.wait(10.0 + number / 2) == LINGER / 2
        for _ in range(rounds[-1]):
            slow_start.answered()
    assert rounds == [1, 2, 4, 8, 16, 32]


def test_one_that_fails_makes_room_for_one() -> None:
    """It does not grow."""
    slow_start = SlowStart()
    slow_start.begin(0.0)
    for now in (0.0, 0.5, 1.0, 1.5):
        assert let_through(slow_start, now, 10) == 1
        slow_start.ended()


@pytest.mark.parametrize("pace", [5.0, 20.0, 80.0])
def test_never_more_a_second_than_its_pace(pace: float) -> None:
    """However soon each is answered, and however many wait; and hardly less."""
    slow_start = SlowStart()
    slow_start.begin(0.0, pace)
    seconds = []
    for second in range(5):
        through = 0
        for step in range(100):
            came = let_through(slow_start, second + step / 100, 50)
            for _ in range(came):
                slow_start.answered()
            through += came
        seconds.append(through)
    assert all(0.9 * pace - 1 <= through <= 1.1 * pace + 1 for through in seconds)
    assert sum(seconds) <= 5 * pace + 0.1 * pace + 1


def test_it_is_over_when_nobody_was_turned_away_for_a_while() -> None:
    """Twice the time in which who waits looks again."""
    slow_start = SlowStart()
    slow_start.begin(0.0)
    assert let_through(slow_start, 0.0, 2) == 1
    assert slow_start.wait(LINGER) > 0
    assert slow_start.wait(LINGER + 0.1) == 0.0
    assert let_through(slow_start, LINGER + 0.1, 50) == 50
    assert slow_start.is_over


def test_another_standstill_begins_it_anew() -> None:
    """With one."""
    slow_start = SlowStart()
    slow_start.begin(0.0)
    for now in (0.0, 0.5, 1.0):
        for _ in range(let_through(slow_start, now, 10)):
            slow_start.answered()
    slow_start.begin(5.0)
    assert let_through(slow_start, 5.0, 10) == 1
