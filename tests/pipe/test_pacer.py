"""An even pace: how much is due when, for a reader who takes it in time and for one who does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.pipe.pacer import Pacer

Taken = list[tuple[float, str]]


def play(pacer: Pacer, arrivals: list[tuple[float, str]]) -> Taken:
    """What a reader takes who is always there, and when."""
    taken: Taken = []
    now = 0.0
    coming = list(arrivals)
    while coming or pacer.size:
        wait = pacer.wait(now)
        if coming and (wait is None or coming[0][0] <= now + wait):
            now, text = coming.pop(0)
            pacer.put(text, now)
        else:
            assert wait is not None
            now += wait
        if text := pacer.take(now):
            taken.append((now, text))
    return taken


def test_a_burst_comes_out_character_by_character() -> None:
    """Ten a second: the first at once, then one each tenth of a second."""
    taken = play(Pacer(10, 60), [(0.0, "abcde")])
    assert taken == [(pytest.approx(number / 10), letter) for number, letter in enumerate("abcde")]


def test_a_high_rate_comes_in_pieces() -> None:
    """At 300 a second nobody is woken for each character: ten come each thirtieth of a second."""
    taken = play(Pacer(300, 60), [(0.0, "x" * 35)])
    assert [len(text) for _, text in taken] == [10, 10, 10, 5]
    assert taken[-1][0] == pytest.approx(3 / 30, abs=1 / 30)


def test_a_rate_that_is_no_whole_number_of_characters_for_each_piece_holds() -> None:
    """45 a second is 45 a second, and not 30 or 60."""
    taken = play(Pacer(45, 60), [(0.0, "x" * 450)])
    assert taken[-1][0] == pytest.approx(10, abs=0.1)


def test_a_burst_that_is_too_large_is_spread_over_the_lag() -> None:
    """A thousand characters at once, with a lag of two seconds: 500 a second, whatever the rate, and evenly."""
    taken = play(Pacer(1, 2), [(0.0, "x" * 1000)])
    assert taken[-1][0] <= 2
    assert taken[-1][0] == pytest.approx(2, abs=0.05)
    assert {len(text) for _, text in taken[:-1]} <= {16, 17}


def test_a_pause_earns_nothing() -> None:
    """After a minute of silence the next burst is as even as the first."""
    pacer = Pacer(10, 60)
    assert play(pacer, [(0.0, "a")]) == [(0.0, "a")]
    taken = play(pacer, [(60.0, "bcd")])
    assert taken == [(pytest.approx(60 + number / 10), letter) for number, letter in enumerate("bcd")]


def test_a_reader_who_was_away_gets_what_was_due_meanwhile() -> None:
    """No more: the rest goes on at the pace, and the pace is kept over all."""
    pacer = Pacer(10, 60)
    pacer.put("x" * 100, 0.0)
    assert len(pacer.take(0.0)) == 1
    assert len(pacer.take(5.0)) == 50
    assert pacer.wait(5.0) == pytest.approx(0.1)


def test_no_lag_holds_nothing_back() -> None:
    """With a lag of 0 the text comes as it came."""
    assert play(Pacer(1, 0), [(0.0, "abc"), (0.01, "de")]) == [(0.0, "abc"), (0.01, "de")]


def test_nothing_is_held_of_nothing() -> None:
    """An empty text, and a pacer that was cleared, have nothing due."""
    pacer = Pacer(10, 1)
    pacer.put("", 0.0)
    assert (pacer.take(0.0), pacer.wait(0.0), pacer.size) == ("", None, 0)
    pacer.put("abc", 0.0)
    pacer.clear()
    assert (pacer.take(9.0), pacer.wait(9.0), pacer.size) == ("", None, 0)


arrivals = st.lists(st.tuples(st.floats(0, 2), st.text("ab", max_size=60)), max_size=12)


@given(arrivals=arrivals, rate=st.floats(0.5, 2000), max_lag=st.floats(0, 3))
def test_no_character_is_late_lost_or_early(arrivals: Taken, rate: float, max_lag: float) -> None:
    """Whatever comes when: each character is out within the lag, in order, and not before it came."""
    now, timed = 0.0, []
    for gap, text in arrivals:
        now += gap
        timed.append((now, text))
    taken = play(Pacer(rate, max_lag), timed)
    came = [moment for moment, text in timed for _ in text]
    went = [moment for moment, text in taken for _ in text]
    assert "".join(text for _, text in taken) == "".join(text for _, text in timed)
    for came_at, went_at in zip(came, went, strict=True):
        assert came_at <= went_at <= came_at + max_lag + 1e-5


@given(arrivals=arrivals, rate=st.floats(5, 300))
def test_the_rate_is_not_exceeded_without_need(arrivals: Taken, rate: float) -> None:
    """With all the lag in the world, no second has more characters than the rate, but for one piece."""
    now, timed = 0.0, []
    for gap, text in arrivals:
        now += gap
        timed.append((now, text))
    taken = play(Pacer(rate, 1e6), timed)
    for number, (begin, _) in enumerate(taken):
        inside = sum(len(text) for moment, text in taken[number:] if moment < begin + 1)
        assert inside <= rate + rate / 30 + 2
