"""Who writes a stream: how it ends, whatever comes in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import anyio
import pytest
from tests.durable.journals import GatedJournal
from tests.durable.killed import records_of

from harness import AT_ONCE, ask, serving, until
from unbroken import StreamFailed, StreamHost, attach, resilient_stream
from unbroken.journal import Codec, MemoryJournal

ID: Final = "c7/3"


@pytest.mark.anyio
async def test_a_caller_who_leaves_while_the_end_is_being_written_waits_for_it_and_writes_it_once() -> None:
    journal = GatedJournal()
    journal.gates["end"] = anyio.Event()
    async with serving("The lighthouse was lit in March.") as (_, client), anyio.create_task_group() as group:
        with anyio.fail_after(60):
            async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as stream:
                async for event in stream:
                    if event.type == "message_stop":
                        break
                await until(lambda: bool(journal.begun.get("end")))
                group.start_soon(open_later, journal)
        assert [record.kind for record in await records_of(journal, ID)].count("end") == 1
        async with attach(journal, ID) as reader:
            assert (await reader.get_final_message()).stop_reason == "end_turn"


async def open_later(journal: GatedJournal) -> None:
    """Not before the caller has begun to leave."""
    for _ in range(50):
        await anyio.lowlevel.checkpoint()
    journal.gates["end"].set()


@pytest.mark.anyio
@pytest.mark.parametrize("after", [1, 3])
async def test_a_codec_that_fails_is_the_callers_error_and_nothing_hangs(after: int) -> None:
    encoded = 0

    def encode(data: bytes, _: str, seq: int) -> bytes:
        nonlocal encoded
        encoded = max(encoded, seq)
        if seq > after:
            raise RuntimeError("no key")
        return data

    journal = MemoryJournal(codec=Codec(encode, lambda data, *_: data))
    async with serving("The lighthouse was lit in March.") as (_, client):
        with anyio.fail_after(60), pytest.raises(RuntimeError, match="no key"):
            async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as stream:
                await stream.get_final_message()


@pytest.mark.anyio
async def test_a_codec_that_fails_does_not_keep_a_host_from_leaving() -> None:
    def encode(data: bytes, _: str, seq: int) -> bytes:
        if seq > 3:
            raise RuntimeError("no key")
        return data

    journal = MemoryJournal(codec=Codec(encode, lambda data, *_: data))
    async with serving("The lighthouse was lit in March.") as (_, client):
        with anyio.fail_after(60):
            async with StreamHost(journal, client, recover=False) as host:
                arguments = {name: value for name, value in ask().items() if name != "policy"}
                await host.start(ID, **arguments)
                await until(lambda: not host.streams)


@pytest.mark.anyio
async def test_who_has_given_up_leaves_the_stream_to_others_as_soon_as_the_journal_is_back() -> None:
    """They do not wait for the lease, which is longer than this test."""
    journal = GatedJournal()
    policy = replace(AT_ONCE, journal_patience=0.3)
    async with serving("The lighthouse was lit in March.") as (_, client):
        async with resilient_stream(client, **ask(journal=journal, stream_id=ID, policy=policy)) as stream:
            journal.away |= {"append", "release"}
            with pytest.raises(StreamFailed) as raised:
                await stream.get_final_message()
        assert raised.value.diagnosis.code == "journal"
        journal.away.clear()
        await until_orphaned(journal)
        async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as again:
            assert await again.get_final_text() == "The lighthouse was lit in March."


async def until_orphaned(journal: MemoryJournal) -> None:
    with anyio.fail_after(15):
        while not (state := await journal.look(ID)) or not state.orphaned:
            await anyio.lowlevel.checkpoint()
