"""A stream's turn: in order, with a deadline, over threads and event loops, and without a hole where one has left."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from harness import ask, read, serving
from unbroken import Health, Limits, Policy, Report, StreamTimeout, resilient_stream
from unbroken.core.plan.steps import Ask
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.requests.routed import Requests
from unbroken.engine.turn import Turns
from unbroken.engine.waits import Waits
from unbroken.health.limits.limiter import Place
from unbroken.reporting.notifier import Notifier
from unbroken.routes import Route
from unbroken.testing import BEFORE_RESPONSE, Script, Silence, Status

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

MODEL = "claude-opus-5-5"
NOTHING = ResumeState()
FIRST = Ask(0, "request")


class Client:
    """What a health keeps its gates by."""


CLIENT = Client()


class Stream:
    """The turns of one stream."""

    def __init__(self, health: Health, client: object = CLIENT, text: str = "Tell me.") -> None:
        assert health.limiter is not None
        self.report, self.waits = Report(), Waits()
        routes = [Route(model=MODEL, client=client)]
        request = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
        notifier = Notifier(self.report, anyio.current_time(), None)
        requests = Requests(request, routes, health.models)
        self.turns = Turns(health.limiter, routes, requests, notifier, self.waits)

    async def turn(self, *, ready: bool = True, state: ResumeState = NOTHING, step: Ask = FIRST) -> Place | None:
        """The place of its next request."""
        return await self.turns.wait(step, state, ready=lambda: ready)


def limited(**limits: Any) -> Health:
    """On the test's clock."""
    return Health(limits=Limits(**limits))


async def place_of(stream: Stream) -> Place:
    """A place that comes."""
    place = await stream.turn()
    assert place is not None
    return place


async def test_whoever_waits_waits_in_order() -> None:
    """One at a time, each two seconds; the report says how long, and for what."""
    health = limited(concurrency=1)
    order: list[int] = []
    streams = [Stream(health) for _ in range(5)]

    async def work(number: int) -> None:
        await anyio.sleep(number / 10)
        place = await place_of(streams[number])
        order.append(number)
        await anyio.sleep(2.0)
        place.ended()

    async with anyio.create_task_group() as tasks:
        for number in (3, 1, 4, 0, 2):
            tasks.start_soon(work, number)
    assert order == [0, 1, 2, 3, 4]
    assert streams[0].waits.take() == {}
    assert streams[2].waits.take() == {"limit": pytest.approx(3.8)}
    assert [notice.code for notice in streams[2].report.notices] == ["limit_wait"]
    assert anyio.current_time() >= 10


async def test_a_stream_that_is_cancelled_leaves_no_hole() -> None:
    """Neither while it waits nor at the moment in which its place comes."""
    health = limited(concurrency=1)
    place = await place_of(Stream(health))
    with anyio.move_on_after(1.0) as scope:
        await Stream(health).turn()
    assert scope.cancelled_caught
    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_held, health, scope)
        await anyio.sleep(1.0)
        place.ended()  # it is that stream's now, which is cancelled before it can run
        scope.cancel()
    assert health.limiter is not None
    shown = health.limiter.describe(CLIENT)[0]
    assert (shown["in_flight"], shown["waiting"]) == (0, 0)
    await place_of(Stream(health))


async def _held(health: Health, scope: anyio.CancelScope) -> None:
    with scope:
        (await place_of(Stream(health))).ended()


async def test_who_waits_for_a_minute_to_pass_sleeps_until_then() -> None:
    """Sixty a minute: six at once, then one a second."""
    health, begun = limited(requests_per_minute=60), anyio.current_time()
    for _ in range(10):
        (await place_of(Stream(health))).ended()
    assert anyio.current_time() - begun == pytest.approx(4.0, abs=0.01)


async def test_a_route_that_may_not_be_asked_is_not_waited_for_and_the_age_is_kept() -> None:
    """When its turn in another line comes, it has waited since it came first."""
    health = limited(concurrency=1)
    place, old, young = await place_of(Stream(health)), Stream(health), Stream(health)
    assert await old.turn(ready=False) is None
    await anyio.sleep(1.0)
    order: list[str] = []

    async def work(name: str, stream: Stream) -> None:
        mine = await place_of(stream)
        order.append(name)
        mine.ended()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work, "young", young)
        await anyio.sleep(1.0)
        tasks.start_soon(work, "old", old)
        await anyio.sleep(1.0)
        place.ended()
    assert order == ["old", "young"]


async def test_a_resume_has_what_was_delivered_beside_the_request() -> None:
    """As the budget of resumes counts it."""
    turns = Stream(limited(), text="word " * 100).turns
    plain = turns._demand(FIRST, NOTHING)
    again = turns._demand(Ask(0, "prefill"), ResumeState(characters=(4_000, 0)))
    assert plain.max_tokens == again.max_tokens == 100
    assert again.input_tokens > plain.input_tokens + 500


