"""A process that stood still, and did not notice: what it would write is refused, and its caller reads on."""

from __future__ import annotations

import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.durable.processes.fleet import eventually
from tests.durable.processes.scene import KINDS, scene
from tests.durable.processes.texts import LONG, TEXT

from harness import CONTINUE, PREFILL

pytestmark = [pytest.mark.slow, pytest.mark.thinned(3)]

ID = "c7/3"
#: Seconds. Others wait for it, and who is only slow may lose its stream by it: that costs a request, and no character.
LEASE = 0.7


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
async def test_a_caller_whose_stream_was_taken_meanwhile_reads_on(model: str, kind: str, tmp_path: Path) -> None:
    pairs: list[Any] = []
    # So slow that the server is not done with the first request when the zombie wakes.
    async with scene(tmp_path, replace(LONG, pace=0.1), model, kind=kind) as place:
        zombie = place.worker(lease=LEASE, kill={"call": "append", "n": 25, "when": "before", "how": signal.SIGSTOP})
        told = await place.write(zombie, ID)
        await told.until(lambda told: bool(told.text))
        async with anyio.create_task_group() as group:
            group.start_soon(place.read, ID, "0", pairs)
            other = place.worker()
            await other.host(lease=LEASE)
            # Not before the other has written something of its own.
            await eventually(lambda: any(position.startswith("2-") for position, _ in pairs))
            zombie.go_on()
        await told.end()
        log = await place.judge(ID)
        assert pairs == log.pairs
        assert told.failed is None, told.failed
        assert told.text == TEXT
        assert told.roles[0] == "writer"
        assert told.done["role"] == "reader"
        assert told.done["types"] == [event["type"] for _, event in log.pairs]
        assert "".join(block["text"] for block in told.done["message"]["content"]) == TEXT
        # Its request is closed as soon as it knows.
        await place.server_saw_closed(0)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_wakes_when_all_is_over_has_the_whole_message(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path, LONG, kind=kind) as place:
        zombie = place.worker(lease=LEASE)
        told = await place.write(zombie, ID)
        await told.until(lambda told: len(told.text) > 40)
        zombie.pause()
        await place.worker().host(lease=LEASE)
        pairs = await place.read(ID)
        zombie.go_on()
        await told.end()
        log = await place.judge(ID)
        assert pairs == log.pairs
        assert told.failed is None, told.failed
        assert told.text == TEXT


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize("kind", KINDS)
async def test_two_that_stand_still_in_turns_write_one_message(kind: str, tmp_path: Path) -> None:
    """Each is taken for dead by the other, over and over."""
    pairs: list[Any] = []
    async with scene(tmp_path, LONG, kind=kind) as place:
        hosts = [place.worker(), place.worker()]
        for host in hosts:
            await host.host(lease=LEASE)
        await hosts[0].start(ID, **place.asking(ID))
        async with anyio.create_task_group() as group:
            group.start_soon(place.read, ID, "0", pairs)
            for turn in range(4):
                await eventually(partial(is_written_by, pairs, turn + 1))
                hosts[(turn + 1) % 2].go_on()
                hosts[turn % 2].pause()
            for host in hosts:
                host.go_on()
        log = await place.judge(ID)
        assert pairs == log.pairs
        assert log.takeovers >= 2


def is_written_by(pairs: list[Any], fence: int) -> bool:
    """Whether the so-manieth writer has brought something, or there is nothing more to bring."""
    return bool(pairs) and (pairs[-1][0].startswith(f"{fence}-") or pairs[-1][1]["type"] == "message_stop")
