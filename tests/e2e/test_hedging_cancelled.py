"""Leaving a race: in every phase of it, in every way. No connection stays open, no task, and no report says "open"."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Final

import anyio
import anyio.lowlevel
import pytest
from anthropic import AsyncAnthropic

from harness import AT_ONCE, Reading, ask, read_on, serving, tasks, until
from unbroken import Health, Hedging, Notice, Policy, ResilientStream, StreamFailed, StreamTimeout, resilient_stream
from unbroken.core.failure import Failure
from unbroken.engine.attempt import Attempt
from unbroken.engine.driver import Driver
from unbroken.health.permit import Permit
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    ErrorEvent,
    FaultServer,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    ThreadedFaultServer,
)
from unbroken.testing import after_characters as after

pytestmark = pytest.mark.anyio

FIRST: Final = "claude-opus-5-5"
SECOND: Final = "claude-sonnet-5-5"
THIRD: Final = "claude-haiku-4-5"
MODELS: Final = {"model": FIRST, "fallback_models": [SECOND, THIRD]}
TEXT: Final = "Whoever leaves a race closes every gate: nobody waits behind one, and nobody is left on the track."

HEADERS: Final = Silence(at=BEFORE_RESPONSE)
CONTENT: Final = Silence(at=AFTER_MESSAGE_START)
PINGS: Final = Pings(at=AFTER_MESSAGE_START)
OVERLOADED: Final = ErrorEvent("overloaded_error", at=AFTER_MESSAGE_START)
STUCK: Final = Silence(at=after(10))
CUT: Final = Reset(at=after(40))
ALL: Final = (FIRST, SECOND, THIRD)
NEVER: Final = 1_000.0
AN_HOUR: Final = Status(529, headers={"retry-after": "3600"})


class Watched(Health):
    """A `Health` that remembers every permission that it gave."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.given: list[Permit] = []

    def enter(self, client: object, model: str, **rules: Any) -> Permit | None:
        permit = super().enter(client, model, **rules)
        self.given += [] if permit is None else [permit]
        return permit


@dataclass
class Scene:
    """A race, all that can be known of it from outside, and what is to happen when it has come to its phase."""

    phase: Phase
    server: ThreadedFaultServer
    client: AsyncAnthropic
    health: Watched
    notices: list[Notice] = field(default_factory=list)
    streams: list[ResilientStream[None]] = field(default_factory=list)
    opened: list[Attempt] = field(default_factory=list)
    closing: list[Attempt] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    leave: Callable[[], object] | None = None

    def fired(self, *models: str) -> bool:
        """Whether what was to go wrong with the last request to each of these models has begun to go wrong."""
        last = {request.model: request for request in self.server.requests}
        return all(model in last and last[model].faults for model in models)

    def told(self, code: str, times: int = 1) -> bool:
        """Whether that notice has come so often."""
        return sum(notice.code == code for notice in self.notices) >= times

    @property
    def reached(self) -> bool:
        """Whether the phase is reached."""
        return self.phase.reached(self)

    def happened(self) -> None:
        """Something has happened in the race; whoever wants to leave at that very moment does."""
        if self.leave is not None and self.reached:
            leave, self.leave = self.leave, None
            leave()

    def hear(self, notice: Notice) -> None:
        """`on_notice`: called in the middle of it all."""
        self.notices.append(notice)
        self.happened()

    def manager(self, **changes: Any) -> Any:
        """The stream, not yet entered."""
        policy = replace(self.phase.policy, **changes)
        return resilient_stream(self.client, **ask(**MODELS, policy=policy, health=self.health, on_notice=self.hear))

    async def consume(self, **changes: Any) -> None:
        """Enter it and read it, until something happens."""
        async with self.manager(**changes) as stream:
            self.streams.append(stream)
            async for _ in stream.text_stream:
                pass


@dataclass(frozen=True)
class Phase:
    """Where a race is when its caller goes.

    Attributes:
        reached: Whether it is there.
        steps: What each model does, from its first request on; models that are not named answer well.
        policy: The rules.
        entered: Whether the caller holds the stream by then.
        empty_budget: Whether there are no retries left.
    """

    reached: Callable[[Scene], bool]
    steps: dict[str, list[Any]]
    policy: Policy
    entered: bool = False
    empty_budget: bool = False

    @property
    def script(self) -> Script:
        """What the server plays."""
        return Script(TEXT, models={model: Script(TEXT, faults=faults) for model, faults in self.steps.items()})


