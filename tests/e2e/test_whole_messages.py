"""Any message, cut anywhere, any number of times: whole blocks, delivered once, and a message that can be sent back."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.corpus.grammar import SHAPES, answers, request_for
from trio.testing import MockClock

from harness import AT_ONCE, CONTINUE, PREFILL, Reading, client_of, read
from unbroken import StreamFailed
from unbroken.testing import (
    BEFORE_MESSAGE_START,
    Answer,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    FaultServer,
    Pings,
    RedactedThinking,
    Reset,
    Script,
    ServerTool,
    Silence,
    Text,
    Thinking,
    ToolUse,
    after_events,
)

OTHER: Final = "claude-sonnet-5-5"
THINKS: Final = (Thinking, RedactedThinking)
KINDS: Final[list[Any]] = [Reset, Drop, EndOfFile, ErrorEvent, CutFrame, CutFrame, BadJson, Silence, Pings]


async def read_and_send_back(
    model: str, answer: Answer, steps: list[Any], **changes: Any
) -> tuple[Reading, FaultServer]:
    """The stream under its faults; its message is then sent back, with what the next turn needs."""
    request = {"model": model, **request_for(answer)}
    api = "beta" if "betas" in request else "messages"
    async with FaultServer(Script([answer, "And now?"], faults=steps)) as server, client_of(server) as client:
        defaults = {"api": api, "policy": replace(AT_ONCE, allow_replay=True)}
        reading = await read(client, **{**defaults, **request, **changes})
        if reading.message.stop_reason not in ("pause_turn", "refusal") and reading.message.content:
            await send_back(client, api, request, reading)
    return reading, server


async def send_back(client: Any, api: str, request: dict[str, Any], reading: Reading) -> None:
    """Append the message to the conversation, as an application does. A 400 raises."""
    content = [block.to_dict() for block in reading.message.content]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "rain"}
        for block in content
        if block["type"] == "tool_use"
    ]
    messages = [
        {"role": "user", "content": "Tell me."},
        {"role": "assistant", "content": content},
        {"role": "user", "content": results or "Thank you."},
    ]
    messages_of = client.beta.messages if api == "beta" else client.messages
    await messages_of.create(**{**request, "model": reading.message.model, "max_tokens": 500, "messages": messages})


def assert_whole(reading: Reading, answer: Answer, server: FaultServer) -> None:
    """The message is the answer, block for block, but for the thinking of attempts that died."""
    content = reading.message.content
    wanted = [block for block in answer.blocks if not isinstance(block, THINKS)]
    calls = [(block.name, block.input) for block in content if block.type == "tool_use"]
    wanted_calls = [(block.name, block.input) for block in wanted if isinstance(block, ToolUse)]
    assert calls == wanted_calls[: len(calls)]
    assert bool(calls) == bool(wanted_calls)
    if len(calls) == len(wanted_calls):
        assert "".join(block.text for block in content if block.type == "text") == answer.text
    uses = [block for block in content if block.type in ("server_tool_use", "mcp_tool_use")]
    results = [block for block in content if block.type.endswith("_tool_result")]
    searches = [block for block in wanted if isinstance(block, ServerTool)]
    assert [block.name for block in uses] == [block.name for block in searches]
    assert sorted(block.tool_use_id for block in results) == sorted(
        block.id for block, search in zip(uses, searches, strict=True) if search.result is not None
    )
    # A model that finds all of a text in its prefill may go on without citing; what was cited is there, and once.
    cited = [citation.to_dict() for block in content if block.type == "text" for citation in block.citations or ()]
    streamed = [event.citation for event in reading.events if event.type == "citation"]
    assert cited == [citation.to_dict() for citation in streamed]
    assert len(cited) <= sum(len(block.citations) for block in wanted if isinstance(block, Text))
    started = [event.index for event in reading.events if event.type == "content_block_start"]
    stopped = [event.index for event in reading.events if event.type == "content_block_stop"]
    assert started == list(range(len(started)))
    assert set(started) - set(stopped) <= {i for i, b in enumerate(reading.partial.blocks) if b.abandoned}
    assert [request.status for request in server.requests if request.status == 400] == []
    assert reading.report.outcome == "complete"


@pytest.mark.sample(5)
@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "a refusal"])
async def test_every_shape_cut_after_every_event(model: str, shape: str) -> None:
    """Once; nothing is lost, nothing is there twice, and nothing is rejected."""
    answer = SHAPES[shape]
    whole, _ = await read_and_send_back(model, answer, [])
    for n in range(len(whole.types) + 2):
        reading, server = await read_and_send_back(model, answer, [Reset(at=after_events(n))])
        try:
            assert_whole(reading, answer, server)
        except AssertionError as error:
            error.add_note(f"cut after {n} events; forms: {reading.forms}; notices: {reading.codes}")
            raise


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_refusal_that_is_cut_is_the_refusal_or_an_error() -> None:
    """One that comes in place of the rest is never joined; when nothing of the text is missing, nobody can tell."""
    answer = SHAPES["a refusal"]
    for n in range(20):
        text, stop_reason = await refused(CONTINUE, answer, [Reset(at=after_events(n))])
        assert answer.text.startswith(text)
        assert (text == answer.text) or stop_reason is None


async def refused(model: str, answer: Answer, steps: list[Any], **changes: Any) -> tuple[str, str | None]:
    """The text, and the stop reason of a message or None of an error."""
    try:
        reading, _ = await read_and_send_back(model, answer, steps, **changes)
    except StreamFailed as error:
        return error.partial.text, None
    return reading.text, reading.message.stop_reason


@st.composite
def deaths(draw: st.DrawFn) -> list[Any]:
    """One to three deaths, of any kind, anywhere: after any event, and at any byte of a frame."""
    steps: list[Any] = []
    for _ in range(draw(st.integers(1, 3))):
        fault = draw(st.sampled_from(KINDS))(at=after_events(draw(st.integers(0, 40))))
        if isinstance(fault, CutFrame):
            fault = replace(fault, keep=draw(st.integers(-80, 80)), end=draw(st.sampled_from(["eof", "drop", "reset"])))
        steps.append(fault)
    return steps


ENABLED: Final = {"type": "enabled", "budget_tokens": 1_024}


@pytest.mark.sample
@pytest.mark.parametrize("fallbacks", [[], [OTHER]])
@pytest.mark.parametrize(("model", "thinking"), [(CONTINUE, None), (PREFILL, None), (PREFILL, ENABLED)])
@settings(max_examples=20)
@given(answer=answers(mcp=True), steps=deaths())
def test_any_message_survives_any_cuts(
    model: str, thinking: Any, fallbacks: list[str], answer: Answer, steps: list[Any]
) -> None:
    """Several times, on one model or on two that take turns."""
    thinks = {} if thinking is None else {"thinking": thinking}
    policy = replace(AT_ONCE, max_attempts_per_route=1 if fallbacks else 3, allow_replay=True)

    async def run() -> None:
        if answer.stop_reason == "refusal":
            text, stop_reason = await refused(model, answer, steps, fallback_models=fallbacks, policy=policy, **thinks)
            assert (text == answer.text) or (stop_reason is None and answer.text.startswith(text))
        else:
            reading, server = await read_and_send_back(
                model, answer, steps, fallback_models=fallbacks, policy=policy, **thinks
            )
            assert_whole(reading, answer, server)

    # On a clock that jumps: silence costs nothing. (The oldest anyio forgets the clock that it is given.)
    trio.run(run, clock=MockClock(autojump_threshold=0))


@pytest.mark.anyio
@pytest.mark.parametrize("shape", ["a search", "thinking between", "a search, then a call", "citations"])
async def test_three_cuts_send_three_resumes_of_one_length_and_change_nothing_of_the_callers(shape: str) -> None:
    """Each is built from the caller's request and the whole partial, and not from the resume before it."""
    answer = SHAPES[shape]
    request = {**request_for(answer), "messages": [{"role": "user", "content": [{"type": "text", "text": "Tell me."}]}]}
    before = deepcopy(request)
    last = len((await read_and_send_back(CONTINUE, answer, []))[0].types) - 3
    # After the first cut nothing new arrives: the next two die with their headers.
    steps = [Reset(at=after_events(last)), *[Reset(at=BEFORE_MESSAGE_START)] * 2]
    reading, server = await read_and_send_back(CONTINUE, answer, steps, messages=request["messages"])
    assert_whole(reading, answer, server)
    assert request == before
    resumes = [json.dumps(sent.body["messages"]) for sent in server.requests[1 : min(4, len(reading.forms))]]
    assert len(set(resumes)) <= 1
