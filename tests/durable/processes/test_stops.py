"""A stop from anywhere stops it everywhere: the request is closed, and every reader knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.durable.processes.fleet import Told
from tests.durable.processes.judging import log_of
from tests.durable.processes.scene import KINDS, Scene, scene
from tests.durable.processes.texts import LONG, TEXT

from unbroken import StreamCancelled, attach, cancel

pytestmark = pytest.mark.slow

ID = "c7/3"
#: It does not come to its end by itself while the test runs.
SLOW = replace(LONG, pace=0.3)


async def begun(place: Scene, told: Told) -> Told:
    await told.until(lambda told: len(told.text) > 5)
    return told


async def assert_cancelled(place: Scene, *readers: Told) -> None:
    for reader in readers:
        await reader.end()
        assert reader.failed is not None
        assert reader.failed["type"] == "StreamCancelled"
        assert reader.failed["code"] == "stopped"
        assert TEXT.startswith(reader.failed["text"])
    log = await log_of(place.journal, ID)
    assert log.kinds[-1] == "end"
    assert log.entries[-1].body["outcome"] == "cancelled"
    with pytest.raises(StreamCancelled) as raised:
        await attach(place.journal, ID).get_final_message()
    assert TEXT.startswith(raised.value.partial.text)
    assert not await cancel(place.journal, ID)
    # Who asks for it again gets what there was, and that it was stopped; nothing is asked.
    before = len(place.server.requests)
    with pytest.raises(StreamCancelled):
        await place.ask(ID)
    assert len(place.server.requests) == before


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["a caller", "a host"])
async def test_a_stop_in_another_process(how: str, kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, SLOW, kind=kind) as place:
        writer, other = place.worker(), place.worker()
        if how == "a caller":
            readers = [await begun(place, await place.write(writer, ID))]
        else:
            await writer.host()
            await writer.start(ID, **place.asking(ID))
            readers = []
        readers.append(await begun(place, await place.write(other, ID)))
        readers.append(await other.tell("entries", stream_id=ID, after="0"))
        third = place.worker()
        assert await (await third.tell("cancel", stream_id=ID)).result()
        await place.server_saw_closed(0)
        await assert_cancelled(place, *readers)
        assert len(place.server.requests) == 1


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_of_what_nobody_writes(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, SLOW, kind=kind) as place:
        writer, other = place.worker(), place.worker()
        await begun(place, await place.write(writer, ID))
        reader = await other.tell("entries", stream_id=ID, after="0")
        await reader.until(lambda told: bool(told.pairs))
        writer.kill()
        await writer.death()
        assert await (await other.tell("cancel", stream_id=ID)).result()
        await assert_cancelled(place, reader)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_of_what_waits_for_room(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, SLOW, kind=kind) as place:
        worker = place.worker()
        await worker.host(max_streams=1)
        await worker.start("first", **place.asking("first"))
        await worker.start(ID, **place.asking(ID))
        assert await cancel(place.journal, ID)
        assert await cancel(place.journal, "first")
        await assert_cancelled(place)
        assert len(place.server.requests) == 1


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_of_what_stands_still(kind: str, tmp_path: Path) -> None:
    """It is taken from its writer, which finds that out when it wakes, and closes its request then."""
    async with scene(tmp_path, SLOW, kind=kind) as place:
        writer, other = place.worker(), place.worker()
        told = await begun(place, await place.write(writer, ID))
        writer.pause()
        assert await (await other.tell("cancel", stream_id=ID)).result()
        writer.go_on()
        await place.server_saw_closed(0)
        await assert_cancelled(place, told)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_of_what_has_ended_is_none(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, LONG, kind=kind) as place:
        worker = place.worker()
        await (await place.write(worker, ID)).result()
        assert not await (await worker.tell("cancel", stream_id=ID)).result()
        assert not await cancel(place.journal, ID)
        assert (await place.ask(ID)).text == TEXT


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_stops_from_everywhere_at_once_are_one(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, SLOW, kind=kind) as place:
        writer, other = place.worker(), place.worker()
        told = await begun(place, await place.write(writer, ID))
        orders: list[Any] = [await worker.tell("cancel", stream_id=ID) for worker in (writer, other) for _ in range(5)]
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(cancel, place.journal, ID)
        for order in orders:
            await order.result()
        await assert_cancelled(place, told)
        assert (await log_of(place.journal, ID)).kinds.count("end") == 1
