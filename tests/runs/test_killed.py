"""A run that is killed with -9 at any moment, again and again: every result is there once, exact, as a whole line."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from anthropic.types.messages import MessageBatchIndividualResponse
from pydantic import TypeAdapter
from tests.durable.processes.fleet import fleet, forking

from unbroken.testing import Answer, Drop, ErrorEvent, FaultServer, Reset, Script, Status, after_characters

TEXT: Final = "The lamp is lit, the glass is clear of salt, and the clockwork is wound. " * 4
CONCURRENCY: Final = 8
#: What goes wrong, over and over; one request in three.
FAULTS: Final = (
    *(None, None, Status(529), None, None, Reset(at=after_characters(40)), None, None),
    *(ErrorEvent("overloaded_error", at=after_characters(120)), None, None, Drop(at=after_characters(7))),
)


@pytest.fixture(scope="module", autouse=True)
def zygote() -> Iterator[None]:
    """What forks workers."""
    yield from forking()


@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize(
    ("requests", "kills", "seed"),
    [(60, 6, 1), pytest.param(2_000, 100, 2, marks=[pytest.mark.slow, pytest.mark.exhaustive])],
)
@pytest.mark.anyio
async def test_killed_at_random(tmp_path: Path, requests: int, kills: int, seed: int) -> None:
    """Nothing is lost, doubled or mixed up; and no more is asked for than was running without a word."""
    chance = random.Random(seed)
    asked = tmp_path / "requests.jsonl"
    await anyio.Path(asked).write_text("".join(_line(number) for number in range(requests)))
    paths = {"requests": str(asked), "output": str(tmp_path / "answers.jsonl"), "journal": str(tmp_path / "run.db")}
    faults = [FAULTS[n % len(FAULTS)] for n in range(2 * requests)]
    script = Script(Answer(TEXT, pace=0.002), faults=faults)
    async with FaultServer(script) as server, fleet() as workers:
        for kill in range(kills):
            worker = workers.worker({"path": str(tmp_path / "own.db")}, server.url)
            told = await worker.tell("run", concurrency=CONCURRENCY, **paths)
            # At a moment that is no event of anybody's: some answers after the last kill, and then some turns.
            goal = 1 + chance.randrange(max(1, requests // kills))
            await told.until(lambda told, goal=goal: len(told.lines) >= goal)  # type: ignore[misc]
            for _ in range(chance.randrange(200)):
                await anyio.lowlevel.checkpoint()
            worker.kill()
            await worker.death()
            assert kill < kills
        worker = workers.worker({"path": str(tmp_path / "own.db")}, server.url)
        assert await (await worker.tell("run", concurrency=CONCURRENCY, **paths)).result() == requests
    results = [json.loads(line) for line in (await anyio.Path(paths["output"]).read_bytes()).splitlines()]
    for result in results:
        TypeAdapter(MessageBatchIndividualResponse).validate_python(result)
    assert sorted(result["custom_id"] for result in results) == sorted(f"q{n}" for n in range(requests))
    assert {_text(result) for result in results} == {TEXT}
    begun = [each for each in server.requests if each.status == 200 and each.body["messages"][-1]["role"] == "user"]
    assert len(begun) <= requests + kills * CONCURRENCY


def _line(number: int) -> str:
    said = [{"role": "user", "content": f"Question {number}"}]
    params = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": said}
    return json.dumps({"custom_id": f"q{number}", "params": params}) + "\n"


def _text(result: Any) -> str:
    return "".join(block["text"] for block in result["result"]["message"]["content"])
