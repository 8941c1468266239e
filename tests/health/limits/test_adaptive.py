"""The adaptive limit finds what a server can take, follows it up and down, and is never stuck."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbroken.health.limits.adaptive import AdaptiveLimit
from unbroken.health.limits.gate import Gate
from unbroken.health.limits.settings import Limits

from .serving import Served, serve


def adaptive() -> Gate:
    """A gate with nothing but an adaptive limit."""
    return Gate(Limits(concurrency="adaptive"))


def grown(answers: int) -> AdaptiveLimit:
    """A limit after so many answers, each while it was used up."""
    limit = AdaptiveLimit()
    for _ in range(answers):
        limit.answered(limit.episode, saturated=True)
    return limit


def test_slow_start_doubles_it_with_each_round() -> None:
    """Ten answers, then twenty."""
    assert AdaptiveLimit().limit == 10
    assert grown(10).limit == 20
    assert grown(30).limit == 40


def test_it_does_not_grow_where_it_is_not_used_up() -> None:
    """What nobody needs was not tried."""
    limit = AdaptiveLimit()
    for _ in range(100):
        limit.answered(limit.episode, saturated=False)
    assert limit.limit == 10


def test_it_has_an_end() -> None:
    """The SDK's clients have no more connections."""
    assert grown(5_000).limit == 1_000


def test_a_cut_after_a_round_of_answers_takes_a_tenth() -> None:
    """The limit was found to be about right; from there on it grows slowly."""
    limit = grown(30)
    assert limit.refused(0)
    assert limit.limit == 36
    for _ in range(36 * 3):
        limit.answered(limit.episode, saturated=True)
    assert limit.limit in (38, 39)


def test_an_episode_has_one_cut() -> None:
    """Forty refusals of what was sent before the cut are one."""
    limit = grown(30)
    assert [limit.refused(0) for _ in range(40)] == [True, *[False] * 39]
    assert limit.limit == 36


def test_what_was_sent_before_the_cut_is_no_reason_to_grow() -> None:
    """It was too much then."""
    limit = grown(30)
    limit.refused(0)
    for _ in range(36):
        limit.answered(0, saturated=True)
    assert limit.limit == 36


def test_cuts_without_a_round_of_answers_halve_it_down_to_one() -> None:
    """And at the floor nothing is cut any more."""
    limit = grown(30)
    cuts = []
    while limit.refused(limit.episode):
        cuts.append(limit.limit)
    assert cuts == [36, 18, 9, 4, 2, 1]
    assert limit.limit == 1


def test_after_an_outage_slow_start_goes_to_where_it_was() -> None:
    """And not one by one, which takes a hundred rounds."""
    limit = grown(90)
    for _ in range(20):
        limit.refused(limit.episode)
    assert limit.limit == 1
    for _ in range(89):
        limit.answered(limit.episode, saturated=True)
    assert limit.limit == 90


@given(st.lists(st.sampled_from(["answered", "old answer", "idle", "refused", "old refusal"]), max_size=300))
def test_it_is_always_between_one_and_a_thousand_and_shrinks_with_cuts_alone(happenings: list[str]) -> None:
    """Whatever happens."""
    limit = AdaptiveLimit()
    for happening in happenings:
        before, episode = limit.limit, limit.episode
        cut = False
        match happening:
            case "answered":
                limit.answered(episode, saturated=True)
            case "idle":
                limit.answered(episode, saturated=False)
            case "old answer":
                limit.answered(episode - 1, saturated=True)
            case "refused":
                cut = limit.refused(episode)
            case _:
                cut = limit.refused(episode - 1)
                assert not cut
        assert 1 <= limit.limit <= 1_000
        assert cut == (limit.limit < before)


# -- against a server


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 150), st.integers(0, 10**6))
def test_it_uses_95_percent_of_a_hidden_limit(places: int, seed: int) -> None:
    """What it may use: a request is a tenth of a second on its way to a place that it holds for six."""
    served = serve(adaptive(), lambda _now: places, 300, seed=seed)
    reachable = places * 6.0 / 6.1
    assert served.used(100, 300) >= 0.95 * reachable
    assert sum(at > 100 for at in served.refused) < 40  # in 200 seconds: one now and then, to see whether there is more


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(2, 100), min_size=2, max_size=4), st.integers(0, 10**6))
def test_it_follows_a_hidden_limit_up_and_down(steps: list[int], seed: int) -> None:
    """Two minutes after each step it is found."""
    served = serve(adaptive(), lambda now: steps[min(int(now // 240), len(steps) - 1)], 240 * len(steps), seed=seed)
    for number, places in enumerate(steps):
        assert served.used(240 * number + 120, 240 * (number + 1)) >= 0.95 * places * 6.0 / 6.1, (number, places)


@pytest.mark.parametrize("outage", [10, 60, 600])
def test_after_an_outage_it_is_soon_what_it_was(outage: int) -> None:
    """Never stuck at its floor: within twenty seconds most of a hundred places are used again."""
    served = serve(adaptive(), lambda now: 0 if 100 <= now < 100 + outage else 100, 160 + outage, seed=1)
    assert served.used(80, 100) > 90
    assert served.used(100 + outage + 20, 160 + outage) > 90
    assert _between(served, 110, 100 + outage) < 150  # at the floor: one at a time, each for a tenth of a second


def _between(served: Served, begin: float, end: float) -> float:
    """Refusals for each ten seconds."""
    return 10 * sum(begin <= at < end for at in served.refused) / max(1.0, end - begin)


def test_it_comes_up_from_the_floor_after_refusals_that_have_ended() -> None:
    """Those were of every second request, whatever was out."""
    gate = adaptive()
    number = iter(range(10**9))
    served = serve(gate, lambda now: 200 if now >= 100 or next(number) % 2 else 0, 220, seed=2)
    assert min(served.busy[second] for second in range(60, 100)) < 10
    assert served.used(200, 220) > 150
