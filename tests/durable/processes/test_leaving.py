"""A deploy: who is asked to leave gives its streams up, and others go on without waiting for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.durable.processes.fleet import PATIENCE, eventually
from tests.durable.processes.judging import log_of
from tests.durable.processes.scene import KINDS, Scene, scene
from tests.durable.processes.texts import LONG, TEXT

from unbroken import StreamHost

pytestmark = pytest.mark.slow

ID = "c7/3"
#: Longer than any test waits: nobody may need it.
LEASE = 3600.0


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_who_leaves_is_succeeded_at_once(kind: str, tmp_path: Path) -> None:
    pairs: list[Any] = []
    async with scene(tmp_path, LONG, kind=kind) as place:
        old, new = place.worker(), place.worker()
        hosted = await old.host(lease=LEASE)
        await old.start(ID, **place.asking(ID))
        async with anyio.create_task_group() as group:
            group.start_soon(place.read, ID, "0", pairs)
            await some_of(pairs)
            await new.host(lease=LEASE)
            await old.tell("leave", name="host")
            await hosted.result()
        log = await place.judge(ID)
        assert pairs == log.pairs
        assert log.takeovers == 1
        # It has said how its request has ended: nobody was lost.
        assert log.kinds[: log.kinds.index("takeover")].count("told") == 1


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_that_ends_without_leaving_is_succeeded_at_once_too(kind: str, tmp_path: Path) -> None:
    """The kernel says that it is not there."""
    async with scene(tmp_path, LONG, kind=kind) as place:
        old, new = place.worker(), place.worker()
        await old.host(lease=LEASE)
        await old.start(ID, **place.asking(ID))
        pairs: list[Any] = []
        async with anyio.create_task_group() as group:
            group.start_soon(place.read, ID, "0", pairs)
            await some_of(pairs)
            await new.host(lease=LEASE)
            old.kill()
        assert pairs == (await place.judge(ID)).pairs


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_three_deploys_in_a_row_cost_three_pauses_and_make_no_poison(kind: str, tmp_path: Path) -> None:
    """Also of a stream that has not brought a character yet."""
    async with scene(tmp_path, LONG, kind=kind) as place:
        await place.server.stop_listening()
        for n in range(4):
            worker = place.worker()
            hosted = await worker.host(lease=LEASE, max_recoveries=1, policy={"initial_backoff": 30.0})
            if not n:
                await worker.start(ID, **place.asking(ID))
            await attempts(place, n + 1)
            await worker.tell("leave", name="host")
            await hosted.result()
        await place.server.listen()
        async with StreamHost(place.journal, place.client, max_recoveries=1):
            reading = await place.ask(ID)
        assert reading.text == TEXT


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_who_may_take_its_time_ends_what_it_writes(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, LONG, kind=kind) as place:
        old, new = place.worker(), place.worker()
        hosted = await old.host(grace=60.0)
        await old.start(ID, **place.asking(ID))
        await new.host()
        await old.tell("leave", name="host")
        await hosted.result()
        log = await place.judge(ID)
        assert log.takeovers == 0


async def some_of(pairs: list[Any]) -> None:
    """Return when a part of the text is there."""
    await eventually(lambda: len(pairs) >= 15)


async def attempts(place: Scene, count: int) -> None:
    """Return when so many requests were written down."""
    with anyio.fail_after(PATIENCE):
        while await place.journal.look(ID) is None or (await log_of(place.journal, ID)).attempts < count:
            await anyio.lowlevel.checkpoint()
