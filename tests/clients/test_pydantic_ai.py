"""pydantic-ai's agents, unchanged, with the middleware and without."""

from __future__ import annotations

import pytest
from anthropic import AsyncAnthropic, OverloadedError

from clients.cells import (
    CELLS,
    FINAL,
    MODELS,
    PROMPT,
    THINKING,
    WHOLE,
    Cell,
    Told,
    all_struck,
    middleware,
    outcome,
    script,
)
from harness import serving
from unbroken import StreamFailed
from unbroken.testing import Reset, Script, Status

pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed: run `make clients`")

from pydantic_ai import Agent, AgentRunResultEvent, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.exceptions import ModelOverloadedError
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.providers.anthropic import AnthropicProvider


def agent_of(client: AsyncAnthropic, told: Told, model: str, cell: Cell) -> Agent[None, str]:
    """What an application writes: an agent with one tool, on a client of its own."""
    settings = AnthropicModelSettings(max_tokens=4096)
    if cell.thinks:
        settings["anthropic_thinking"] = THINKING[model]  # type: ignore[typeddict-item]
    provider = AnthropicProvider(anthropic_client=client)
    agent = Agent(AnthropicModel(model, provider=provider), model_settings=settings)

    @agent.tool_plain
    async def look_up(place: str, years: list[int], notes: str) -> str:
        """Looks a place up in the register."""
        return told.call(place=place, years=years, notes=notes)

    return agent


async def play(client: AsyncAnthropic, told: Told, model: str, cell: Cell) -> None:
    """Show the text of every turn as it comes."""
    agent = agent_of(client, told, model, cell)
    async with agent.run_stream_events(PROMPT) as events:
        async for event in events:
            match event:
                case (
                    PartStartEvent(part=TextPart(content=text))
                    | PartDeltaEvent(delta=TextPartDelta(content_delta=text))
                ):
                    told.text(text)
                case AgentRunResultEvent(result=result):
                    assert result.output == FINAL
                case _:
                    pass


async def play_last(client: AsyncAnthropic, told: Told, model: str, cell: Cell) -> None:
    """Show the text of the last turn as it comes; `run_stream` takes the first text for the last."""
    async with agent_of(client, told, model, cell).run_stream(PROMPT) as run:
        async for piece in run.stream_text(delta=True, debounce_by=None):
            told.text(piece)


@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", CELLS)
async def test_with_the_middleware_the_run_is_whole(name: str, model: str) -> None:
    """Whatever breaks, in both turns: the text once, and the tool run once with its whole input."""
    cell = CELLS[name]
    async with serving(script(cell, model), middleware=middleware(cell)) as (server, client):
        assert await outcome(lambda told: play(client, told, model, cell)) == WHOLE
        assert all_struck(server, cell)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CELLS)
async def test_without_it_every_fault_is_seen(name: str) -> None:
    """The same code on a bare client: an error, a cut, a call with half of its input, or a wait without end."""
    cell, model = CELLS[name], MODELS[0]
    async with serving(script(cell, model)) as (_, client):
        seen = await outcome(lambda told: play(client, told, model, cell), hangs=cell.hangs)
        assert (seen == WHOLE) == (name == "nothing"), seen


@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [name for name in CELLS if "in text" not in name])
async def test_a_streamed_result_is_whole(name: str, model: str) -> None:
    """The other way of streaming, after a turn that is a call alone."""
    cell = CELLS[name]
    async with serving(script(cell, model, lead=""), middleware=middleware(cell)) as (_, client):
        assert await outcome(lambda told: play_last(client, told, model, cell), text=FINAL) == WHOLE


@pytest.mark.asyncio
async def test_when_nothing_helps_it_says_so() -> None:
    """What had not begun is pydantic-ai's own error, around the SDK's; what had begun is ours, as it is."""
    never = Status(529, headers={"retry-after-ms": "1"})
    cell, model = CELLS["nothing"], MODELS[0]
    for faults, error in (([], ModelOverloadedError), ([Reset()], StreamFailed)):
        async with serving(Script(FINAL, faults=faults, then=never), middleware=middleware(cell)) as (_, client):
            told = Told()
            with pytest.raises(error) as caught:
                await play(client, told, model, cell)
            assert FINAL.startswith("".join(told.pieces))
            assert isinstance(
                caught.value.__cause__, OverloadedError if error is ModelOverloadedError else ExceptionGroup
            )
