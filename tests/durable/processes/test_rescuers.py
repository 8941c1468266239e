"""Who goes on with a stream may be killed as well: before it asks, while it writes, and together with the writer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.durable.processes.fleet import PATIENCE
from tests.durable.processes.scene import KINDS, Scene, scene
from tests.durable.processes.texts import HALF, LONG, TEXT

from harness import CONTINUE, PREFILL
from unbroken import StreamFailed, attach
from unbroken.testing import Script

pytestmark = [pytest.mark.slow, pytest.mark.thinned(5)]

ID = "c7/3"


async def reading(place: Scene, pairs: list[Any]) -> None:
    await place.read(ID, "0", pairs)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "kill",
    [
        {"call": "take", "n": 1, "when": "before"},
        {"call": "take", "n": 1, "when": "after"},
        {"call": "append", "n": 1, "when": "before"},
        {"call": "append", "n": 1, "when": "after"},
        {"call": "append", "n": 20, "when": "before"},
        {"call": "append", "n": 20, "when": "after"},
    ],
    ids=lambda kill: " ".join(map(str, kill.values())),
)
async def test_the_rescuer_is_killed_too(kill: dict[str, Any], kind: str, tmp_path: Path) -> None:
    pairs: list[Any] = []
    model = CONTINUE if kind == "sqlite" else PREFILL
    # So slow that nobody's appends bring many entries at a time, also where the machine is busy.
    script = Script(replace(LONG, pace=0.03), faults=HALF.faults)
    async with scene(tmp_path, script, model, kind=kind) as place:
        first = place.worker(kill=kill)
        await first.host()
        writer = place.worker(kill={"call": "append", "n": 25, "when": "after"})
        told = await place.write(writer, ID)
        await told.news.until(lambda: bool(told.lines))
        async with anyio.create_task_group() as group:
            group.start_soon(reading, place, pairs)
            await writer.death()
            await first.death()
            await place.worker().host()
        log = await place.judge(ID)
        assert log.takeovers == (1 if kill == {"call": "take", "n": 1, "when": "before"} else 2)
        assert pairs == log.pairs


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_writer_and_who_would_go_on_are_killed_together(kind: str, tmp_path: Path) -> None:
    pairs: list[Any] = []
    async with scene(tmp_path, LONG, kind=kind) as place:
        writer, other = place.worker(), place.worker()
        await other.host()
        told = await place.write(writer, ID)
        await told.until(lambda told: len(told.text) > 40)
        writer.kill()
        other.kill()
        async with anyio.create_task_group() as group:
            group.start_soon(reading, place, pairs)
            await writer.death()
            await other.death()
            await place.worker().host()
        log = await place.judge(ID)
        assert pairs == log.pairs
        assert TEXT.startswith(told.text)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_what_kills_three_in_a_row_ends_and_goes_on_for_who_asks_for_it_again(kind: str, tmp_path: Path) -> None:
    asks = {"call": "append", "n": 1, "when": "after"}
    async with scene(tmp_path, LONG, kind=kind) as place:
        writer = place.worker(kill=asks)
        await place.write(writer, ID)
        await writer.death()
        for _ in range(2):
            rescuer = place.worker(kill=asks)
            await rescuer.host()
            await rescuer.death()
        with anyio.fail_after(PATIENCE):
            while await place.journal.orphans() != [ID]:
                await anyio.lowlevel.checkpoint()
        await place.worker().host()
        with pytest.raises(StreamFailed) as raised:
            await attach(place.journal, ID).get_final_message()
        assert raised.value.diagnosis.code == "poison"
        assert raised.value.partial.text == ""
        reading = await place.ask(ID)
        assert reading.text == TEXT
        assert len(place.server.requests) <= 4
        assert [event["type"] for _, event in await place.read(ID)].count("message_start") == 1
