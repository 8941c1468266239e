"""Any message, cut anywhere, any number of times: whole blocks, delivered once, and a message that can be sent back."""

from __future__ import annotations

from typing import Any, Final

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import AT_ONCE, CONTINUE, PREFILL, Reading, client_of, read
from unbroken.testing import (
    Answer,
    BadJson,
    CutFrame,
    EndOfFile,
    ErrorEvent,
    FaultServer,
    Reset,
    Script,
    Text,
    Thinking,
    ToolUse,
    after_events,
)
from unbroken.testing.blocks import RedactedThinking, ServerTool

OTHER: Final = "claude-sonnet-5-5"
TOOLS: Final = [
    {"type": "web_search_20250305", "name": "web_search"},
    {"name": "weather", "input_schema": {"type": "object"}},
]
HIT: Final = {"type": "web_search_result", "url": "https://example.com", "title": "A page", "page_age": None}
CITATION: Final = {
    "type": "web_search_result_location",
    "cited_text": "something",
    "title": "A page",
    "url": "https://example.com",
}
WORDS: Final = (
    "the harbour was quiet and nobody had seen the boat come in before noon that day since winter "
    "when old letters arrived with every tide under seven grey stones beyond their own garden wall"
).split()


@st.composite
def texts(draw: st.DrawFn) -> Text:
    """A sentence or three, now and then with a citation."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40))
    text = " ".join(words).capitalize() + "."
    return Text(text, citations=draw(st.sampled_from([(), (), (CITATION,)])))


SEARCHES: Final = st.builds(
    ServerTool,
    st.just("web_search"),
    st.fixed_dictionaries({"query": st.sampled_from(WORDS)}),
    st.just([HIT]),
    with_next=st.booleans(),
)
CALLS: Final = st.builds(ToolUse, st.just("weather"), st.fixed_dictionaries({"city": st.sampled_from(WORDS)}))
THOUGHTS: Final = st.one_of(
    st.builds(Thinking, st.sampled_from(["Let me see.", "Hm, that is a long story, and I should tell it well."])),
    st.just(RedactedThinking()),
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Thinking, then text and searches in any order, then perhaps calls of the caller's own tools."""
    blocks: list[Any] = draw(st.lists(THOUGHTS, max_size=2))
    for _ in range(draw(st.integers(1, 4))):
        blocks += draw(st.lists(SEARCHES, max_size=2))
        blocks.append(draw(texts()))
    blocks += draw(st.lists(CALLS, max_size=2))
    return Answer(blocks, pieces=(1, 30))


@st.composite
def faults(draw: st.DrawFn) -> list[Any]:
    """One to three deaths, anywhere."""
    kinds: list[Any] = [Reset, EndOfFile, ErrorEvent, CutFrame, BadJson]
    return [draw(st.sampled_from(kinds))(at=after_events(draw(st.integers(0, 30)))) for _ in range(draw(st.integers(1, 3)))]


async def broken_and_whole(model: str, answer: Answer, steps: list[Any], **changes: Any) -> tuple[Reading, FaultServer, Any]:
    """The stream under its faults, and what the server says when its message is sent back."""
    request = {"model": model, "tools": TOOLS, "policy": AT_ONCE, **changes}
    async with FaultServer(Script(answer, faults=steps)) as server, client_of(server) as client:
        reading = await read(client, **request)
        message = reading.message
        content = [block.to_dict() for block in message.content]
        turns: list[Any] = [{"role": "user", "content": "Tell me."}, {"role": "assistant", "content": content}]
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "rain"}
            for block in content
            if block["type"] == "tool_use"
        ]
        turns.append({"role": "user", "content": results or "Thank you."})
        named = message.model
        back = await client.messages.create(model=named, max_tokens=500, messages=turns, tools=TOOLS)
    return reading, server, back


def assert_whole(reading: Reading, answer: Answer, server: FaultServer) -> None:
    """The message is the answer, block for block, but for the thinking of attempts that died."""
    text = "".join(block.text for block in reading.message.content if block.type == "text")
    assert text == answer.text
    calls = [(block.name, block.input) for block in reading.message.content if block.type == "tool_use"]
    wanted = [(block.name, block.input) for block in answer.blocks if isinstance(block, ToolUse)]
    assert calls == wanted[: len(calls)]
    assert bool(calls) == bool(wanted)
    uses = [block.id for block in reading.message.content if block.type == "server_tool_use"]
    results = [block.tool_use_id for block in reading.message.content if block.type == "web_search_tool_result"]
    searches = [block for block in answer.blocks if isinstance(block, ServerTool)]
    assert sorted(uses) == sorted(results)
    assert len(set(uses)) == len(uses) == len(searches)
    started = [event.index for event in reading.events if event.type == "content_block_start"]
    stopped = [event.index for event in reading.events if event.type == "content_block_stop"]
    assert started == sorted(set(started)) == stopped
    assert [record.status for record in server.requests if record.status == 400] == []
    assert reading.report.outcome == "complete"


@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("fallbacks", [[], [OTHER]])
@settings(max_examples=60)
@given(answer=answers(), steps=faults())
def test_a_message_survives_any_cuts(model: str, fallbacks: list[str], answer: Answer, steps: list[Any]) -> None:
    """Every block whole and once, nothing rejected, and the whole can be sent back."""

    async def run() -> None:
        policy = AT_ONCE if not fallbacks else AT_ONCE.__class__(initial_backoff=0, max_attempts_per_route=1)
        reading, server, back = await broken_and_whole(model, answer, steps, fallback_models=fallbacks, policy=policy)
        assert_whole(reading, answer, server)
        assert back.type == "message"

    anyio.run(run)
