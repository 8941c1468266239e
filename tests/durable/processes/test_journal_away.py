"""A journal that is locked, full, read-only or gone: it is waited for, or there is an error with a name."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.durable.processes.judging import log_of, seen
from tests.durable.processes.scene import Scene, scene
from tests.durable.processes.texts import HALF, LONG, TEXT

from harness import AT_ONCE
from unbroken import StreamFailed, attach

pytestmark = pytest.mark.slow

ID = "c7/3"
SLOW = replace(LONG, pace=0.02)


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Somebody else holds the file, as a tool does that looks at it."""
    connection = sqlite3.connect(path / "streams.db", isolation_level=None, check_same_thread=False)
    try:
        await anyio.to_thread.run_sync(connection.execute, "BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


async def some_text(told: Any) -> None:
    await told.until(lambda told: len(told.text) > 20)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_three_seconds_are_waited_for(tmp_path: Path) -> None:
    """Nothing is lost, nothing is shown that is not stored, and nothing is asked twice."""
    async with scene(tmp_path, SLOW) as place:
        writer = place.worker()
        told = await place.write(writer, ID)
        await some_text(told)
        pairs: list[Any] = []
        async with anyio.create_task_group() as group:
            group.start_soon(place.read, ID, "0", pairs)
            async with locked(tmp_path):
                stored = (await log_of(place.journal, ID)).pairs
                await anyio.sleep(3)
                assert (await log_of(place.journal, ID)).pairs == stored == pairs
                assert told.text == "".join(text_of(stored))
        log = await place.judge(ID)
        assert pairs == log.pairs
        assert (await told.result())["requests"] == 1


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_longer_than_its_patience_is_an_error_with_all_that_is_stored(tmp_path: Path) -> None:
    async with scene(tmp_path, SLOW) as place:
        writer = place.worker()
        told = await place.write(writer, ID, policy={"journal_patience": 0.5})
        await some_text(told)
        async with locked(tmp_path):
            await told.end()
            assert told.failed is not None
            assert told.failed["type"] == "StreamFailed"
            assert told.failed["code"] == "journal"
            assert "locked" in told.failed["message"] or "does not answer" in told.failed["message"]
            log = await log_of(place.journal, ID)
            # All that it has shown is stored; what is stored and was not shown is what nobody had acknowledged.
            assert "".join(text_of(log.pairs)).startswith(told.text)
            assert told.failed["text"] == told.text
        # It goes on for whoever asks next, also here, and at once.
        with anyio.fail_after(15):
            reading = await place.ask(ID)
        assert reading.text == TEXT
        await place.judge(ID)


def text_of(pairs: list[Any]) -> list[str]:
    deltas = [event["delta"] for _, event in pairs if event["type"] == "content_block_delta"]
    return [delta.get("text", "") for delta in deltas]


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_no_room_is_an_error_with_a_name_in_every_process(tmp_path: Path) -> None:
    # So slow that what is refused as a whole, because a commit has waited, is not all there is.
    async with scene(tmp_path, replace(LONG, pace=0.1), max_bytes=6000) as place:
        writer, other = place.worker(), place.worker()
        told = await place.write(writer, ID)
        await told.until(lambda told: bool(told.lines))
        reader = await other.tell("entries", stream_id=ID, after="0")
        for each in (told, reader):
            await each.end()
            assert each.failed is not None
            assert each.failed["type"] == "StreamFailed"
            assert each.failed["code"] == "journal_full", each.failed
        assert len(told.text) > 20
        assert TEXT.startswith(told.text)
        assert told.failed["text"] == told.text
        with pytest.raises(StreamFailed) as raised:
            await attach(place.journal, ID).get_final_message()
        assert raised.value.diagnosis.code == "journal_full"
        assert raised.value.partial.text == told.text
        assert (await log_of(place.journal, ID)).kinds[-1] == "end"
        state = await place.journal.look(ID)
        assert state is not None
        assert state.status == "failed"


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_deleted_in_the_middle_is_an_error_for_all_who_have_it(tmp_path: Path) -> None:
    async with scene(tmp_path, SLOW) as place:
        writer, other = place.worker(), place.worker()
        told = await place.write(writer, ID)
        await some_text(told)
        reader = await other.tell("entries", stream_id=ID, after="0")
        await reader.until(lambda told: bool(told.pairs))
        assert await (await other.tell("purge", stream_id=ID)).result() == 1
        for each in (told, reader):
            await each.end()
            assert each.failed is not None
            assert each.failed["code"] == "journal"
        await place.server_saw_closed(0)
        assert await place.journal.look(ID) is None
        # The id is free.
        assert (await place.ask(ID)).text == TEXT
        assert seen(await place.read(ID))["message"]


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_a_file_that_may_not_be_written_is_told_when_it_is_opened() -> None:
    with tempfile.TemporaryDirectory() as name:
        async with scene(Path(name), LONG) as place:
            await place.ask(ID)
            protect(Path(name))
            # Root may write every file.
            worker = place.worker(uid=65534 if os.getuid() == 0 else None)
            await worker.death()
            assert worker.broken is not None
            assert "JournalError: the journal" in worker.broken
            assert "can only be read, and a journal has to be written" in worker.broken
            worker.broken = None


def protect(directory: Path) -> None:
    """Nobody may write the files here."""
    directory.chmod(0o777)
    for file in directory.iterdir():
        file.chmod(0o777 if file.is_dir() else 0o444)


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_a_caller_who_cannot_reach_it_at_all_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    async with scene(tmp_path, LONG) as place:
        host = place.worker()
        await host.host(policy={"journal_patience": 0.3})
        async with locked(tmp_path):
            with pytest.raises(StreamFailed) as raised:
                await place.ask(ID, policy=replace(AT_ONCE, journal_patience=0.3))
            assert raised.value.diagnosis.code == "journal"
            assert raised.value.partial.text == ""
            told = await host.tell("start", name="host", stream_id=ID, **place.asking(ID))
            await told.end()
            assert told.failed is not None
            assert told.failed["type"] == "JournalUnavailable"
        assert place.server.requests == []


async def orphan(place: Scene) -> None:
    worker = place.worker(kill={"call": "append", "n": 25, "when": "after"})
    await place.write(worker, ID)
    await worker.death()


@pytest.mark.anyio
@pytest.mark.backends("asyncio", "trio")
async def test_who_would_go_on_does_when_it_is_back(tmp_path: Path) -> None:
    async with scene(tmp_path, HALF) as place:
        await orphan(place)
        pairs: list[Any] = []
        async with anyio.create_task_group() as group:
            host = await place.worker().ready()
            async with locked(tmp_path):
                await host.host(policy={"journal_patience": 0.3})
                group.start_soon(place.read, ID, "0", pairs)
                await anyio.sleep(2)
                assert (await log_of(place.journal, ID)).takeovers == 0
        assert pairs == (await place.judge(ID)).pairs
