"""A process that writes a stream is killed with -9, at any moment; another goes on, and nobody sees a joint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import anyio
import pytest
import sniffio
from tests.corpus.grammar import SHAPES
from tests.durable.killed import entries_of
from tests.durable.processes.fleet import Told
from tests.durable.processes.judging import Log
from tests.durable.processes.scene import KINDS, Scene, scene
from tests.durable.test_every_kill import read_durably

from harness import CONTINUE, PREFILL
from unbroken.journal import MemoryJournal

#: Processes that are killed at a time.
AT_A_TIME: Final = 4

pytestmark = [pytest.mark.slow, pytest.mark.thinned(7)]


def assert_seen(told: Told, log: Log) -> None:
    """What the caller of the writer that was killed has seen is what the journal has."""
    positions = [line["position"] for line in told.lines if line.get("type", "").startswith(("content", "message"))]
    assert positions == [position for position, _ in log.pairs][: len(positions)]
    text = "".join(
        event["delta"]["text"]
        for _, event in log.pairs
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "text_delta"
    )
    assert text.startswith(told.text)


async def gone_on_with_by_a_host(place: Scene, stream_id: str, kill: dict[str, Any]) -> bool:
    """By whoever looks for orphans; two read all along. Returns whether anybody was killed."""
    pairs: list[Any] = []
    behind: list[Any] = []
    victim = place.worker(kill=kill)
    told = await place.write(victim, stream_id)
    await told.news.until(lambda: bool(told.lines) or victim.dead)
    async with anyio.create_task_group() as group:
        group.start_soon(place.read, stream_id, "0", pairs)
        await told.news.until(lambda: victim.dead or told.ended)
        killed = victim.dead
        at = pairs[-1][0] if pairs else "0"
        group.start_soon(place.read, stream_id, at, behind)
    log = await place.judge(stream_id)
    assert pairs == log.pairs
    assert behind == [pair for pair in log.pairs if at == "0" or int(pair[0].split("-")[1]) > int(at.split("-")[1])]
    assert_seen(told, log)
    assert log.takeovers <= 1
    return killed


async def gone_on_with_by_a_reader(place: Scene, stream_id: str, kill: dict[str, Any]) -> bool:
    """By one who has asked for the same, and was reading along. Returns whether anybody was killed."""
    victim = place.worker(kill=kill)
    told = await place.write(victim, stream_id)
    await told.news.until(lambda: bool(told.lines) or victim.dead)
    reading = await place.ask(stream_id)
    await told.news.until(lambda: victim.dead or told.ended)
    log = await place.judge(stream_id)
    assert reading.types == [event["type"] for _, event in log.pairs]
    assert reading.report.outcome == "complete"
    assert_seen(told, log)
    return victim.dead


async def kill_everywhere(place: Scene, entries: range, go_on: Any) -> None:
    """A stream for each of these entries of a message, before or after whose append its writer is killed."""
    limit, killed = anyio.CapacityLimiter(AT_A_TIME), []

    async def one(n: int, when: str) -> None:
        async with limit:
            killed.append(await go_on(place, f"s/{when}/{n}", {"call": "append", "n": n, "when": when}))

    async with anyio.create_task_group() as group:
        for at, n in enumerate(entries):
            group.start_soon(one, n, "before" if at % 2 else "after")
    # How a text is cut into events is drawn for each request: the last of them may not be there.
    assert sum(killed) >= len(killed) - 2


async def appended(model: str, shape: str) -> int:
    """How many entries are appended to a stream with such a message: without what others may add."""
    journal = MemoryJournal()
    await read_durably(model, SHAPES[shape], journal)
    return len(await entries_of(journal, "c7/3")) - 1


#: Which entries are those of a case: together, the cases kill at every one.
CASES: Final = [("sqlite", "asyncio"), ("sqlite", "trio"), ("redis", "asyncio"), ("redis", "trio")]


def first_of(kind: str) -> int:
    return CASES.index((kind, sniffio.current_async_library()))


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "a refusal"])
async def test_a_host_goes_on_with_every_shape(model: str, shape: str, kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, SHAPES[shape], model, kind=kind) as place:
        host = place.worker()
        await host.host(policy={"allow_replay": True})
        places = range(1 + first_of(kind), await appended(model, shape) + 1, len(CASES))
        await kill_everywhere(place, places, gone_on_with_by_a_host)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "a refusal"])
async def test_a_reader_goes_on_with_every_shape(model: str, shape: str, kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, SHAPES[shape], model, kind=kind) as place:
        places = range(1 + first_of(kind), await appended(model, shape) + 1, len(CASES))
        await kill_everywhere(place, places, gone_on_with_by_a_reader)