def hedged(delay: float, **rules: Any) -> Policy:
    """A policy with hedging, which waits for as long as it is asked to."""
    return replace(AT_ONCE, max_retry_after=7_200, hedging=Hedging(delay, **rules))


PHASES: Final[dict[str, Phase]] = {
    "the_first_waits_for_headers": Phase(lambda scene: scene.fired(FIRST), {FIRST: [HEADERS]}, hedged(NEVER)),
    "the_first_waits_for_content": Phase(lambda scene: scene.fired(FIRST), {FIRST: [PINGS]}, hedged(NEVER)),
    "in_the_delay_after_a_failure": Phase(
        lambda scene: scene.fired(FIRST, SECOND), {FIRST: [OVERLOADED], SECOND: [CONTENT]}, hedged(NEVER)
    ),
    "a_hedge_waits_for_the_budget": Phase(
        lambda scene: scene.told("budget_wait"), {FIRST: [PINGS]}, hedged(0.001), empty_budget=True
    ),
    "a_hedge_waits_for_the_budget_and_nobody_runs": Phase(
        lambda scene: scene.told("budget_wait"), {FIRST: [OVERLOADED]}, hedged(NEVER), empty_budget=True
    ),
    "as_a_hedge_is_sent": Phase(lambda scene: scene.told("hedge"), {model: [PINGS] for model in ALL}, hedged(0.001)),
    "a_hedge_waits_for_a_place": Phase(
        lambda scene: scene.fired(FIRST), {FIRST: [HEADERS]}, hedged(0, max_concurrent=1)
    ),
    "all_wait_for_headers": Phase(
        lambda scene: scene.fired(FIRST, SECOND, THIRD), {model: [HEADERS] for model in ALL}, hedged(0)
    ),
    "all_wait_for_content": Phase(
        lambda scene: scene.fired(FIRST, SECOND, THIRD),
        {FIRST: [PINGS], SECOND: [CONTENT], THIRD: [HEADERS]},
        hedged(0),
    ),
    "in_the_grace": Phase(
        lambda scene: scene.fired(FIRST, SECOND, THIRD),
        {FIRST: [PINGS], SECOND: [STUCK], THIRD: [PINGS]},
        hedged(0, preference_grace=NEVER),
    ),
    "as_one_that_was_cancelled_is_closed": Phase(
        lambda scene: bool(scene.closing), {FIRST: [PINGS], SECOND: [STUCK], THIRD: [HEADERS]}, hedged(0)
    ),
    "as_one_that_was_overtaken_is_closed": Phase(
        lambda scene: bool(scene.closing),
        {FIRST: [[Silence(0.05, at=AFTER_MESSAGE_START), STUCK]], SECOND: [STUCK], THIRD: [STUCK]},
        hedged(0, preference_grace=NEVER),
    ),
    "as_one_that_failed_is_closed": Phase(
        lambda scene: bool(scene.closing), {FIRST: [OVERLOADED], SECOND: [PINGS]}, hedged(NEVER)
    ),
    "as_the_winner_is_adopted": Phase(
        lambda scene: scene.told("won"), {FIRST: [PINGS], SECOND: [STUCK], THIRD: [PINGS]}, hedged(0)
    ),
    "between_two_rounds": Phase(lambda scene: scene.told("retry"), {model: [AN_HOUR] for model in ALL}, hedged(NEVER)),
    "reading_the_winner": Phase(
        lambda scene: bool(scene.streams) and bool(scene.streams[0].partial.text),
        {FIRST: [PINGS], SECOND: [STUCK], THIRD: [PINGS]},
        hedged(0),
        entered=True,
    ),
    "the_rest_is_asked_for": Phase(
        lambda scene: len(scene.server.requests) == 2 and scene.fired(FIRST),
        {FIRST: [CUT, HEADERS]},
        hedged(NEVER),
        entered=True,
    ),
    "in_the_race_for_the_rest": Phase(
        lambda scene: scene.fired(SECOND, THIRD),
        {FIRST: [CUT, OVERLOADED], SECOND: [AN_HOUR], THIRD: [PINGS]},
        hedged(NEVER),
        entered=True,
    ),
    "as_the_winner_of_the_rest_is_adopted": Phase(
        lambda scene: scene.told("won"), {FIRST: [CUT, OVERLOADED], SECOND: [STUCK]}, hedged(NEVER), entered=True
    ),
    "between_two_rounds_for_the_rest": Phase(
        lambda scene: scene.told("resume", 2),
        {FIRST: [CUT, AN_HOUR], SECOND: [AN_HOUR], THIRD: [AN_HOUR]},
        hedged(NEVER),
        entered=True,
    ),
}

