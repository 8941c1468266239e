"""First come, first served."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unbroken.health.limits.line import Line, Ticket
from unbroken.health.limits.slot import Demand


def ticket(since: float) -> Ticket:
    """One that came then."""
    return Ticket(Demand(), since, lambda: None)


def test_who_has_left_is_not_seen() -> None:
    """At the end, at the front, in the middle."""
    line = Line()
    first, second, third = tickets = [ticket(1.0), ticket(1.0), ticket(1.0)]
    for each in tickets:
        line.join(each)
    assert len(line) == 3
    line.leave(second)
    assert (len(line), line.first()) == (2, first)
    line.leave(first)
    assert (len(line), line.first()) == (1, third)
    line.next()
    assert (len(line), line.first()) == (0, None)


def test_who_comes_again_has_the_old_place() -> None:
    """It did not ask later than who came meanwhile."""
    line = Line()
    late, again = ticket(2.0), ticket(1.0)
    line.join(late)
    line.join(again)
    assert line.first() is again


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["stays", "leaves", "next"])), max_size=50))
def test_the_oldest_is_always_the_first(happenings: list[tuple[int, str]]) -> None:
    """And of those of one age the one that came first."""
    line, waiting = Line(), list[Ticket]()
    for since, what in happenings:
        joined = ticket(float(since))
        line.join(joined)
        waiting.append(joined)
        waiting.sort(key=lambda each: (each.since, each.number))
        if what == "leaves":
            line.leave(waiting.pop(len(waiting) // 2))
        elif what == "next":
            assert line.first() is waiting.pop(0)
            line.next()
        assert line.first() is (waiting[0] if waiting else None)
        assert len(line) == len(waiting)
