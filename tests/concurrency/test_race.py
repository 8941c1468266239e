"""The race by itself: who starts when, who wins, and what becomes of the others. Seconds are exact."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from unbroken.concurrency.race import race

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

NEVER = 1_000.0


class Field:
    """Openers that take so many seconds, and a record of what happened to each."""

    def __init__(self, *times: float | tuple[float, object]) -> None:
        self.started: dict[int, float] = {}
        self.cancelled: list[int] = []
        self.discarded: list[object] = []
        self.most = 0
        self._running = 0
        self._times = times
        self._began = anyio.current_time()

    async def race(self, **rules: Any) -> tuple[object, float]:
        """The winner, and when it was known."""
        openers = [self._opener(rank) for rank in range(len(self._times))]
        winner = await race(openers, discard=self._discard, **{"delay": 1.0, **rules})
        return winner, self.now

    @property
    def now(self) -> float:
        """Seconds since the race began."""
        return round(anyio.current_time() - self._began, 6)

    def _opener(self, rank: int) -> Callable[[], Awaitable[object]]:
        async def run() -> object:
            time = self._times[rank]
            seconds, outcome = time if isinstance(time, tuple) else (time, rank)
            self.started[rank] = self.now
            self._running += 1
            self.most = max(self.most, self._running)
            try:
                await anyio.sleep(seconds)
            except BaseException:
                self.cancelled.append(rank)
                raise
            finally:
                self._running -= 1
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return run

    async def _discard(self, opened: object) -> None:
        await anyio.lowlevel.checkpoint()
        self.discarded.append(opened)


async def test_the_first_that_is_in_time_runs_alone() -> None:
    """Nobody else is even started."""
    field = Field(0.9, 0.1)
    assert await field.race() == (0, 0.9)
    assert field.started == {0: 0.0}


async def test_the_next_one_starts_exactly_after_the_delay() -> None:
    """And the one after that after another delay; the first to be healthy wins, the rest are cancelled."""
    field = Field(NEVER, NEVER, 0.5)
    assert await field.race(delay=0.8) == (2, 2.1)
    assert field.started == {0: 0.0, 1: 0.8, 2: 1.6}
    assert sorted(field.cancelled) == [0, 1]


async def test_one_that_fails_does_not_wait_out_the_delay() -> None:
    """The next starts in the same instant."""
    field = Field((0.25, None), (0.25, None), 1.0)
    assert await field.race() == (2, 1.5)
    assert field.started == {0: 0.0, 1: 0.25, 2: 0.5}


async def test_any_failure_starts_the_next_one() -> None:
    """Also one of an opener that is not the last to have started; each failure starts one."""
    field = Field((1.5, None), NEVER, 3.0, 0.4)
    assert await field.race() == (3, 2.9)
    assert field.started == {0: 0.0, 1: 1.0, 2: 1.5, 3: 2.5}


async def test_all_at_once() -> None:
    """With a delay of 0 the fastest wins."""
    field = Field(3.0, 1.0, 2.0)
    assert await field.race(delay=0) == (1, 1.0)
    assert field.started == {0: 0.0, 1: 0.0, 2: 0.0}
    assert sorted(field.cancelled) == [0, 2]


async def test_the_next_one_starts_with_one_that_is_doubtful() -> None:
    """And the one after that waits out the delay, unless it is doubtful too."""
    field = Field(NEVER, NEVER, NEVER, NEVER, 1.0)
    assert await field.race(delay=30.0, eager=[0, 2]) == (4, 61.0)
    assert field.started == {0: 0.0, 1: 0.0, 2: 30.0, 3: 30.0, 4: 60.0}


async def test_doubt_does_not_make_room() -> None:
    """No more run at a time than may."""
    field = Field(2.0, 1.0)
    assert await field.race(delay=30.0, eager=[0], max_concurrent=1) == (0, 2.0)
    assert field.started == {0: 0.0}


async def test_all_have_failed() -> None:
    """There is no winner, and it is known at once."""
    field = Field((0.5, None), (2.0, None))
    assert await field.race() == (None, 2.5)
    assert field.discarded == []


async def test_a_preferred_one_may_overtake_within_the_grace() -> None:
    """What the faster one had opened is closed."""
    field = Field(2.0, 0.5)
    assert await field.race(preference_grace=0.7) == (0, 2.0)
    assert field.discarded == [1]


async def test_after_the_grace_the_faster_one_has_won() -> None:
    """However little the preferred one would have needed."""
    field = Field(2.3, 0.5)
    assert await field.race(preference_grace=0.7) == (1, 2.2)
    assert field.cancelled == [0]


async def test_the_grace_is_not_waited_out_when_the_preferred_one_fails() -> None:
    """Nobody is left to wait for."""
    field = Field((1.6, None), 0.5)
    assert await field.race(preference_grace=5.0) == (1, 1.6)


async def test_the_grace_is_not_waited_out_for_the_less_preferred() -> None:
    """The first in rank has won as soon as it is healthy."""
    field = Field(1.5, NEVER)
    assert await field.race(preference_grace=5.0) == (0, 1.5)


async def test_within_the_grace_the_best_of_the_better_ones_wins() -> None:
    """One overtakes, and may be overtaken itself while the grace lasts."""
    field = Field(3.0, 2.0, 1.0)
    assert await field.race(delay=0, preference_grace=1.5) == (1, 2.5)
    assert field.discarded == [2]
    field = Field(2.4, 2.0, 1.0)
    assert await field.race(delay=0, preference_grace=1.5) == (0, 2.4)
    assert sorted(map(str, field.discarded)) == ["1", "2"]


async def test_nobody_starts_within_the_grace() -> None:
    """There is a healthy one already."""
    field = Field(NEVER, 0.5, 0.1)
    assert await field.race(preference_grace=5.0) == (1, 6.5)
    assert 2 not in field.started


async def test_no_more_run_at_a_time_than_are_allowed() -> None:
    """The next waits for a place; a failure makes one."""
    field = Field((4.0, None), (5.0, None), 1.0, NEVER)
    assert await field.race(max_concurrent=2) == (2, 5.0)
    assert field.started == {0: 0.0, 1: 1.0, 2: 4.0}
    assert field.most == 2


async def test_whoever_is_not_admitted_is_passed_over() -> None:
    """And the one after it gets its turn at once if nobody is running."""
    field = Field((0.5, None), 0.1, 0.2)

    async def admit(rank: int) -> bool:
        return rank != 1

    assert await field.race(admit=admit) == (2, 0.7)
    assert 1 not in field.started


async def test_the_race_goes_on_while_admission_is_waited_for() -> None:
    """The first one may win meanwhile; then the second never starts."""
    field = Field(3.0, 0.1)

    async def admit(rank: int) -> bool:
        await anyio.sleep(10)
        return True

    assert await field.race(admit=admit) == (0, 3.0)
    assert field.started == {0: 0.0}


async def test_a_wait_for_admission_is_only_a_delay() -> None:
    """With nobody running it is waited for to its end."""
    field = Field((0.5, None), 0.1)

    async def admit(rank: int) -> bool:
        await anyio.sleep(10)
        return True

    assert await field.race(admit=admit) == (1, 10.6)


async def test_what_an_opener_raises_ends_the_race() -> None:
    """As it is, and not in a group; the others are closed."""
    error = ValueError("a mistake of the caller's")
    field = Field(NEVER, (0.5, error), NEVER)
    with pytest.raises(ValueError, match="a mistake") as caught:
        await field.race(delay=0)
    assert caught.value is error
    assert field.now == 0.5
    assert sorted(field.cancelled) == [0, 2]


async def test_what_admission_raises_ends_the_race() -> None:
    """The same."""
    field = Field(NEVER, 1.0)

    async def admit(rank: int) -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        await field.race(admit=admit)
    assert field.cancelled == [0]


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
async def test_cancelled_at_any_time_it_leaves_nothing_open(at: float) -> None:
    """Before the first is healthy, while one waits for its turn, within the grace."""
    field = Field(NEVER, 1.0, NEVER)
    with anyio.move_on_after(at) as scope:
        await field.race(preference_grace=5.0)
    assert scope.cancelled_caught
    opened = set(field.started) - set(field.cancelled)
    assert opened == set(field.discarded)


async def test_two_that_are_healthy_in_the_same_instant() -> None:
    """The preferred one wins, and the other is closed."""
    field = Field(2.0, 1.0)
    assert await field.race() == (0, 2.0)
    assert [*field.discarded, *field.cancelled] == [1], "either it had opened something, or it had not"