#: The phases in which a connection is being made.
CONNECTING: Final = ("a_hedge_waits_for_the_budget", "as_a_hedge_is_sent")
LEAKS: Final = tuple(map(int, version("anyio").split(".")[:2])) < (4, 16)


def asyncio_loop() -> object:
    """The event loop, where it is one of asyncio's."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


ENTERED: Final = [name for name, phase in PHASES.items() if phase.entered]


Staged = Callable[[str], AbstractAsyncContextManager[Scene]]


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Staged]:
    """Set a phase's scene; afterwards nothing of it is left, and every request has come to an end that says how."""
    scenes: list[Scene] = []

    class Recorded(Driver):
        """Also a stream that is never handed out has a report."""

        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            scenes[-1].drivers.append(self)

    open_, close = Attempt.open, Attempt._close  # there is no other way to leave in the middle of it

    async def opening(attempt: Attempt, *arguments: Any) -> Failure | None:
        scenes[-1].opened.append(attempt)
        return await open_(attempt, *arguments)

    async def slowly(attempt: Attempt) -> None:
        scenes[-1].closing.append(attempt)
        scenes[-1].happened()
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        await close(attempt)

    monkeypatch.setattr("unbroken.api.stream.Driver", Recorded)
    monkeypatch.setattr(Attempt, "open", opening)
    monkeypatch.setattr(Attempt, "_close", slowly)

    @asynccontextmanager
    async def stage(name: str) -> AsyncIterator[Scene]:
        if name in CONNECTING and LEAKS and "uvloop" in type(asyncio_loop()).__module__:
            pytest.skip("before 4.16, anyio leaves a connection open that is cancelled while uvloop makes it")
        phase = PHASES[name]
        health = (
            Watched(max_retries=1, retries_per_missing=0, retries_per_second=0.01) if phase.empty_budget else Watched()
        )
        if phase.empty_budget:
            health.take_retry()
        with FaultServer.in_thread(phase.script) as server:
            async with AsyncAnthropic(base_url=server.url, api_key="test") as client:
                before = tasks()
                scene = Scene(phase, server, client, health)
                scenes.append(scene)
                yield scene
                assert tasks() == before
                # A connection whose response was read to its end may be kept for the next request; no other.
                await until(lambda: all(r.ended_at is not None for c in server.open_connections for r in c.requests))
            await until(lambda: not server.open_connections)
        assert_over(scene)

    yield stage
    assert [record.getMessage() for record in caplog.records if record.name in ("asyncio", "trio")] == []


def assert_over(scene: Scene) -> None:
    """Every attempt and every permission has an end, and the report says which."""
    for driver in scene.drivers:
        assert driver.report.outcome in ("closed", "failed")
        assert driver.report.duration is not None
        for attempt in driver.report.attempts:
            assert attempt.outcome in ("cancelled", "lost", "overloaded", "connection")
            assert attempt.ended is not None
    assert set(scene.opened) == set(scene.closing), "closed by its owner, and not by the garbage collector"
    ended = [permit._ended for permit in scene.health.given]  # nobody else is told
    assert ended == [True] * len(ended)


# -- twenty places, three event loops


@pytest.mark.parametrize("phase", PHASES)
async def test_a_scope_that_is_cancelled(phase: str, staged: Staged) -> None:
    """As `move_on_after`, `fail_after` and task groups do it."""
    async with staged(phase) as scene, anyio.create_task_group() as group:
        scene.leave = group.cancel_scope.cancel
        group.start_soon(scene.consume)
        await until(lambda: scene.reached)
        group.cancel_scope.cancel()


@pytest.mark.backends("asyncio", "uvloop")
@pytest.mark.parametrize("phase", PHASES)
async def test_a_task_that_is_cancelled(phase: str, staged: Staged) -> None:
    """As web servers do it when a browser goes away: natively, through every shield."""
    async with staged(phase) as scene:
        task = asyncio.create_task(scene.consume())
        scene.leave = task.cancel
        await until(lambda: scene.reached)
        scene.happened()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.backends("asyncio", "uvloop")
@pytest.mark.parametrize("phase", PHASES)
async def test_a_task_that_is_cancelled_twice(phase: str, staged: Staged) -> None:
    """The second time while it closes: nobody waits for the end of that any more, but it goes on by itself."""
    async with staged(phase) as scene:
        before = tasks()
        task = asyncio.create_task(scene.consume())
        scene.leave = task.cancel
        await until(lambda: scene.reached)
        scene.happened()
        await anyio.lowlevel.checkpoint()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: tasks() == before)


