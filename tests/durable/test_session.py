"""What one process knows of a journal's streams: of which, for how long, and what it does where the journal is away."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Final

import anyio
import anyio.lowlevel
import pytest
from tests.durable.author import Author, events_of
from tests.durable.journals import GatedJournal
from tests.durable.killed import killed_after, records_of
from tests.durable.test_every_kill import read_durably

from harness import AT_ONCE, CONTINUE, ask, serving, until
from unbroken import StreamFailed, StreamHost, attach, resilient_stream
from unbroken.durable.session import session_of
from unbroken.journal import JournalUnavailable, Lease, MemoryJournal
from unbroken.testing import Answer

ID: Final = "c7/3"
TEXT: Final = "The lighthouse at Rua Point was lit in March."


async def orphaned() -> GatedJournal:
    """A journal with a stream whose writer was killed in mid-answer."""
    whole = MemoryJournal()
    await read_durably(CONTINUE, Answer(TEXT), whole)
    journal = GatedJournal()
    journal._streams = (await killed_after(whole, ID, 6))._streams
    return journal


@pytest.mark.anyio
async def test_who_does_not_hear_that_it_has_taken_a_stream_has_taken_it_all_the_same() -> None:
    """It does not wait until the lease of nobody is over."""
    journal = await orphaned()
    journal.unsure["take"] = 1
    async with serving(TEXT) as (server, client):
        with anyio.fail_after(15):
            async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as stream:
                assert stream.role == "writer"
                assert await stream.get_final_text() == TEXT
        assert len(server.requests) == 1
    kinds = [record.kind for record in await records_of(journal, ID)]
    assert kinds.count("takeover") == 1


@pytest.mark.anyio
async def test_who_does_not_hear_of_its_creation_takes_nothing_of_whoever_has_created_it() -> None:
    """It finds a stream of which nothing is there yet, and when it has looked at it, another has written some of it."""
    journal, first, *rest = GatedJournal(), *events_of(TEXT[:20], TEXT[20:])
    journal.unsure["create"] = 1
    journal.gates["read"] = anyio.Event()
    texts: list[str] = []
    async with serving(TEXT) as (server, client):

        async def call() -> None:
            async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as stream:
                assert stream.role == "reader"
                texts.append(await stream.get_final_text())

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await until(lambda: bool(journal.begun.get("read")))
            creator = Author(journal, Lease(ID, 1, 1))
            await creator.add(first, *rest[:2])
            journal.gates.pop("read").set()
            await anyio.wait_all_tasks_blocked()
            await creator.add(*rest[2:])
            await creator.end()
        assert texts == [TEXT]
        assert server.requests == []


@pytest.mark.anyio
async def test_who_does_not_hear_that_another_was_faster_does_not_write() -> None:
    journal = await orphaned()
    state = await journal.look(ID)
    assert state is not None

    class Faster(GatedJournal):
        async def take(self, *args: Any, **kwargs: Any) -> Any:
            if not self.begun.get("take"):
                self.begun["take"] = 1
                await MemoryJournal.take(self, state, b'{"version":1,"type":"takeover","takeover":{}}', lease=20.0)
                raise JournalUnavailable("the answer was lost")
            return await MemoryJournal.take(self, *args, **kwargs)

    faster = Faster()
    faster._streams = journal._streams
    async with serving(TEXT) as (server, client):
        async with resilient_stream(client, **ask(journal=faster, stream_id=ID)) as stream:
            assert stream.role == "reader"
        assert server.requests == []


@pytest.mark.anyio
async def test_a_stream_that_is_deleted_and_begun_again_has_nothing_of_the_one_before() -> None:
    """Also where somebody still has a reader of that."""
    journal = MemoryJournal()
    other = "It was dark for a year, and nobody knows why."
    async with serving(Answer(TEXT)) as (server, client):
        async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as stream:
            assert await stream.get_final_text() == TEXT
        reader = attach(journal, ID, after="0")
        assert await reader.get_final_text() == TEXT
        await journal.purge(stream_id=ID)
        await server.play(other)
        async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as again:
            assert await again.get_final_text() == other
        for after in ("0", None):
            assert await attach(journal, ID, after=after).get_final_text() == other
        assert stream.partial.text == reader.partial.text == TEXT


@pytest.mark.anyio
async def test_a_reader_never_goes_on_with_a_namesake() -> None:
    """One that was begun by another process, and has more than the reader has seen."""
    journal, other = await orphaned(), MemoryJournal()
    await read_durably(CONTINUE, Answer("Something else entirely, and for somebody else."), other)
    reader = attach(journal, ID, after="0")
    async with reader:
        await anext(reader)
        journal._streams = other._streams
        journal._notify()
        with anyio.fail_after(15), pytest.raises(StreamFailed) as raised:
            await reader.get_final_message()
    assert raised.value.diagnosis.code == "journal"
    assert TEXT.startswith(raised.value.partial.text)


class Holder:
    """One who holds a lease."""

    def __init__(self, lease: Lease, seconds: float) -> None:
        self.lease = lease
        self.seconds = seconds
        self.lost = False

    def stop(self) -> None:
        raise AssertionError("nobody has asked for that")

    def lose(self) -> None:
        self.lost = True


@pytest.mark.anyio
async def test_of_two_who_hold_a_stream_in_one_process_the_first_has_lost_it() -> None:
    """It was taken from the first, and came back; that is not told to the second."""
    journal = MemoryJournal()
    first = await journal.create(ID, b"{}", fingerprint=b"", owner=b"", lease=20.0)
    state = await journal.look(ID)
    assert isinstance(first, Lease)
    assert state is not None
    second = await journal.take(state, b"{}", lease=20.0, force=True)
    assert second is not None
    session = session_of(journal)
    holders = [Holder(first, 20.0), Holder(second, 20.0)]
    for holder in holders:
        session.hold(holder)
    await until(lambda: holders[0].lost)
    held = []
    journal.hold = lambda leases, seconds: MemoryJournal.hold(journal, held.append(leases) or leases, seconds)  # type: ignore[func-returns-value, method-assign]
    with anyio.fail_after(15):
        while not held:
            await anyio.lowlevel.checkpoint()
    for holder in holders:
        session.drop(holder)
    assert not holders[1].lost


@pytest.mark.anyio
async def test_a_journal_that_is_done_with_is_kept_by_nobody() -> None:
    journal = MemoryJournal()
    async with serving(TEXT) as (_, client):
        async with StreamHost(journal, client):
            async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as stream:
                await stream.get_final_message()
        gone = weakref.ref(journal)
        del journal, stream
        with anyio.fail_after(15):
            while gone() is not None:
                gc.collect()
                await anyio.lowlevel.checkpoint()


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("patience", [2.0, 5.0, 60.0])
async def test_a_reader_waits_for_a_journal_that_is_away_as_long_as_its_policy_says(patience: float) -> None:
    journal = AwayWhenWaited()
    policy = AT_ONCE.__class__(initial_backoff=0, journal_patience=patience)
    lease = await journal.create(ID, b"{}", fingerprint=b"", owner=b"", lease=1000.0)
    assert isinstance(lease, Lease)
    async with serving(TEXT) as (_, client):
        other = MemoryJournal()
        async with resilient_stream(client, **ask(journal=other, stream_id=ID, policy=policy)) as stream:
            await stream.get_final_message()
        # As it would be if its writer were elsewhere, and at work.
        state = other._streams[ID]
        del state.entries[2:]
        state.status, state.ended, state.lease = "live", None, 10_000.0
        state.renew()
        journal._streams = other._streams
        async with resilient_stream(client, **ask(journal=journal, stream_id=ID, policy=policy)) as stream:
            journal.is_away = True
            began = anyio.current_time()
            with pytest.raises(StreamFailed) as raised:
                await stream.get_final_message()
            assert raised.value.diagnosis.code == "journal"
            assert anyio.current_time() - began == pytest.approx(patience, abs=1.5)


class AwayWhenWaited(MemoryJournal):
    is_away = False

    async def wait(self, *args: Any) -> Any:
        if self.is_away:
            raise JournalUnavailable("it is away")
        return await super().wait(*args)
