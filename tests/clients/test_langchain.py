"""langchain-anthropic and a LangGraph agent, unchanged, with the middleware and without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Final

import pytest
from anthropic import AsyncAnthropic, OverloadedError

from clients.cells import (
    ARGUMENTS,
    CELLS,
    FINAL,
    LEAD,
    MODELS,
    OVERLOADED,
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
from harness import all_closed
from unbroken import ResilienceMiddleware, StreamFailed
from unbroken.testing import FaultServer, Reset

pytest.importorskip("langchain_anthropic", reason="langchain-anthropic is not installed: run `make clients`")
pytest.importorskip("langchain", reason="langchain is not installed: run `make clients`")

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_anthropic._client_utils import _get_default_async_httpx_client
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool


class ResilientChatAnthropic(ChatAnthropic):
    """What the documentation shows."""

    @cached_property
    def _async_client(self) -> AsyncAnthropic:
        return super()._async_client.with_middleware(ResilienceMiddleware())


@asynccontextmanager
async def chat(cell: Cell, model: str, *, resilient: bool) -> AsyncIterator[Any]:
    """A chat model of a fault server, with the middleware on its client or without."""

    class WithTheCellsPolicy(ChatAnthropic):
        @cached_property
        def _async_client(self) -> AsyncAnthropic:
            return super()._async_client.with_middleware(*middleware(cell))

    options: dict[str, Any] = {"thinking": dict(THINKING[model])} if cell.thinks else {}
    class_ = WithTheCellsPolicy if resilient else ChatAnthropic
    async with FaultServer(script(cell, model)) as server:
        llm = class_(model=model, base_url=server.url, api_key="test", max_tokens=4096, **options)
        try:
            yield llm
        finally:
            await llm._async_client.close()  # nobody else does
            _get_default_async_httpx_client.cache_clear()  # or a later server's port may find it again, closed
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


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["529 first", "reset in text", "529 for ever after a cut"])
async def test_an_agent_that_does_not_stream_survives(name: str) -> None:
    """`ainvoke`: each turn is retried, and fails over; the last message is the whole answer."""
    async with chat(CELLS[name], MODELS[0], resilient=True) as llm:
        told = Told()
        ended = await create_agent(llm, [register(told)]).ainvoke({"messages": [HumanMessage(PROMPT)]})
        assert ended["messages"][-1].text == FINAL
        assert told.calls == [ARGUMENTS]


@pytest.mark.asyncio
@pytest.mark.parametrize("cut", [False, True])
async def test_when_nothing_helps_it_says_so(cut: bool) -> None:
    """What had not begun is LangChain's own error, which is the SDK's too; what had begun is ours, as it is."""
    never = Cell([Reset()] if cut else [], then=OVERLOADED, fallback=None)
    async with chat(never, MODELS[0], resilient=True) as llm:
        told = Told()
        with pytest.raises(StreamFailed if cut else OverloadedError):
            await play_model(llm, told)
        assert LEAD.startswith("".join(told.pieces))
        assert told.calls == []


def test_the_synchronous_client_is_left_alone() -> None:
    """`invoke` and `stream` work as before: the middleware stands on the other client."""
    llm = ResilientChatAnthropic(model=MODELS[0], api_key="test")
    assert llm._client.middleware == ()
    assert [type(each) for each in llm._async_client.middleware] == [ResilienceMiddleware]
