"""Two traps for who goes on: thinking that was given up is never sent back, and no tool acts a second time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.corpus.grammar import SHAPES
from tests.durable.processes.judging import asked_for, log_of
from tests.durable.processes.scene import scene
from tests.durable.processes.texts import TEXT

from harness import AT_ONCE, CONTINUE, PREFILL
from unbroken import StreamFailed, attach
from unbroken.testing import Answer, Script, Silence, Thinking, after_events

pytestmark = pytest.mark.slow

ID = "c7/3"
THOUGHT = "When was it lit? I should know this. The ledger says March, or was it May? It says March, on the ninth."
#: Neither the thought nor the text is whole before its writer is killed, however many events come at a time.
THINKS = Script(
    Answer([Thinking(THOUGHT), TEXT], pieces=(2, 6), pace=0.02),
    faults=[Silence(at=after_events(12)), Silence(at=after_events(66))],
)


def thinking_sent(request: Any) -> list[Any]:
    """The thinking blocks that a request sends back."""
    contents = [message["content"] for message in request.body["messages"] if message["role"] == "assistant"]
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return [block for block in blocks if "thinking" in block["type"]]


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
async def test_thinking_that_was_given_up_is_never_sent_back(model: str, tmp_path: Path) -> None:
    """Its writer is killed in mid-thought; who goes on gives the thought up, and is killed in the text behind it."""
    async with scene(tmp_path, THINKS, model) as place:
        kind = {"type": "enabled", "budget_tokens": 1024} if model == PREFILL else {"type": "adaptive"}
        thinking = {"thinking": {**kind, "display": "summarized"}}
        first = place.worker(kill={"call": "append", "n": 8, "when": "after"})
        await place.write(first, ID, **thinking)
        await first.death()
        half = await log_of(place.journal, ID)
        assert not any(event["type"] == "content_block_stop" for _, event in half.pairs)
        second = place.worker(kill={"call": "append", "n": 60, "when": "after"})
        await second.host(policy={"allow_replay": True})
        await second.death()
        log = await log_of(place.journal, ID)
        assert log.kinds.count("abandoned") == 1
        blocks = [event["content_block"]["type"] for _, event in log.pairs if event["type"] == "content_block_start"]
        assert blocks == ["thinking", "thinking", "text"]
        await place.worker().host(policy={"allow_replay": True})
        await place.read(ID)
        await place.judge(ID)
        asked = asked_for(place.server, ID)
        assert len(asked) == 3
        assert thinking_sent(asked[1]) == []
        for block in thinking_sent(asked[2]):
            assert block["signature"]
        for request in asked[1:]:
            assert half_thought(half.pairs) not in json.dumps([thinking_sent(request)])


def half_thought(pairs: list[Any]) -> str:
    """What was thought before the first kill, with the end of a string behind it: the whole thought begins with it."""
    deltas = [event["delta"] for _, event in pairs if event["type"] == "content_block_delta"]
    return "".join(delta.get("thinking", "") for delta in deltas) + '"'


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("n", [1, 2])
async def test_a_tool_that_may_have_acted_is_not_made_to_act_again(n: int, tmp_path: Path) -> None:
    """From when the request is out until it is known what it did; unless the policy says that it may."""
    async with scene(tmp_path, replace(SHAPES["code"], pace=0.02)) as place:
        writer = place.worker(kill={"call": "append", "n": n, "when": "after"})
        await place.write(writer, ID, policy={})
        await writer.death()
        await place.worker().host()
        with pytest.raises(StreamFailed, match="may have acted") as raised:
            await attach(place.journal, ID).get_final_message()
        assert raised.value.partial.text == ""
        assert len(place.server.requests) <= 1
        log = await log_of(place.journal, ID)
        assert log.attempts == 1
        assert log.entries[-1].body["outcome"] == "failed"
        # Its caller, who knows what the tool does, may have it done again.
        reading = await place.ask(ID, policy=replace(AT_ONCE, allow_replay=True))
        assert reading.text == SHAPES["code"].text
        assert len(place.server.requests) <= 2


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_what_a_tool_has_brought_is_kept_and_sent_back(tmp_path: Path) -> None:
    """With what came of it the text goes on, and nothing is done again."""
    async with scene(tmp_path, replace(SHAPES["code"], pace=0.02)) as place:
        writer = place.worker(kill={"call": "append", "n": 10, "when": "after"})
        await place.write(writer, ID, policy={})
        await writer.death()
        await place.worker().host()
        await place.read(ID)
        await place.judge(ID)
        first, second = asked_for(place.server, ID)
        assert [block["type"] for block in second.body["messages"][1]["content"]][:2] == [
            "server_tool_use",
            "code_execution_tool_result",
        ]
        assert first.body["tools"] == second.body["tools"]


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_one_whose_request_was_never_sent_is_asked_for_by_whoever_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path, SHAPES["code"]) as place:
        writer = place.worker(kill={"call": "append", "n": 1, "when": "before"})
        await place.write(writer, ID, policy={})
        await writer.death()
        assert place.server.requests == []
        await place.worker().host()
        await place.read(ID)
        await place.judge(ID)
        assert len(place.server.requests) == 1
