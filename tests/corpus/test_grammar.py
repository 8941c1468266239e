"""Random answers: well formed, streamed by the SDK, sent back whole, and gone on with from every cut."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic, AsyncStream, BadRequestError
from hypothesis import given, settings
from resuming import Held, joined, request_to_go_on
from serving import ask, serving
from tests.corpus.grammar import SHAPES, answers, random_answer, request_for

from unbroken.testing import Answer, EndOfFile, FaultServer, Script, after_events
from unbroken.testing.script.blocks import ServerTool, Thinking

#: A model that is prefilled and does not think unasked, and one that thinks and binds its thinking.
MODELS = {"claude-haiku-4-5": True, "claude-opus-5-5": False}
SEEDS = range(12)


async def events_of(sdk: AsyncAnthropic, request: dict[str, Any]) -> list[dict[str, Any]]:
    """What arrives."""
    stream = await sdk.messages.create(**request, stream=True)
    frames = AsyncStream.raw_events(stream.response)
    return [frame.json() async for frame in frames if frame.event != "ping"]


def told(content: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    """What must be the same however often an answer was cut: its text, and its other blocks but thinking."""
    text = "".join(block["text"] for block in content if block["type"] == "text")
    others = [
        [block["type"], block.get("name"), block.get("input"), block.get("content")]
        for block in content
        if block["type"] not in ("text", "thinking", "redacted_thinking")
    ]
    # Tools that ran at the same time may come one after the other in the end.
    return text, sorted(others, key=repr)


def after(content: Any, calls: list[str]) -> list[dict[str, Any]]:
    """A conversation in which an answer was given, and the user goes on."""
    results = [{"type": "tool_result", "tool_use_id": call, "content": "x"} for call in calls]
    more = {"type": "text", "text": "And then?"}
    turns = [{"role": "assistant", "content": content}, {"role": "user", "content": [*results, more]}]
    return [*ask()["messages"], *turns]


async def goes_on_from_every_cut(answer: Answer, model: str, *, every: int = 1) -> None:
    """Cut an answer after each of its events: nothing is refused, and the two parts are the whole."""
    prefill = MODELS[model]
    request = ask(model=model, **request_for(answer))
    request.pop("betas", None)
    async with serving(Script(answer)) as (server, sdk):
        whole = Held(await events_of(sdk, request))
        events = len(await events_of(sdk, request))
        for cut in range(1, events + 1, every):
            await server.play(Script(answer, faults=[EndOfFile(at=after_events(cut))]))
            held = Held(await events_of(sdk, request))
            if held.stop_reason is not None or held.calls:
                content = held.blocks
            else:
                rest = Held(await events_of(sdk, request_to_go_on(request, held, prefill=prefill)))
                content = joined(held, rest, prefill=prefill)
                assert told(content) == told(whole.blocks), (cut, held.content, rest.blocks)
            calls = [block["id"] for block in content if block["type"] == "tool_use"]
            await sdk.messages.create(**{**request, "messages": after(content, calls)})
        assert {entry.status for entry in server.requests} == {200}


@pytest.mark.sample(5)
@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_goes_on_from_every_cut(name: str, model: str) -> None:
    """With prefill and with a request to go on."""
    await goes_on_from_every_cut(SHAPES[name], model)


@pytest.mark.sample(11)
@pytest.mark.asyncio
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", SEEDS)
async def test_random_answers_go_on_from_their_cuts(seed: int, model: str) -> None:
    """At one event in seven, another seven for each seed."""
    await goes_on_from_every_cut(random_answer(Random(seed), future=True), model, every=7)


@pytest.mark.skipif(anthropic.__version__.startswith("1."), reason="SDK 1.0 writes `parsed_output` into its blocks")
@pytest.mark.asyncio
@pytest.mark.parametrize("api", ["messages", "beta"])
async def test_a_final_message_can_be_sent_back(api: str) -> None:
    """As the SDK's objects, as `to_dict` and as `model_dump` write them; with every field that the SDK adds."""
    for seed in SEEDS:
        answer = random_answer(Random(seed), mcp=api == "beta")
        request = ask(model="claude-opus-5-5", **request_for(answer))
        async with FaultServer(Script([answer, answer])) as server, client(server) as sdk:
            messages = sdk.beta.messages if api == "beta" else sdk.messages
            if api == "messages":
                request.pop("betas", None)
            async with messages.stream(**request) as stream:
                final = await stream.get_final_message()
            calls = [block.id for block in final.content if block.type == "tool_use"]
            dumped = final.model_dump()["content"], final.to_dict()["content"], final.model_dump(mode="json")["content"]
            for content in (final.content, *dumped):
                await messages.create(**{**request, "messages": after(content, calls)})
            assert [entry.status for entry in server.requests] == [200] * 5, seed


