"""A request that goes out to several models: the first that delivers content wins, and nobody pays for a storm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import anyio
import pytest

from harness import AT_ONCE, ask, assert_unbroken, read, read_on, serving
from unbroken import Health, Hedging, Policy, StreamFailed, resilient_stream
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    Answer,
    ErrorEvent,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    after_characters,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

FIRST: Final = "claude-opus-5-5"
SECOND: Final = "claude-sonnet-5-5"
THIRD: Final = "claude-haiku-4-5"
MODELS: Final = {"model": FIRST, "fallback_models": [SECOND, THIRD]}
TEXT: Final = "Three were asked, and one of them answered: whoever is first to say something has the floor, to the end."

OVERLOADED: Final = ErrorEvent("overloaded_error", at=AFTER_MESSAGE_START)
PINGS: Final = Pings(at=AFTER_MESSAGE_START)


def first_content(seconds: float) -> Silence:
    """The headers and `message_start` come at once, the first content after so many seconds."""
    return Silence(seconds, at=AFTER_MESSAGE_START)


def script(**models: Any) -> Script:
    """What goes wrong with `first`, `second` and `third`: the steps of each; None is a request that goes well."""
    names = {"first": FIRST, "second": SECOND, "third": THIRD}
    steps = {names[name]: faults if isinstance(faults, list) else [faults] for name, faults in models.items()}
    return Script(TEXT, models={model: Script(faults=faults) for model, faults in steps.items()})


def hedged(delay: Any = 1.0, **changes: Any) -> Policy:
    """A policy with hedging; what is no rule of the race is a field of the policy."""
    rules = {name: changes.pop(name) for name in ("preference_grace", "max_concurrent") if name in changes}
    return replace(AT_ONCE, hedging=Hedging(delay, **rules), **changes)


def started(reading: Any) -> list[float]:
    """When each request was sent, in seconds."""
    return [round(attempt.started, 3) for attempt in reading.report.attempts]


def models(reading: Any) -> list[str]:
    """Who was asked, in order."""
    return [attempt.model for attempt in reading.report.attempts]


# -- who is asked, and when


async def test_a_primary_that_is_in_time_is_asked_alone() -> None:
    """Its fallbacks see nothing of the request."""
    async with serving(script(first=first_content(0.9))) as (server, client):
        reading = await read(client, **MODELS, policy=hedged(1.0))
        assert_unbroken(reading, TEXT)
        assert models(reading) == [FIRST]
        assert reading.codes == []
        assert len(server.requests) == 1


async def test_a_hedge_starts_exactly_after_the_delay() -> None:
    """And the next one after the next; the first to have content wins."""
    answers = script(first=first_content(10), second=first_content(10), third=first_content(0.5))
    async with serving(answers) as (_, client):
        reading = await read(client, **MODELS, policy=hedged(0.8))
        assert_unbroken(reading, TEXT)
        assert models(reading) == [FIRST, SECOND, THIRD]
        assert started(reading) == [0.0, 0.8, 1.6]
        assert reading.outcomes == ["lost", "lost", "complete"]
        assert [attempt.hedge for attempt in reading.report.attempts] == [False, True, True]
        assert reading.codes == ["hedge", "hedge", "won"]
        assert reading.message.model == THIRD


async def test_only_content_is_health() -> None:
    """An overloaded 200, one that only pings and a slow one lose to a healthy fourth."""
    fourth = "claude-opus-5"
    answers = script(first=OVERLOADED, second=PINGS, third=first_content(60))
    async with serving(answers) as (_, client):
        reading = await read(client, model=FIRST, fallback_models=[SECOND, THIRD, fourth], policy=hedged(0.5))
        assert_unbroken(reading, TEXT)
        assert reading.outcomes == ["overloaded", "lost", "lost", "complete"]
        assert started(reading) == [0.0, 0.0, 0.5, 1.0]
        assert reading.codes == ["failover", "hedge", "hedge", "won"]


@pytest.mark.parametrize("fault", [Status(529), Status(500), OVERLOADED, Reset(at=BEFORE_RESPONSE)])
async def test_a_primary_that_fails_does_not_wait_out_the_delay(fault: Any) -> None:
    """The next one is asked in the same instant."""
    async with serving(script(first=fault)) as (_, client):
        reading = await read(client, **MODELS, policy=hedged(30.0))
        assert_unbroken(reading, TEXT)
        assert models(reading) == [FIRST, SECOND]
        assert started(reading) == [0.0, 0.0]


async def test_a_race_of_all() -> None:
    """With a delay of 0 everybody is asked at once, and the fastest wins."""
    answers = script(first=first_content(3), second=first_content(1), third=first_content(2))
    async with serving(answers) as (server, client):
        reading = await read(client, **MODELS, policy=hedged(0))
        assert_unbroken(reading, TEXT)
        assert started(reading) == [0.0, 0.0, 0.0]
        assert sorted(zip(models(reading), reading.outcomes, strict=True)) == [
            (THIRD, "lost"),
            (FIRST, "lost"),
            (SECOND, "complete"),
        ]
        assert len(server.requests) == 3


async def test_the_losers_are_closed_before_the_first_event() -> None:
    """Entering the stream is over when one has won, and then only its connection is open."""
    answers = script(first=PINGS, second=first_content(1), third=PINGS)
    async with serving(answers) as (server, client):
        async with resilient_stream(client, **ask(**MODELS, policy=hedged(0))) as stream:
            began = anyio.current_time()
            await anyio.sleep(0.05)
            assert len(server.open_connections) == 1
            await anext(stream)
            assert anyio.current_time() - began < 0.06
            reading = await read_on(stream)
        assert reading.text == TEXT


async def test_max_concurrent_bounds_the_requests_in_flight() -> None:
    """The third is asked when the first has failed."""
    answers = script(first=[Pings(4.0, at=AFTER_MESSAGE_START), OVERLOADED], second=PINGS)
    answers = replace(
        answers,
        models={**answers.models, FIRST: Script(faults=[[first_content(4), ErrorEvent(at=AFTER_MESSAGE_START)]])},
    )
    async with serving(answers) as (_, client):
        reading = await read(client, **MODELS, policy=hedged(1.0, max_concurrent=2))
        assert_unbroken(reading, TEXT)
        assert started(reading) == [0.0, 1.0, 4.0]


async def test_preference_grace_lets_the_primary_overtake() -> None:
    """It was slower to start with, and better."""
    answers = script(first=first_content(1.8))
    async with serving(answers) as (_, client):
        reading = await read(client, **MODELS, policy=hedged(1.0, preference_grace=1.0))
        assert_unbroken(reading, TEXT)
        assert reading.message.model == FIRST
        assert reading.outcomes == ["complete", "lost"]


async def test_preference_grace_is_not_waited_out_when_the_primary_fails() -> None:
    """Nobody is left to wait for."""
    answers = script(first=[[first_content(1.5), ErrorEvent(at=AFTER_MESSAGE_START)]])
    async with serving(answers) as (_, client):
        async with resilient_stream(client, **ask(**MODELS, policy=hedged(1.0, preference_grace=20.0))) as stream:
            reading = await read_on(stream)
        assert_unbroken(reading, TEXT)
        assert reading.outcomes == ["overloaded", "complete"]
        assert reading.report.duration == pytest.approx(1.5, abs=0.01)


# -- when things go on to go wrong


async def test_the_winners_death_is_resumed_by_a_race() -> None:
    """The same model goes first; it is overloaded now, and another one has the exact rest."""
    answers = script(
        first=[OVERLOADED, OVERLOADED],
        second=[Reset(at=after_characters(40)), PINGS],
    )
    async with serving(answers) as (_, client):
        reading = await read(client, **MODELS, policy=hedged(1.0))
        assert_unbroken(reading, TEXT)
        assert models(reading) == [FIRST, SECOND, SECOND, FIRST, THIRD]
        assert reading.forms == ["request", "request", "continue", "continue", "prefill"]
        assert started(reading) == [0.0, 0.0, 0.0, 1.0, 1.0]
        assert reading.outcomes == ["overloaded", "connection", "lost", "overloaded", "complete"]
        assert reading.message.model == SECOND, "who opened the message"


async def test_everything_dead_is_one_error_with_every_attempt() -> None:
    """Rounds go on until `max_attempts` are spent."""
    dead = Script(TEXT, then=OVERLOADED)
    async with serving(dead) as (server, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client, **MODELS, policy=hedged(1.0, max_attempts=5))
        attempts = caught.value.report.attempts
        assert [attempt.model for attempt in attempts] == [FIRST, SECOND, THIRD, FIRST, SECOND]
        assert {str(attempt.outcome) for attempt in attempts} == {"overloaded"}
        assert caught.value.__cause__ is not None
        assert len(caught.value.__cause__.exceptions) == len(server.requests) == 5


async def test_a_route_is_asked_again_only_when_all_of_the_round_have_failed() -> None:
    """The slow third one is waited for, however long the others have been dead."""
    answers = script(first=[OVERLOADED, None], second=OVERLOADED, third=first_content(50))
    async with serving(answers) as (_, client):
        reading = await read(client, **MODELS, policy=hedged(1.0))
        assert_unbroken(reading, TEXT)
        assert reading.outcomes == ["overloaded", "overloaded", "complete"]


async def test_what_the_api_rejects_is_raised_at_once() -> None:
    """A request that is wrong is wrong everywhere; the others are not waited for."""
    answers = script(
        first=[[Silence(1.5, at=BEFORE_RESPONSE), Status(400, type="invalid_request_error")]], second=PINGS
    )
    async with serving(answers) as (server, client):
        with pytest.raises(Exception, match="invalid_request_error") as caught:
            await read(client, **MODELS, policy=hedged(1.0))
        assert type(caught.value).__name__ == "BadRequestError"
        assert len(server.requests) == 2


# -- what it costs


async def test_losers_are_in_the_report_with_what_they_are_assumed_to_have_cost() -> None:
    """One had told its input, the other had not even answered."""
    answers = script(first=PINGS, second=Silence(at=BEFORE_RESPONSE))
    async with serving(answers) as (_, client):
        report = (await read(client, **MODELS, policy=hedged(1.0))).report
        pinging, silent, winner = report.attempts
        assert pinging.input_tokens == winner.input_tokens
        assert pinging.estimated_input_tokens is None
        assert silent.input_tokens is None
        assert silent.estimated_input_tokens == winner.input_tokens
        assert report.usage.estimated_input_tokens == winner.input_tokens
        assert silent.ended == pytest.approx(1.0, abs=0.01)


async def test_an_empty_budget_delays_a_hedge_and_fails_nothing() -> None:
    """The second request waits for its retry; the third for the next one."""
    now = anyio.current_time
    health = Health(max_retries=1, retries_per_missing=0, retries_per_second=0.1, clock=now)
    assert health.take_retry() == 0.0
    answers = script(first=PINGS, second=PINGS)
    async with serving(answers) as (_, client):
        reading = await read(client, **MODELS, policy=hedged(1.0), health=health)
        assert_unbroken(reading, TEXT)
        assert started(reading) == pytest.approx([0.0, 10.0, 20.0], abs=0.01)
        assert reading.codes == ["budget_wait", "hedge", "budget_wait", "hedge", "won"]


async def test_with_an_empty_budget_the_primary_may_still_win() -> None:
    """Nothing was needed after all."""
    health = Health(max_retries=1, retries_per_missing=0, retries_per_second=0.1, clock=anyio.current_time)
    health.take_retry()
    async with serving(script(first=first_content(5))) as (server, client):
        reading = await read(client, **MODELS, policy=hedged(1.0), health=health)
        assert_unbroken(reading, TEXT)
        assert len(server.requests) == 1


async def test_a_delay_that_follows_the_primarys_own_p95() -> None:
    """Two seconds until twenty were seen; then the time in which nineteen of them had content."""
    health = Health(clock=anyio.current_time)
    steps = [PINGS, *(first_content(0.09 * n) for n in range(1, 21)), PINGS]
    async with serving(script(first=steps)) as (_, client):
        reading = await read(client, **MODELS, policy=hedged("adaptive"), health=Health())
        assert started(reading) == pytest.approx([0.0, 2.0], abs=0.01)
        for _ in range(20):
            reading = await read(client, **MODELS, policy=hedged("adaptive"), health=health)
            assert models(reading) == [FIRST]
        reading = await read(client, **MODELS, policy=hedged("adaptive"), health=health)
        assert_unbroken(reading, TEXT)
        assert started(reading) == pytest.approx([0.0, 1.71], abs=0.01)


@pytest.mark.parametrize(
    "acting",
    [
        {"tools": [{"type": "code_execution_20260120", "name": "code_execution"}]},
        {
            "api": "beta",
            "betas": ["mcp-client-2025-11-20"],
            "mcp_servers": [{"type": "url", "url": "https://example.com", "name": "m"}],
        },
    ],
)
async def test_what_may_act_is_not_asked_twice_at_a_time(acting: dict[str, Any]) -> None:
    """Code execution and MCP act wherever they are asked; such a request fails over, and is not hedged."""
    async with serving(script(first=first_content(5))) as (server, client):
        reading = await read(client, **MODELS, policy=hedged(1.0), **acting)
        assert_unbroken(reading, TEXT)
        assert len(server.requests) == 1


async def test_a_shared_rate_limit_is_not_raced_against() -> None:
    """Opus 4.8 and 4.7 are one bucket: when one is rate limited, the other need not be asked."""
    fallbacks = {"model": "claude-opus-4-8", "fallback_models": ["claude-opus-4-7", SECOND]}
    limited = Status(429, type="rate_limit_error", headers={"retry-after": "30"})
    answers = Script(TEXT, models={"claude-opus-4-8": Script(faults=[limited])})
    async with serving(answers) as (_, client):
        health = Health(clock=anyio.current_time)
        reading = await read(client, **fallbacks, policy=hedged(1.0), health=health)
        assert_unbroken(reading, TEXT)
        assert models(reading) == ["claude-opus-4-8", SECOND]
        reading = await read(client, **fallbacks, policy=hedged(1.0), health=health)
        assert models(reading) == [SECOND]


# -- too slow


async def test_a_stream_that_crawls_is_given_up_and_gone_on_with_elsewhere() -> None:
    """Fewer characters than asked for in a window; what it did write is kept."""
    answers = Script(
        Answer(TEXT, pieces=(2, 2), pace=1.0),
        models={SECOND: Script(Answer(TEXT)), THIRD: Script(Answer(TEXT))},
    )
    policy = Policy(min_chars_per_second=5, min_chars_window=8)
    async with serving(answers) as (_, client):
        reading = await read(client, **MODELS, policy=policy)
        assert_unbroken(reading, TEXT)
        assert reading.outcomes == ["slow", "complete"]
        assert models(reading) == [FIRST, SECOND]
        assert reading.report.attempts[0].characters == pytest.approx(16, abs=4)


async def test_a_stream_that_is_fast_enough_is_left_alone() -> None:
    """However slow its reader is, and however long it rests between two bursts that are enough."""
    policy = Policy(min_chars_per_second=1, min_chars_window=5)
    async with serving(Script(Answer(TEXT, pieces=(10, 10), pace=2.0))) as (_, client):
        async with resilient_stream(client, **ask(**MODELS, policy=policy)) as stream:
            async for _ in stream.text_stream:
                await anyio.sleep(30)
            assert [attempt.outcome for attempt in stream.report.attempts] == ["complete"]
