"""Many who ask, many who read, and hosts that write so many at a time: one request for each stream."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.durable.processes.judging import log_of
from tests.durable.processes.scene import KINDS, Scene, scene
from tests.durable.processes.texts import HALF, LONG, TEXT

from harness import read
from unbroken import attach

pytestmark = pytest.mark.slow

ID = "c7/3"


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_twenty_callers_in_four_processes_make_one_request(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, LONG, kind=kind) as place:
        workers = [place.worker() for _ in range(4)]
        for worker in workers:
            await worker.ready()
        callers = [await place.write(workers[n % 4], ID) for n in range(20)]
        for caller in callers:
            await caller.result()
        log = await place.judge(ID)
        assert len(place.server.requests) == 1
        assert log.takeovers == 0
        assert sum(caller.roles[0] == "writer" for caller in callers) == 1
        first = callers[0]
        for caller in callers:
            assert caller.text == TEXT
            assert caller.done["types"] == first.done["types"]
            assert caller.done["message"] == first.done["message"]


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_their_writer_is_killed_and_they_make_two(kind: str, tmp_path: Path) -> None:
    """All of them would go on, and one does."""
    async with scene(tmp_path, HALF, kind=kind) as place:
        workers = [place.worker() for _ in range(4)]
        victim = place.worker(kill={"call": "append", "n": 30, "when": "after"})
        first = await place.write(victim, ID)
        await first.news.until(lambda: bool(first.lines))
        callers = [await place.write(workers[n % 4], ID) for n in range(20)]
        for caller in callers:
            await caller.result()
            assert caller.text == TEXT
        log = await place.judge(ID)
        assert victim.dead
        assert log.takeovers == 1
        assert len(place.server.requests) == 2


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_fifty_readers_agree_byte_for_byte_and_who_leaves_changes_nothing(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, LONG, kind=kind) as place:
        writer, other = place.worker(), place.worker()
        told = await place.write(writer, ID)
        await told.until(lambda told: bool(told.text))
        elsewhere = [await other.tell("entries", stream_id=ID, after="0") for _ in range(20)]
        here: list[list[Any]] = [[] for _ in range(30)]
        async with anyio.create_task_group() as group:
            for n, pairs in enumerate(here):
                group.start_soon(leave_early if n % 3 == 0 else place.read, *reading(place, n, pairs))
        for reader in elsewhere:
            await reader.result()
        log = await place.judge(ID)
        assert log.takeovers == 0
        assert len(place.server.requests) == 1
        assert await told.result()
        wanted = [json.dumps(pair) for pair in log.pairs]
        for reader in elsewhere:
            assert [json.dumps(pair) for pair in reader.pairs] == wanted
        for n, pairs in enumerate(here):
            assert [json.dumps(pair) for pair in pairs] == (wanted[:10] if n % 3 == 0 else wanted)


def reading(place: Scene, n: int, pairs: list[Any]) -> tuple[Any, ...]:
    return (place, pairs) if n % 3 == 0 else (ID, "0", pairs)


async def leave_early(place: Scene, pairs: list[Any]) -> None:
    entries = attach(place.journal, ID, after="0").entries
    async for position, event in entries:
        pairs.append([position, json.loads(json.dumps(event))])
        if len(pairs) == 10:
            break
    await entries.aclose()  # type: ignore[attr-defined]


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_two_hosts_with_room_for_two_end_six_streams_in_order(kind: str, tmp_path: Path) -> None:
    names = [f"s/{n}" for n in range(6)]
    async with scene(tmp_path, replace(LONG, pace=0.02), kind=kind) as place:
        hosts = [place.worker(), place.worker()]
        for host in hosts:
            await host.host(max_streams=2)
        ended = anyio.Event()
        most = [0]
        async with anyio.create_task_group() as group:
            group.start_soon(count_open, place, most, ended)
            for n, name in enumerate(names):
                assert await hosts[n % 2].start(name, **place.asking(name))
            for name in names:
                await place.read(name)
            ended.set()
        for name in names:
            assert (await place.judge(name)).attempts == 1
        assert most[0] <= 4
        asked = [json.dumps(request.body["messages"]).split("[s/")[1][0] for request in place.server.requests]
        assert sorted(asked[:4]) == ["0", "1", "2", "3"]
        assert asked[4:] == ["4", "5"]


async def count_open(place: Scene, most: list[int], ended: anyio.Event) -> None:
    while not ended.is_set():
        most[0] = max(most[0], sum(request.ended_at is None for request in place.server.requests))
        await anyio.sleep(0.002)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_an_owner_is_stored_hashed_and_another_finds_nothing(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, LONG, kind=kind) as place:
        worker = place.worker()
        await (await place.write(worker, ID, owner="canary-owner")).result()
        for owner in ("another", "canary"):
            reader = await worker.tell("entries", stream_id=ID, after=None, owner=owner)
            await reader.end()
            assert reader.failed is not None
            assert reader.failed["type"] == "StreamMissing"
        with pytest.raises(ValueError, match="another owner"):
            await read(place.client, journal=place.journal, stream_id=ID, owner="another", **place.asking(ID))
        assert await (await worker.tell("entries", stream_id=ID, after="0", owner="canary-owner")).result() is None
        assert (await log_of(place.journal, ID)).attempts == 1