def damaged(content: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A message's content with one thing wrong, in every way that a careless client might bring about."""
    for at, block in enumerate(content):
        before, behind = content[:at], content[at + 1 :]
        kind = block["type"]
        if kind.endswith(("_use", "_result")):
            other = {"input": {**block["input"], "more": 1}} if "input" in block else {"content": [{"type": "text"}]}
            yield f"{kind} changed", [*before, {**block, **other}, *behind]
            yield f"{kind} twice", [*before, block, block, *behind]
            if kind != "tool_use":
                yield f"{kind} left out", [*before, *behind, {"type": "text", "text": "x"}]
        if kind == "thinking":
            yield "thinking changed", [*before, {**block, "thinking": f"{block['thinking']}x"}, *behind]
            yield "a signature cut", [*before, {**block, "signature": block["signature"][:-4]}, *behind]
        if kind == "redacted_thinking":
            yield "redacted thinking changed", [*before, {**block, "data": "x"}, *behind]
        if block.get("citations"):
            first, *more = block["citations"]
            yield "a citation changed", [*before, {**block, "citations": [{**first, "cited_text": "x"}]}, *behind]
            yield "a citation twice", [*before, {**block, "citations": [first, first, *more]}, *behind]
        if kind == "text":
            yield "an empty text", [*before, {**block, "text": ""}, *behind]
            yield "a field too many", [*before, {**block, "index": at}, *behind]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SHAPES)
async def test_a_damaged_message_cannot_be_sent_back(name: str) -> None:
    """Whatever is wrong with it is found."""
    answer = SHAPES[name]
    request = ask(model="claude-opus-5-5", **request_for(answer))
    async with serving(Script(answer)) as (server, sdk):
        content = (await sdk.messages.create(**request)).to_dict(mode="json")["content"]
        accepted = []
        for what, changed in damaged(content):
            calls = list(dict.fromkeys(block["id"] for block in changed if block["type"] == "tool_use"))
            try:
                await sdk.messages.create(**{**request, "messages": after(changed, calls)})
            except BadRequestError:
                continue
            accepted.append(what)
    assert accepted == [], [entry.status for entry in server.requests]


def client(server: FaultServer) -> AsyncAnthropic:
    sdk = AsyncAnthropic(base_url=server.url, api_key="test", max_retries=0)
    sdk._platform = "Linux"
    return sdk


@settings(max_examples=60)
@given(answers(mcp=True, future=True))
def test_what_is_said_is_well_formed(answer: Answer) -> None:
    """Never empty, never ending with thinking, and with a result for each call of a server tool."""
    assert answer.units
    assert not isinstance(answer.units[-1], Thinking)
    assert all(tool.result is not None for tool in answer.blocks if isinstance(tool, ServerTool))
    assert request_for(answer).keys() <= {"tools", "mcp_servers", "betas"}


def test_the_same_seed_says_the_same() -> None:
    """And another one something else."""
    assert random_answer(Random(1)) == random_answer(Random(1)) != random_answer(Random(2))