@pytest.mark.parametrize("phase", PHASES)
async def test_a_deadline_that_passes(phase: str, staged: Staged) -> None:
    """`StreamTimeout`, and the same order is left behind."""
    async with staged(phase) as scene:
        with pytest.raises(StreamTimeout) as caught:
            await scene.consume(deadline=0.1)
        assert caught.value.report.outcome == "failed"
        assert TEXT.startswith(caught.value.partial.text)


@pytest.mark.parametrize("phase", PHASES)
async def test_a_stream_that_is_entered_by_one_task_and_left_by_another(phase: str, staged: Staged) -> None:
    """The first is cancelled; the second closes up behind it, whether the stream was entered or not."""
    async with staged(phase) as scene:
        manager = scene.manager()

        async def enter_and_read() -> None:
            stream = await manager.__aenter__()
            scene.streams.append(stream)
            async for _ in stream:
                pass

        async with anyio.create_task_group() as first:
            scene.leave = first.cancel_scope.cancel
            first.start_soon(enter_and_read)
            await until(lambda: scene.reached)
            first.cancel_scope.cancel()
        async with anyio.create_task_group() as second:
            second.start_soon(manager.__aexit__, None, None, None)


@pytest.mark.parametrize("phase", ENTERED)
async def test_close_by_another_task(phase: str, staged: Staged) -> None:
    """The reader's loop ends; there is no whole message."""
    async with staged(phase) as scene, anyio.create_task_group() as group:
        group.start_soon(scene.consume)
        await until(lambda: scene.reached)
        await scene.streams[0].close()
        with pytest.raises(StreamFailed):
            await scene.streams[0].get_final_message()


@pytest.mark.parametrize("phase", ENTERED)
async def test_a_close_that_is_cancelled_itself(phase: str, staged: Staged) -> None:
    """It closes all the same."""
    async with staged(phase) as scene, anyio.create_task_group() as group:
        group.start_soon(scene.consume)
        await until(lambda: scene.reached)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await scene.streams[0].close()


@pytest.mark.parametrize("phase", ENTERED)
async def test_an_exception_in_the_block_while_the_race_goes_on(phase: str, staged: Staged) -> None:
    """A reader with heartbeats has left its read alone, and raises something of its own."""
    async with staged(phase) as scene:
        with pytest.raises(LookupError, match="my own"):
            async with scene.manager() as stream:
                scene.streams.append(stream)
                while not scene.reached:
                    with anyio.move_on_after(0.001):
                        await anext(stream)
                raise LookupError("my own")


@pytest.mark.parametrize("phase", ["all_wait_for_headers", "reading_the_winner"])
async def test_a_caller_who_was_cancelled_before(phase: str, staged: Staged) -> None:
    """Nobody is asked who need not be."""
    async with staged(phase) as scene:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await scene.consume()
        assert scope.cancelled_caught


# -- at any moment at all


MOMENTS: Final = [0.0, 0.5, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.25, 4.5, 5.0, 6.0, 6.5, 7.0, 7.5, 8.0]


@pytest.mark.backends("virtual")
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_long_story_that_is_left_at_a_certain_second(moment: float) -> None:
    """A race, its grace, the winner, its death, a race for the rest: at each of its moments `move_on_after` ends it."""
    script = Script(
        TEXT,
        models={
            FIRST: Script(TEXT, faults=[PINGS, PINGS]),
            SECOND: Script(
                TEXT, faults=[[Silence(1.5, at=AFTER_MESSAGE_START), Silence(1.0, at=after(20)), CUT], PINGS]
            ),
            THIRD: Script(TEXT, faults=[PINGS, [Silence(1.0, at=AFTER_MESSAGE_START), STUCK]]),
        },
    )
    health = Watched(clock=anyio.current_time)
    policy = hedged(1.0, preference_grace=0.5)
    reading = Reading()
    async with serving(script) as (_, client):
        with anyio.move_on_after(moment) as scope:
            async with resilient_stream(client, **ask(**MODELS, policy=policy, health=health)) as stream:
                reading.report = stream.report
                await read_on(stream)
        assert scope.cancelled_caught
        assert anyio.current_time() == pytest.approx(moment, abs=0.06), "nobody waits for a loser any longer"
    assert set(reading.outcomes) <= {"cancelled", "lost", "connection"}
    assert all(permit._ended for permit in health.given)  # nobody else is told
