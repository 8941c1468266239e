"""The SDK's own tool runner, unchanged, with the middleware and without."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

import pytest
from anthropic import AsyncAnthropic, beta_async_tool
from anthropic.resources.beta.messages import AsyncMessages

from clients.cells import CELLS, MODELS, PROMPT, THINKING, WHOLE, Told, all_struck, middleware, outcome, script
from harness import serving

KNOWN: Final = inspect.signature(AsyncMessages.tool_runner).parameters
#: The whole conversation in each request, which is what older SDKs do without being told.
WHOLE_REQUESTS: Final[dict[str, Any]] = {"thread": False} if "thread" in KNOWN else {}
EAGER: Final[dict[str, Any]] = {"stream": True, "run_tools_eagerly": True, **WHOLE_REQUESTS}
#: How a runner goes about it.
WAYS: Final[Mapping[str, dict[str, Any]]] = {
    "streaming": {"stream": True, **WHOLE_REQUESTS},
    **({"eager": EAGER} if "run_tools_eagerly" in KNOWN else {}),
}
IN_ONE_PIECE: Final = {"in one piece": WHOLE_REQUESTS}
#: The default of SDK 2: the server keeps the conversation, in a message thread. The fault server keeps none.
THREADED: Final[Mapping[str, dict[str, Any]]] = {"threaded": {"stream": True}} if "thread" in KNOWN else {}


async def play(client: AsyncAnthropic, told: Told, model: str, **options: Any) -> None:
    """What an application writes: one tool, and the text shown as it comes."""

    @beta_async_tool
    async def look_up(place: str, years: list[int], notes: str) -> str:
        """Looks a place up in the register."""
        return told.call(place=place, years=years, notes=notes)

    runner = client.beta.messages.tool_runner(
        model=model, max_tokens=4096, tools=[look_up], messages=[{"role": "user", "content": PROMPT}], **options
    )
    if not options.get("stream"):
        async for message in runner:
            for block in message.content:
                if block.type == "text":
                    told.text(block.text)
        return
    async for stream in runner:
        async for event in stream:
            if event.type == "text":
                told.text(event.text)


def thinking(cell: str, model: str) -> dict[str, Any]:
    """How the model is asked to think, where the cell wants it."""
    return {"thinking": THINKING[model]} if CELLS[cell].thinks else {}


@pytest.mark.sample
@pytest.mark.anyio
@pytest.mark.backends("asyncio", "virtual")
@pytest.mark.parametrize("way", [*WAYS, *IN_ONE_PIECE, *THREADED])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cell", CELLS)
async def test_with_the_middleware_the_run_is_whole(cell: str, model: str, way: str) -> None:
    """Whatever breaks, in both turns: the text once, and the tool run once with its whole input."""
    async with serving(script(CELLS[cell], model), middleware=middleware(CELLS[cell])) as (server, client):
        options = {**WAYS, **IN_ONE_PIECE, **THREADED}[way] | thinking(cell, model)
        assert await outcome(lambda told: play(client, told, model, **options)) == WHOLE
        assert all_struck(server, CELLS[cell]) or way in IN_ONE_PIECE
        assert not any("thread" in request.body for request in server.requests)


@pytest.mark.sample
@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
async def test_without_it_every_fault_is_seen(cell: str, way: str) -> None:
    """The same code on a bare client: an error, a cut, a call with half of its input, or a wait without end."""
    model = MODELS[0]
    async with serving(script(CELLS[cell], model)) as (_, client):
        options = WAYS[way] | thinking(cell, model)
        seen = await outcome(lambda told: play(client, told, model, **options), hangs=CELLS[cell].hangs)
        assert (seen == WHOLE) == (cell == "nothing"), seen
