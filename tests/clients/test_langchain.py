"""langchain-anthropic and a LangGraph agent, unchanged, with the middleware and without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Final

import pytest
from anthropic import AsyncAnthropic

from clients.cells import CELLS, MODELS, PROMPT, THINKING, WHOLE, Cell, Told, all_struck, middleware, outcome, script
from harness import all_closed
from unbroken.testing import FaultServer

pytest.importorskip("langchain_anthropic", reason="langchain-anthropic is not installed: run `make clients`")
pytest.importorskip("langchain", reason="langchain is not installed: run `make clients`")

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool


@asynccontextmanager
async def chat(cell: Cell, model: str, *, resilient: bool) -> AsyncIterator[Any]:
    """A chat model of a fault server, with the middleware on its client or without."""

    class ResilientChatAnthropic(ChatAnthropic):
        @cached_property
        def _async_client(self) -> AsyncAnthropic:
            return super()._async_client.with_middleware(*middleware(cell))

    options: dict[str, Any] = {"thinking": dict(THINKING[model])} if cell.thinks else {}
    class_ = ResilientChatAnthropic if resilient else ChatAnthropic
    async with FaultServer(script(cell, model)) as server:
        llm = class_(model=model, base_url=server.url, api_key="test", max_tokens=4096, **options)
        try:
            yield llm
        finally:
            await llm._async_client.close()  # nobody else does
        assert not resilient or all_struck(server, cell)
        await all_closed(server)


def register(told: Told) -> BaseTool:
    """The tool."""

    @tool
    async def look_up(place: str, years: list[int], notes: str) -> str:
        """Looks a place up in the register."""
        return told.call(place=place, years=years, notes=notes)

    return look_up


async def play_model(llm: Any, told: Told) -> None:
    """What an application writes that runs the tools itself: `astream`, until no more are called."""
    look_up = register(told)
    messages: list[Any] = [HumanMessage(PROMPT)]
    while not isinstance(messages[-1], AIMessageChunk):
        whole: Any = None
        async for chunk in llm.bind_tools([look_up]).astream(messages):
            told.text(chunk.text)
            whole = chunk if whole is None else whole + chunk
        messages.append(whole)
        results = [(await look_up.ainvoke(call["args"]), call["id"]) for call in whole.tool_calls]
        messages += [ToolMessage(result, tool_call_id=call) for result, call in results]


async def play_graph(llm: Any, told: Told) -> None:
    """What an application writes that has LangGraph run them: an agent, and its messages as they come."""
    agent = create_agent(llm, [register(told)])
    async for chunk, _ in agent.astream({"messages": [HumanMessage(PROMPT)]}, stream_mode="messages"):
        if isinstance(chunk, AIMessageChunk):
            told.text(chunk.text)


PLAYS: Final[dict[str, Callable[[Any, Told], Awaitable[None]]]] = {"astream": play_model, "langgraph": play_graph}


@pytest.mark.asyncio
@pytest.mark.parametrize("play", PLAYS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", CELLS)
async def test_with_the_middleware_the_run_is_whole(name: str, model: str, play: str) -> None:
    """Whatever breaks, in both turns: the text once, and the tool run once with its whole input."""
    async with chat(CELLS[name], model, resilient=True) as llm:
        assert await outcome(lambda told: PLAYS[play](llm, told)) == WHOLE


@pytest.mark.asyncio
@pytest.mark.parametrize("play", PLAYS)
@pytest.mark.parametrize("name", CELLS)
async def test_without_it_every_fault_is_seen(name: str, play: str) -> None:
    """The same code on a bare client: an error, a cut, a call with half of its input, or a wait without end."""
    async with chat(CELLS[name], MODELS[0], resilient=False) as llm:
        seen = await outcome(lambda told: PLAYS[play](llm, told), hangs=CELLS[name].hangs)
        assert (seen == WHOLE) == (name == "nothing"), seen
