"""Switching models: what a fallback is asked, what its 400s teach, and what streams to come know of it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, Final

import anthropic
import pytest
from anthropic.resources.messages import AsyncMessages

from harness import AT_ONCE, CONTINUE, PREFILL, assert_unbroken, read, serving
from unbroken import Health, Hedging, ModelInfo, Policy
from unbroken.testing import Reset, Script, Status, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT: Final = "What one model cannot take another may, and what nobody knew of a model it says itself, in a 400."
CUT: Final = Reset(at=after_characters(50))
OTHER: Final = "claude-opus-4-8"
ONCE: Final = Policy(initial_backoff=0, max_attempts_per_route=1, max_attempts=2)

REFUSALS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # what OTHER says, what was asked of the primary, what OTHER is asked in the end
    (
        '"thinking.type.adaptive" is not supported for this model.',
        {"thinking": {"type": "adaptive"}},
        {"thinking": None},
    ),
    (
        "This model does not support effort level 'max'. Supported levels: high, low, medium.",
        {"output_config": {"effort": "max"}},
        {"output_config": {"effort": "high"}},
    ),
    (
        "This model does not support the effort parameter.",
        {"output_config": {"effort": "max"}},
        {"output_config": None},
    ),
    (
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-opus-4-8",
        {"max_tokens": 100_000},
        {"max_tokens": 64_000},
    ),
    ("'claude-opus-4-8' does not support the `speed` parameter.", {"speed": "fast"}, {"speed": None}),
]


@pytest.mark.parametrize(("message", "asked", "sent"), REFUSALS, ids=[message[:40] for message, _, _ in REFUSALS])
async def test_a_fallback_that_says_what_it_does_not_take_is_asked_as_it_takes_it(
    message: str, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    """No attempt is lost, and the next stream asks it so at once."""
    if not set(asked) <= set(inspect.signature(AsyncMessages.stream).parameters):
        pytest.skip("this SDK does not take that argument")
    models = {CONTINUE: Script(then=Status(529)), OTHER: Script(TEXT, faults=[Status(400, message=message)])}
    health = Health()
    async with serving(Script(TEXT, models=models)) as (server, client):
        for requests in ([CONTINUE, OTHER, OTHER], [CONTINUE, OTHER]):
            seen = len(server.requests)
            reading = await read(client, fallback_models=[OTHER], policy=ONCE, health=health, **asked)
            assert_unbroken(reading, TEXT)
            assert [request.model for request in server.requests[seen:]] == requests
            last = server.requests[-1].body
            assert {name: last.get(name) for name in sent} == sent
            adapted = [notice for notice in reading.report.notices if notice.code == "request_adapted"]
            assert len(adapted) == len(requests) - 2
            for notice in adapted:  # what it says may quote the conversation
                assert notice.message.startswith(f"{OTHER} rejected the request for ")
                assert message not in notice.message


async def test_the_primarys_own_request_is_raised_and_not_changed() -> None:
    """Whatever its 400 says: the caller made it so."""
    refusal = '"thinking.type.adaptive" is not supported for this model.'
    async with serving(Script(TEXT, faults=[Status(400, message=refusal)])) as (server, client):
        with pytest.raises(anthropic.BadRequestError, match="not supported for this model"):
            await read(client, thinking={"type": "adaptive"}, fallback_models=[OTHER])
        assert len(server.requests) == 1


async def test_a_400_that_is_heard_again_leaves_the_fallback_out() -> None:
    """It is asked once more, and not for ever."""
    refusal = Status(400, message="This model does not support the effort parameter.")
    models = {CONTINUE: Script(then=Status(529)), OTHER: Script(then=refusal)}
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    async with serving(Script(TEXT, models=models)) as (server, client):
        config = {"effort": "max"}
        reading = await read(client, fallback_models=[OTHER, PREFILL], policy=policy, output_config=config)
        assert_unbroken(reading, TEXT)
        assert [request.model for request in server.requests] == [CONTINUE, OTHER, OTHER, PREFILL]
        assert reading.codes == ["failover", "request_adapted", "failover", "route_skipped"]


async def test_a_fallback_that_takes_no_force_is_left_out_and_says_why() -> None:
    """Without the choice the answer would be another; the table knows one of the two, the other says so itself."""
    refusal = 'tool_choice: type "tool" and "any" are not supported for this model.'
    models = {OTHER: Script(then=Status(529)), "claude-opus-5": Script(then=Status(400, message=refusal))}
    request: dict[str, Any] = {
        "model": OTHER,
        "fallback_models": ["claude-sonnet-5-5", "claude-opus-5", PREFILL],
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
    }
    async with serving(Script(TEXT, models=models)) as (server, client):
        reading = await read(client, **request, policy=Policy(initial_backoff=0, max_attempts_per_route=1))
        assert_unbroken(reading, TEXT)
        assert [asked.model for asked in server.requests] == [OTHER, "claude-opus-5", PREFILL]
        skipped = [notice.message for notice in reading.report.notices if notice.code == "route_skipped"]
        why = "does not take a forced tool_choice, and is not asked"
        assert skipped == [f"claude-sonnet-5-5 {why}", f"claude-opus-5 {why}"]


async def test_what_the_caller_says_of_a_model_is_what_it_is_asked() -> None:
    """The table does not know the model, or has it wrong."""
    mine = ModelInfo(name="mine", max_output=2_000, thinking=frozenset({"disabled"}), effort=frozenset())
    models = {CONTINUE: Script(TEXT, faults=[CUT], then=Status(529)), PREFILL: Script(TEXT)}
    async with serving(Script(TEXT, models=models)) as (server, client):
        reading = await read(client, fallback_models=[PREFILL], policy=ONCE, health=Health(models={PREFILL: mine}))
        assert_unbroken(reading, TEXT)
        assert reading.forms == ["request", "continue"]
        assert server.requests[-1].body["max_tokens"] <= 2_000


async def test_what_it_cost_is_told() -> None:
    """The resume's input is what the cut cost, and what came twice."""
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        reading = await read(client)
        cost = reading.report.cost()
        first, second = cost.attempts
        assert first is not None
        assert second is not None
        assert cost.total == pytest.approx(first.total + second.total)
        assert cost.recovery is not None
        assert second.input <= cost.recovery < second.total
        assert 0 < (cost.estimated_share or 0) < 1
        assert sum(attempt.delivered for attempt in reading.report.attempts) == len(TEXT)


async def test_a_hedge_is_corrected_too() -> None:
    """Its route is asked again at once, while the other is still waited for."""
    refusal = "This model does not support the effort parameter."
    models = {CONTINUE: Script(then=Status(529)), OTHER: Script(TEXT, faults=[Status(400, message=refusal)])}
    async with serving(Script(TEXT, models=models)) as (server, client):
        policy = replace(AT_ONCE, hedging=Hedging(0))
        reading = await read(client, fallback_models=[OTHER], policy=policy, output_config={"effort": "max"})
        assert_unbroken(reading, TEXT)
        asked = [request.body.get("output_config") for request in server.requests if request.model == OTHER]
        assert asked == [{"effort": "max"}, None]