@pytest.mark.backends("asyncio", "trio")
async def test_a_place_that_another_thread_gives_back_wakes_who_waits_here() -> None:
    """The event loops of two threads share one line."""
    health = limited(concurrency=1)
    taken, leave = threading.Event(), threading.Event()

    async def hold() -> None:
        place = await place_of(Stream(health))
        taken.set()
        await anyio.to_thread.run_sync(leave.wait)
        place.ended()

    thread = threading.Thread(target=anyio.run, args=(hold,))
    thread.start()
    await anyio.to_thread.run_sync(taken.wait)
    waiting = Stream(health)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_take, waiting)
        while not waiting.report.notices:
            await anyio.lowlevel.checkpoint()
        leave.set()
    await anyio.to_thread.run_sync(thread.join)
    assert waiting.waits.take()["limit"] > 0


async def _take(stream: Stream) -> None:
    (await place_of(stream)).ended()


# -- streams


@asynccontextmanager
async def served(script: Script | str, **limits: Any) -> AsyncIterator[tuple[Any, Health]]:
    """A client of a server, and what its streams share."""
    async with serving(script) as (_, client):
        yield client, limited(**limits)


async def test_streams_are_let_out_as_many_as_may_be() -> None:
    """All are answered; never are more than two out."""
    async with served("One of ten.", concurrency=2) as (client, health):
        readings = []

        async def one() -> None:
            readings.append(await read(client, health=health))

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(one)
        (shown,) = health.snapshot()["limits"]
    assert len(readings) == 10
    assert (shown["limit"], shown["in_flight"], shown["waiting"]) == (2, 0, 0)
    assert shown["client"] == 0
    assert set(shown["left"]) == {"requests", "input-tokens", "output-tokens"}


async def test_the_deadline_holds_while_waiting() -> None:
    """A stream that is in front does not end."""
    async with served(Script(then=Silence(at=BEFORE_RESPONSE)), concurrency=1) as (client, health):
        scope = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_hang, client, health, scope)
            await anyio.sleep(1)
            begun = anyio.current_time()
            with pytest.raises(StreamTimeout) as caught:
                await read(client, health=health, policy=Policy(deadline=5.0))
            assert anyio.current_time() - begun == pytest.approx(5.0, abs=0.1)
            assert caught.value.report.attempts == []
            scope.cancel()
        (shown,) = health.snapshot()["limits"]
        assert (shown["in_flight"], shown["waiting"]) == (0, 0)


async def _hang(client: Any, health: Health, scope: anyio.CancelScope) -> None:
    with scope:
        async with resilient_stream(client, **ask(health=health)):
            pass


async def test_a_refusal_cuts_the_limit_and_the_stream_is_told() -> None:
    """And what it waited for stands in the report."""
    async with served(Script("Well.", faults=[Status(529)]), concurrency="adaptive") as (client, health):
        reading = await read(client, health=health, policy=Policy())
        assert reading.text == "Well."
        assert "limit_reduced" in reading.codes
        notice = next(notice for notice in reading.report.notices if notice.code == "limit_reduced")
        assert notice.message == "overloaded: going on with 5 requests at a time instead of 10"
        assert health.snapshot()["limits"][0]["limit"] in (5, 6)
    second = reading.report.attempts[1]
    assert second.waited_for == {"backoff": pytest.approx(second.waited)}


async def test_a_retry_after_of_ten_minutes_delays_and_freezes_nothing() -> None:
    """The request that is told so waits; another model, and the same one afterwards, are asked as ever."""
    limited_once = Script("Well.", faults=[Status(429, headers={"retry-after": "600"})])
    async with served(limited_once, concurrency="adaptive") as (client, health):
        begun = anyio.current_time()
        reading = await read(client, health=health, policy=Policy(max_retry_after=900.0))
        assert anyio.current_time() - begun >= 600
        assert reading.report.attempts[1].waited_for == {"cool_down": pytest.approx(600, abs=1)}
        before = anyio.current_time()
        for _ in range(30):
            await read(client, health=health)
        assert anyio.current_time() - before < 30
        (shown,) = health.snapshot()["limits"]
        assert (shown["in_flight"], shown["waiting"]) == (0, 0)


async def test_without_limits_nothing_is_kept() -> None:
    """Off by default."""
    async with serving("Well.") as (_, client):
        health = Health()
        reading = await read(client, health=health)
    assert health.limiter is None
    assert "limits" not in health.snapshot()
    assert reading.report.attempts[0].waited_for == {}
