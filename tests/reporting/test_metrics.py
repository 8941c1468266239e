"""What is measured of streams: how long they take, what they went through, and what that cost."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, Final

import pytest

from harness import CONTINUE, read, serving
from listening import Heard, listening
from unbroken import Health, Hedging, Limits, Policy, StreamFailed
from unbroken.reporting import metrics
from unbroken.testing import AFTER_MESSAGE_START, BEFORE_RESPONSE, ErrorEvent, Script, Silence, Status, after_fraction

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

SECOND: Final = "claude-sonnet-5-5"
TEXT: Final = "What is measured is told once for each stream, when it is over, whatever it went through until then."
CUT: Final = ErrorEvent("overloaded_error", at=after_fraction(0.5))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """A listener that sees the breakers of this test alone."""
    monkeypatch.setattr(metrics, "_watched", type(metrics._watched)())
    with listening() as heard:
        yield heard


def point(**attributes: Any) -> tuple[tuple[str, Any], ...]:
    """A point's attributes, `_` for the dots, `model` for the model."""
    names = {"model": "gen_ai.request.model", "type": "gen_ai.token.type"}
    return tuple(sorted((names.get(name, f"unbroken.{name.replace('_', '.')}"), v) for name, v in attributes.items()))


async def test_a_healthy_stream(heard: Heard) -> None:
    """It has a duration, a time to first content and one attempt, and no recovery."""
    async with serving(Script(TEXT, faults=[Silence(2, at=AFTER_MESSAGE_START)])) as (_, client):
        reading = await read(client)
    stream = point(model=CONTINUE, outcome="complete")
    assert heard.measured("unbroken.stream.duration") == {stream: reading.report.duration}
    assert heard.measured("unbroken.stream.time_to_first_content") == {stream: 2.0}
    attempts = {point(model=CONTINUE, attempt_form="request", outcome="complete"): 1}
    assert heard.measured("unbroken.attempts") == attempts
    for name in ("resumes", "hedges", "recovery.tokens"):
        assert heard.measured(f"unbroken.{name}") == {}


async def test_a_resume_and_what_it_cost(heard: Heard) -> None:
    """Its input is recovery, and what it repeated; what was said and what was estimated are kept apart."""
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        reading = await read(client)
    assert heard.measured("unbroken.resumes") == {point(model=CONTINUE, attempt_form="continue"): 1}
    second = reading.report.attempts[1]
    repeated = round((second.output_tokens or 0) * (1 - second.kept))
    assert heard.measured("unbroken.recovery.tokens") == {
        point(model=CONTINUE, type="input", tokens_estimated=False): second.input_tokens,
        point(model=CONTINUE, type="output", tokens_estimated=False): repeated,
    }


async def test_a_hedge_that_wins_and_one_that_loses(heard: Heard) -> None:
    """The input of the loser is recovery: estimated, where the API had not said."""
    slow = Script(TEXT, models={CONTINUE: Script(faults=[Silence(60, at=BEFORE_RESPONSE)])})
    async with serving(slow) as (_, client):
        won = await read(client, fallback_models=[SECOND], policy=Policy(hedging=Hedging(1.0)))
    silences = {CONTINUE: Silence(5, at=BEFORE_RESPONSE), SECOND: Silence(60, at=BEFORE_RESPONSE)}
    late = Script(TEXT, models={model: Script(faults=[silence]) for model, silence in silences.items()})
    async with serving(late) as (_, client):
        await read(client, fallback_models=[SECOND], policy=Policy(hedging=Hedging(1.0)))
    assert heard.measured("unbroken.hedges") == {
        point(model=SECOND, hedge_won=True): 1,
        point(model=SECOND, hedge_won=False): 1,
    }
    estimated = heard.measured("unbroken.recovery.tokens")
    lost = won.report.attempts[0].estimated_input_tokens
    assert estimated[point(model=CONTINUE, type="input", tokens_estimated=True)] == lost


async def test_a_stream_that_fails_is_measured_too(heard: Heard) -> None:
    """It has no first content."""
    async with serving(Script(TEXT, then=[Status(529)])) as (_, client):
        with pytest.raises(StreamFailed):
            await read(client, policy=Policy(initial_backoff=0, max_attempts=2))
    assert list(heard.measured("unbroken.stream.duration")) == [point(model=CONTINUE, outcome="failed")]
    assert heard.measured("unbroken.stream.time_to_first_content") == {}
    attempts = {point(model=CONTINUE, attempt_form="request", outcome="overloaded"): 2}
    assert heard.measured("unbroken.attempts") == attempts


async def test_breakers_are_counted_by_their_state(heard: Heard) -> None:
    """Those of every `Health` whose streams were measured, while it is there."""
    healths = [Health(min_requests=1, recovery_time=60), Health()]
    async with serving(Script(TEXT, faults=[Status(529)])) as (_, client):
        for health in healths:
            await read(client, health=health, fallback_models=[SECOND])

    def seen(model: str) -> dict[str, int]:
        measured = heard.measured("unbroken.breakers")
        return {state: measured[point(model=model, breaker_state=state)] for state in ("closed", "half_open", "open")}

    assert seen(CONTINUE) == {"closed": 1, "half_open": 0, "open": 1}
    assert seen(SECOND) == {"closed": 1, "half_open": 0, "open": 0}
    healths.clear()
    del health
    gc.collect()
    assert heard.measured("unbroken.breakers") == {}


async def test_the_limits_are_shown_whenever_somebody_looks(heard: Heard) -> None:
    """How many requests may be out, how many are and wait, and what the API says is left."""
    health = Health(limits=Limits(concurrency=3))
    async with serving(TEXT) as (_, client):
        await read(client, health=health)
        await read(client, health=health, service_tier="standard_only")
    bucket = health.snapshot()["limits"][0]["bucket"]
    ordinary = point(limit_client=0, limit_bucket=bucket)
    assert heard.measured("unbroken.limit.concurrency")[ordinary] == 3
    requests = heard.measured("unbroken.limit.requests")
    assert requests[point(limit_client=0, limit_bucket=bucket, limit_state="in_flight")] == 0
    remaining = heard.measured("unbroken.limit.remaining")
    assert remaining[point(limit_client=0, limit_bucket=bucket, limit_name="requests")] == pytest.approx(4_000, abs=2)
    del health
    gc.collect()
    assert heard.measured("unbroken.limit.concurrency") == {}


async def test_without_limits_there_is_nothing_to_show(heard: Heard) -> None:
    """Off by default."""
    health = Health()
    async with serving(TEXT) as (_, client):
        await read(client, health=health)
    assert heard.measured("unbroken.limit.requests") == {}
