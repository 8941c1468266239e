"""A model that mostly fails is left alone, by all streams that share a `Health`; and a storm does not become a storm of
retries. Seconds are exact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeVar

import anthropic
import anyio
import httpx2
import pytest

from harness import AT_ONCE, Reading, assert_unbroken, read, serving
from unbroken import Health, Hedging, Policy, StreamFailed, StreamTimeout
from unbroken.core.failure import Kind, of_kind
from unbroken.health.permit import Permit
from unbroken.testing import AFTER_MESSAGE_START, BEFORE_RESPONSE, ErrorEvent, Reset, Script, Silence, Status
from unbroken.testing import after_characters as after

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

FIRST: Final = "claude-opus-5-5"
SECOND: Final = "claude-sonnet-5-5"
TWO: Final = {"model": FIRST, "fallback_models": [SECOND]}
TEXT: Final = "Whoever knocks at a door that is shut, again and again, only keeps it shut."

OVERLOADED: Final = ErrorEvent("overloaded_error", at=AFTER_MESSAGE_START)
DEAD: Final = of_kind(Kind.OVERLOADED, anthropic.APIError("Overloaded", httpx2.Request("POST", "/"), body=None))

#: Enough failures in a row to open a breaker, and how long it then stays open: the defaults of `Health`.
ENOUGH: Final = 20
RECOVERY: Final = 5.0


SharedT = TypeVar("SharedT", bound=Health)


def health(**changes: Any) -> Health:
    """A `Health` on the clock of the test, for which twenty failures in a row are the end of all success."""
    return Health(**{"clock": anyio.current_time, "consecutive_failures": ENOUGH, **changes})


def open_all(shared: SharedT, client: object, *models: str) -> SharedT:
    """Let the breakers of these models open now."""
    for model in models:
        for _ in range(ENOUGH):
            permit = shared.enter(client, model)
            assert permit is not None
            permit.failed(DEAD, cut=False)
    return shared


def opened(client: object, *models: str) -> Health:
    """A `Health` in which the breakers of these models have opened just now, and the budget is full."""
    return open_all(health(), client, *models)


def states(shared: Health) -> dict[str, str]:
    """What the breaker of each model is."""
    return {route["model"]: route["state"] for route in shared.snapshot()["routes"]}


def asked(reading: Reading) -> list[tuple[str, float]]:
    """Who was asked, and when, in seconds from entering."""
    return [(attempt.model, round(attempt.started, 3)) for attempt in reading.report.attempts]


# -- one stream


async def test_enough_failures_open_the_breaker() -> None:
    """The streams that saw them go elsewhere, and so does the one that saw none of them."""
    shared = health(max_retries=100)
    script = Script(TEXT, models={FIRST: Script(TEXT, then=OVERLOADED)})
    async with serving(script) as (server, client):
        policy = replace(AT_ONCE, max_attempts_per_route=1)
        for _ in range(ENOUGH):
            assert_unbroken(await read(client, **TWO, policy=policy, health=shared), TEXT)
        assert states(shared) == {FIRST: "open", SECOND: "closed"}
        reading = await read(client, **TWO, policy=policy, health=shared)
        assert_unbroken(reading, TEXT)
        assert asked(reading) == [(SECOND, 0.0)]
        assert sum(request.model == FIRST for request in server.requests) == ENOUGH


@pytest.mark.parametrize("hedging", [None, Hedging(1.0)])
async def test_an_open_breaker_sends_the_stream_to_the_next_route_at_once(hedging: Hedging | None) -> None:
    """The model is not asked, and the caller is told why."""
    async with serving(TEXT) as (server, client):
        policy = replace(AT_ONCE, hedging=hedging)
        reading = await read(client, **TWO, policy=policy, health=opened(client, FIRST))
        assert_unbroken(reading, TEXT)
        assert asked(reading) == [(SECOND, 0.0)]
        assert reading.codes == ["circuit_open"]
        assert FIRST in reading.report.notices[0].message
        assert [request.model for request in server.requests] == [SECOND]


async def test_a_breaker_that_is_open_when_a_stream_is_cut_sends_its_rest_elsewhere() -> None:
    """In the form that the other model takes; the text is joined as ever."""
    shared = health()
    script = Script(TEXT, models={FIRST: Script(TEXT, faults=[[Silence(3, at=after(20)), Reset(at=after(30))]])})
    async with serving(script) as (_, client), anyio.create_task_group() as group:
        readings: list[Reading] = []

        async def stream() -> None:
            readings.append(await read(client, **TWO, health=shared))

        group.start_soon(stream)
        await anyio.sleep(1)
        open_all(shared, client, FIRST)
    assert_unbroken(readings[0], TEXT)
    assert asked(readings[0]) == [(FIRST, 0.0), (SECOND, 3.0)]
    assert "circuit_open" in readings[0].codes


@pytest.mark.parametrize("hedging", [None, Hedging(1.0)])
async def test_with_every_breaker_open_the_probe_is_waited_for(hedging: Hedging | None) -> None:
    """It is sent when its time has come, and brings the answer; the wait is told, and is in the report."""
    async with serving(TEXT) as (_, client):
        shared = opened(client, FIRST, SECOND)
        reading = await read(client, **TWO, policy=replace(AT_ONCE, hedging=hedging), health=shared)
        assert_unbroken(reading, TEXT)
        assert asked(reading)[0] == (FIRST, RECOVERY)
        assert reading.report.attempts[0].waited == pytest.approx(RECOVERY)
        assert reading.codes == ["circuit_open"]
        assert states(shared)[FIRST] == "closed"


def failing(client: object, *models: str) -> Health:
    """A `Health` of which most requests to these models have failed just now, but not so many in a row."""
    return open_all(Health(clock=anyio.current_time), client, *models)


@pytest.mark.parametrize("hedging", [None, Hedging(1.0)])
async def test_a_route_that_mostly_fails_is_asked_at_once_where_no_other_is_left(hedging: Hedging | None) -> None:
    """Some of what it is asked may succeed; nobody waits for a probe."""
    async with serving(TEXT) as (_, client):
        policy = replace(AT_ONCE, hedging=hedging)
        reading = await read(client, model=FIRST, policy=policy, health=failing(client, FIRST))
        assert_unbroken(reading, TEXT)
        assert (asked(reading), reading.codes) == ([(FIRST, 0.0)], [])
        shared = failing(client, FIRST, SECOND)
        assert states(shared) == {FIRST: "open", SECOND: "open"}
        reading = await read(client, **TWO, policy=policy, health=shared)
        assert_unbroken(reading, TEXT)
        assert asked(reading) == [(FIRST, 0.0)]
        assert states(shared) == {FIRST: "closed", SECOND: "open"}


@pytest.mark.parametrize("hedging", [None, Hedging(0.0)])
async def test_a_route_that_mostly_fails_is_passed_over_where_another_is_left(hedging: Hedging | None) -> None:
    """It is told why, and does not take part in a race."""
    async with serving(TEXT) as (server, client):
        policy = replace(AT_ONCE, hedging=hedging)
        reading = await read(client, **TWO, policy=policy, health=failing(client, FIRST))
        assert_unbroken(reading, TEXT)
        assert (asked(reading), reading.codes) == ([(SECOND, 0.0)], ["circuit_open"])
        assert [request.model for request in server.requests] == [SECOND]


async def test_a_hundred_failures_in_a_row_and_nobody_asks_but_probes() -> None:
    """Streams wait for what the probe finds, and are then let through by and by."""
    async with serving(TEXT) as (server, client):
        shared = failing(client, FIRST)
        for _ in range(100 - ENOUGH):
            permit = shared.enter(client, FIRST, insist=True)
            assert permit is not None
            permit.failed(DEAD, cut=False)
        readings = await together(client, 12, model=FIRST, health=shared)
        started = sorted(when for reading in readings for _, when in asked(reading))
        assert started[0] == pytest.approx(RECOVERY)
        assert max(sum(since <= when < since + 1 for when in started) for since in started) <= 4
        assert len(server.requests) == 12
        assert all(reading.text == TEXT for reading in readings)


async def test_after_a_cool_down_one_goes_then_twice_as_many() -> None:
    """Those whom it has kept waiting do not all ask in the instant of its end."""
    limited = Status(429, type="rate_limit_error", headers={"retry-after": "10"})
    slow = Silence(0.4, at=AFTER_MESSAGE_START)
    shared = health()
    async with serving(Script(TEXT, faults=[limited, *[slow] * 40])) as (_, client):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: read(client, model=FIRST, health=shared))
            await anyio.sleep(1)
            readings = await together(client, 20, model=FIRST, health=shared)
        started = sorted(1 + when for reading in readings for _, when in asked(reading))
        first_second = [sum(10 + half / 2 <= when < 10.5 + half / 2 for when in started) for half in range(4)]
        assert sum(first_second[:1]) <= 1
        assert sum(first_second[:2]) <= 3
        assert sum(first_second[:3]) <= 7
        assert started[-1] < 20


async def test_a_breaker_is_not_waited_for_where_a_closed_one_is_left() -> None:
    """Not even by a stream whose other route has just failed: it is asked again."""
    script = Script(TEXT, models={SECOND: Script(TEXT, faults=[OVERLOADED])})
    async with serving(script) as (_, client):
        reading = await read(client, **TWO, health=opened(client, FIRST))
        assert_unbroken(reading, TEXT)
        assert [model for model, _ in asked(reading)] == [SECOND, SECOND]


@pytest.mark.parametrize("hedging", [None, Hedging(1.0)])
async def test_a_probe_that_would_come_too_late_is_not_waited_for(hedging: Hedging | None) -> None:
    """`StreamFailed`, with no attempt in its report, and no time lost."""
    async with serving(TEXT) as (server, client):
        policy = replace(AT_ONCE, hedging=hedging, max_retry_after=RECOVERY - 0.1)
        began = anyio.current_time()
        with pytest.raises(StreamFailed) as caught:
            await read(client, **TWO, policy=policy, health=opened(client, FIRST, SECOND))
        assert anyio.current_time() == began
        assert caught.value.report.attempts == []
        assert caught.value.report.outcome == "failed"
        assert not caught.value.partial.text
        assert server.requests == []


async def test_somebody_elses_probes_are_not_waited_for_longer_than_max_retry_after() -> None:
    """Another stream is always a moment faster to send its probe, and never says what it found."""

    class Taken(Health):
        """Gives nobody a permission any more."""

        taken = False

        def enter(self, client: object, model: str, **rules: Any) -> Permit | None:
            return None if self.taken else super().enter(client, model, **rules)

    async with serving(TEXT) as (server, client):
        shared = open_all(Taken(clock=anyio.current_time), client, FIRST)
        shared.taken = True
        await anyio.sleep(1)
        began = anyio.current_time()
        with pytest.raises(StreamFailed) as caught:
            await read(client, model=FIRST, policy=replace(AT_ONCE, max_retry_after=12), health=shared)
        assert anyio.current_time() - began == pytest.approx(12, abs=0.5), "it looks twice a second"
        assert caught.value.report.attempts == []
        assert server.requests == []


async def test_a_cut_counts_half() -> None:
    """Twenty cut answers that were gone on with are ten failures of forty requests: the breaker stays closed."""
    shared = health()
    script = Script(TEXT, faults=[Reset(at=after(30)), None] * ENOUGH)
    async with serving(script) as (_, client):
        for _ in range(ENOUGH):
            assert_unbroken(await read(client, model=FIRST, health=shared), TEXT)
        assert states(shared) == {FIRST: "closed"}
        (route,) = shared.snapshot()["routes"]
        assert (route["requests"], route["failures"]) == (2 * ENOUGH, ENOUGH / 2)


# -- several streams


async def together(client: Any, streams: int, **arguments: Any) -> list[Reading]:
    """So many streams at the same time."""
    readings: list[Reading] = []

    async def stream() -> None:
        readings.append(await read(client, **arguments))

    async with anyio.create_task_group() as group:
        for _ in range(streams):
            group.start_soon(stream)
    return readings


def before_content(server: Any) -> int:
    """How many requests had arrived when the first of them was answered."""
    answered = min(request.ended_at for request in server.requests)
    return sum(request.arrived_at < answered for request in server.requests)


async def test_ten_streams_send_one_probe() -> None:
    """The others wait for what it finds, and go when it has brought content."""
    slow = Silence(2, at=AFTER_MESSAGE_START)
    async with serving(Script(TEXT, faults=[slow])) as (server, client):
        shared = opened(client, FIRST)
        readings = await together(client, 10, model=FIRST, health=shared)
        for reading in readings:
            assert_unbroken(reading, TEXT)
        started = sorted(when for reading in readings for _, when in asked(reading))
        assert started[0] == RECOVERY
        late = [when - RECOVERY - 2 for when in started[1:]]
        assert all(0 <= when <= 5 for when in late), "of nobody it is known how much he asks: two a second"
        assert sum(when < 0.5 for when in late) <= 2, "slow start"
        assert len(server.requests) == 10
        assert before_content(server) == 1


async def test_ten_streams_with_a_fallback_send_one_probe_and_do_not_wait() -> None:
    """One is enough to find out; the others have somewhere else to go."""
    async with serving(Script(TEXT, models={FIRST: Script(TEXT, faults=[Silence(2)])})) as (server, client):
        shared = opened(client, FIRST)
        await anyio.sleep(RECOVERY)
        readings = await together(client, 10, **TWO, health=shared)
        for reading in readings:
            assert_unbroken(reading, TEXT)
        assert sorted(model for reading in readings for model, _ in asked(reading)) == [FIRST] + [SECOND] * 9
        assert {when for reading in readings for _, when in asked(reading)} == {0.0}
        assert len(server.requests) == 10


async def test_a_probe_that_fails_leaves_the_others_waiting_for_the_next() -> None:
    """Five seconds later, and again one request only."""
    async with serving(Script(TEXT, faults=[OVERLOADED])) as (server, client):
        shared = opened(client, FIRST)
        readings = await together(client, 10, model=FIRST, health=shared)
        for reading in readings:
            assert_unbroken(reading, TEXT)
        started = sorted(when for reading in readings for _, when in asked(reading))
        assert started[0] == RECOVERY
        assert 2 * RECOVERY <= started[1] <= 2 * RECOVERY + 0.01
        assert len(server.requests) == 11


async def test_a_probe_that_nobody_hears_of_again_keeps_nobody_waiting_for_long() -> None:
    """The next one may go after the same time."""
    async with serving(Script(TEXT, faults=[Silence(60, at=BEFORE_RESPONSE)])) as (_, client):
        shared = opened(client, FIRST)
        readings = await together(client, 2, model=FIRST, health=shared)
        started = sorted(when for reading in readings for _, when in asked(reading))
        assert started[0] == RECOVERY
        assert 2 * RECOVERY <= started[1] <= 2 * RECOVERY + 0.5


async def test_a_probe_that_is_cancelled_lets_the_next_one_go() -> None:
    """Its caller has left; that says nothing about the server."""
    async with serving(Script(TEXT, faults=[Silence(at=BEFORE_RESPONSE)])) as (_, client):
        shared = opened(client, FIRST)
        await anyio.sleep(RECOVERY)
        with anyio.move_on_after(1):
            await read(client, model=FIRST, health=shared)
        reading = await read(client, model=FIRST, health=shared)
        assert_unbroken(reading, TEXT)
        assert asked(reading) == [(FIRST, 0.0)]


async def test_a_probe_whose_deadline_passes_lets_the_next_one_go() -> None:
    """It was given up too."""
    async with serving(Script(TEXT, faults=[Silence(at=BEFORE_RESPONSE)])) as (_, client):
        shared = opened(client, FIRST)
        await anyio.sleep(RECOVERY)
        with pytest.raises(StreamTimeout):
            await read(client, model=FIRST, policy=replace(AT_ONCE, deadline=1), health=shared)
        assert asked(await read(client, model=FIRST, health=shared)) == [(FIRST, 0.0)]


async def test_a_cool_down_that_one_stream_was_given_is_obeyed_by_another() -> None:
    """The rest of it is waited for where there is nowhere else to go; it opens no breaker."""
    limited = Status(429, type="rate_limit_error", headers={"retry-after": "30"})
    shared = health()
    async with serving(Script(TEXT, faults=[limited])) as (_, client):
        policy = replace(AT_ONCE, max_attempts=1)
        with pytest.raises(StreamFailed):
            await read(client, model=FIRST, policy=policy, health=shared)
        await anyio.sleep(10)
        reading = await read(client, model=FIRST, health=shared)
        assert_unbroken(reading, TEXT)
        assert asked(reading) == [(FIRST, 20.0)]
        assert states(shared) == {FIRST: "closed"}


async def test_honoured_rate_limits_end_no_stream_and_cost_nothing() -> None:
    """More of them than `max_attempts`, with an empty budget; the report has each."""
    limited = Status(429, type="rate_limit_error", headers={"retry-after": "2"})
    shared = health(max_retries=1, retries_per_second=0, retries_per_missing=0)
    assert shared.take_retry() == 0.0
    async with serving(Script(TEXT, faults=[limited] * 12)) as (_, client):
        reading = await read(client, model=FIRST, policy=replace(AT_ONCE, max_attempts=3), health=shared)
        assert_unbroken(reading, TEXT)
        assert [when for _, when in asked(reading)] == [2.0 * number for number in range(13)]
        assert [attempt.outcome for attempt in reading.report.attempts] == ["rate_limited"] * 12 + ["complete"]
        assert shared.snapshot()["retries_left"] == pytest.approx(0.1)


@pytest.mark.parametrize("max_retry_after", [25.0, 15.0])
async def test_a_cool_down_longer_than_max_retry_after_is_not_waited_for(max_retry_after: float) -> None:
    """The fallback is asked; without one the stream fails, and no request is made."""
    limited = Status(429, type="rate_limit_error", headers={"retry-after": "30"})
    shared = health()
    async with serving(Script(TEXT, models={FIRST: Script(TEXT, faults=[limited])})) as (server, client):
        policy = replace(AT_ONCE, max_retry_after=max_retry_after)
        assert asked(await read(client, **TWO, policy=policy, health=shared)) == [(FIRST, 0.0), (SECOND, 0.0)]
        assert asked(await read(client, **TWO, policy=policy, health=shared)) == [(SECOND, 0.0)]
        with pytest.raises(StreamFailed) as caught:
            await read(client, model=FIRST, policy=policy, health=shared)
        assert caught.value.report.attempts == []
        assert len(server.requests) == 3


async def test_streams_of_two_healths_know_nothing_of_each_other() -> None:
    """Nor do two clients with one: rate limits and routes belong to a client."""
    async with serving(TEXT) as (server, client), serving(TEXT) as (_, other):
        shared = opened(client, FIRST)
        assert asked(await read(other, model=FIRST, health=shared)) == [(FIRST, 0.0)]
        assert asked(await read(client, model=FIRST, health=health())) == [(FIRST, 0.0)]
        assert len(server.requests) == 1


async def test_two_streams_share_the_health_of_their_client() -> None:
    """Unless they are given another: what the first learnt, the second knows."""
    limited = Status(429, type="rate_limit_error", headers={"retry-after": "3600"})
    async with serving(Script(TEXT, models={FIRST: Script(TEXT, faults=[limited])})) as (_, client):
        assert asked(await read(client, **TWO)) == [(FIRST, 0.0), (SECOND, 0.0)]
        assert asked(await read(client, **TWO)) == [(SECOND, 0.0)]


# -- the budget


def spent(**changes: Any) -> Health:
    """A `Health` whose budget is empty."""
    shared = health(**{"max_retries": 1, "retries_per_missing": 0, **changes})
    assert shared.take_retry() == 0.0
    return shared


async def test_an_empty_budget_delays_a_retry_and_fails_nothing() -> None:
    """The next retry comes with time; the wait is told once, and is in the report."""
    async with serving(Script(TEXT, faults=[OVERLOADED])) as (_, client):
        reading = await read(client, model=FIRST, health=spent(retries_per_second=0.1))
        assert_unbroken(reading, TEXT)
        assert asked(reading) == [(FIRST, 0.0), (FIRST, 10.0)]
        assert reading.report.attempts[1].waited == pytest.approx(10.0)
        assert reading.codes == ["retry", "budget_wait"]


async def test_a_first_request_and_a_resume_after_content_are_free() -> None:
    """Whatever the budget says: nobody pays for what goes on."""
    async with serving(Script(TEXT, faults=[Reset(at=after(30)), Reset(at=after(60))])) as (_, client):
        reading = await read(client, model=FIRST, health=spent(retries_per_second=0))
        assert_unbroken(reading, TEXT)
        assert {when for _, when in asked(reading)} == {0.0}
        assert "budget_wait" not in reading.codes


async def test_a_budget_that_stays_empty_too_long_fails_the_stream() -> None:
    """A retry that would come after `max_retry_after` is not waited for."""
    async with serving(Script(TEXT, faults=[OVERLOADED])) as (server, client):
        began = anyio.current_time()
        with pytest.raises(StreamFailed, match="budget") as caught:
            await read(client, model=FIRST, health=spent(retries_per_second=0.01))
        assert anyio.current_time() == began
        assert [attempt.outcome for attempt in caught.value.report.attempts] == ["overloaded"]
        assert len(server.requests) == 1


async def test_ten_streams_in_a_storm_send_no_more_than_the_budget_lets_them() -> None:
    """Ten requests of their own, four retries that were saved up, and two for each second that passes."""
    shared = health(max_retries=4, retries_per_second=2, retries_per_missing=0, consecutive_failures=1_000)
    async with serving(Script(TEXT, then=OVERLOADED)) as (server, client):
        policy = Policy(initial_backoff=0, max_attempts=1_000, deadline=10)

        async def stream() -> None:
            with pytest.raises(StreamFailed):
                await read(client, model=FIRST, policy=policy, health=shared)

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(stream)
        assert 10 + 4 + 2 * 9 <= len(server.requests) <= 10 + 4 + 2 * 10


async def test_streams_that_end_well_earn_the_retries_of_others() -> None:
    """Five answers are one retry, with a ratio of a fifth."""
    shared = spent(retries_per_second=0, retry_ratio=0.2)
    async with serving(Script(TEXT, faults=[*[None] * 5, OVERLOADED])) as (_, client):
        for _ in range(5):
            await read(client, model=FIRST, health=shared)
        reading = await read(client, model=FIRST, health=shared)
        assert_unbroken(reading, TEXT)
        assert "budget_wait" not in reading.codes
