"""The journal in memory: what the protocol asks of a journal, of this one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

import anyio
import pytest
import trio

from unbroken.journal import (
    Batch,
    Codec,
    Ended,
    Entry,
    Fenced,
    Journal,
    JournalFull,
    Lease,
    MemoryJournal,
    StreamGone,
    StreamState,
)
from unbroken.testing.journal import JournalSuite

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

LONG: Final = 3600.0


async def created(journal: Journal, stream_id: str = "s", owner: bytes = b"", lease: float | None = LONG) -> Lease:
    """A new stream."""
    found = await journal.create(stream_id, b"first", fingerprint=b"f", owner=owner, lease=lease)
    assert isinstance(found, Lease)
    return found


async def state_of(journal: Journal, stream_id: str = "s") -> StreamState:
    """How it stands."""
    state = await journal.look(stream_id)
    assert state is not None
    return state


async def taken(journal: Journal, stream_id: str = "s", *, force: bool = True) -> Lease | None:
    """The stream, taken as it stands."""
    return await journal.take(await state_of(journal, stream_id), b"mine", lease=LONG, force=force)


async def entries(journal: Journal, stream_id: str = "s", after: int = 0) -> list[Entry]:
    """What it has behind a number."""
    batch = await journal.read(stream_id, after=after)
    assert isinstance(batch, Batch)
    return list(batch.entries)


async def test_it_is_a_journal() -> None:
    """For those who ask, and as a context manager, any number of times."""
    journal = MemoryJournal()
    assert isinstance(journal, Journal)
    for _ in range(2):
        async with journal as entered:
            assert entered is journal
            await created(journal, "s" if await journal.look("s") is None else "t")
    assert [state.stream_id for state in await journal.streams()] == ["s", "t"]


async def test_a_stream_from_its_beginning_to_its_end() -> None:
    """Entries are numbered without a gap, and each has its fence."""
    journal = MemoryJournal()
    lease = await created(journal)
    assert (lease.fence, lease.head) == (1, 1)
    assert not await journal.append(lease, [b"a", b"b"])
    assert lease.head == 3
    other = await taken(journal)
    assert other == Lease("s", 2, 4)
    assert not await journal.append(other, [b"c"], end="complete")
    assert await entries(journal) == [
        Entry(1, 1, b"first"),
        Entry(1, 2, b"a"),
        Entry(1, 3, b"b"),
        Entry(2, 4, b"mine"),
        Entry(2, 5, b"c"),
    ]
    assert await entries(journal, after=4) == [Entry(2, 5, b"c")]
    assert await entries(journal, after=5) == []
    state = await state_of(journal)
    assert (state.status, state.fence, state.head, state.size) == ("complete", 2, 5, 12)
    assert (state.fingerprint, state.owner, state.orphaned, state.stopping) == (b"f", b"", False, False)
    assert state.ended is not None
    assert state.ended >= state.created


async def test_a_batch_has_its_limit() -> None:
    """Behind it more may be."""
    journal = MemoryJournal()
    await journal.append(await created(journal), [b"a", b"b", b"c"])
    batch = await journal.read("s", after=1, limit=2)
    assert batch is not None
    assert [entry.data for entry in batch.entries] == [b"a", b"b"]
    assert batch.state.head == 4
    assert await journal.read("t", after=0) is None


async def test_an_id_is_given_once() -> None:
    """Who creates it again learns how it stands."""
    journal = MemoryJournal()
    await created(journal, owner=b"o")
    found = await journal.create("s", b"other", fingerprint=b"g", owner=b"p", lease=None)
    assert isinstance(found, StreamState)
    assert (found.fingerprint, found.owner, found.head) == (b"f", b"o", 1)
    assert [entry.data for entry in await entries(journal)] == [b"first"]


async def test_who_has_lost_a_stream_writes_no_more() -> None:
    """Neither an entry nor an end; holding it and releasing it changes nothing."""
    journal = MemoryJournal()
    zombie = await created(journal)
    await taken(journal)
    before = await entries(journal)
    for end in (None, "complete", "failed", "cancelled"):
        with pytest.raises(Fenced):
            await journal.append(zombie, [b"z"], end=end)  # type: ignore[arg-type]
    assert (await journal.hold([zombie], LONG)).lost == {"s"}
    await journal.release(zombie)
    assert await entries(journal) == before
    assert not (await state_of(journal)).orphaned


@pytest.mark.parametrize("end", ["complete", "failed", "cancelled"])
async def test_nothing_stands_behind_an_end(end: Ended) -> None:
    """Not of the same writer either; only what has failed may be taken, by force or without."""
    journal = MemoryJournal()
    lease = await created(journal)
    await journal.append(lease, [b"end"], end=end)
    with pytest.raises(Fenced):
        await journal.append(lease, [b"more"])
    assert (await journal.hold([lease], LONG)).lost == {"s"}
    assert not await journal.cancel("s")
    assert await journal.orphans() == []
    again = await taken(journal, force=end != "failed")
    assert (again is not None) == (end == "failed")
    if again is not None:
        assert (await state_of(journal)).status == "live"
        assert (await state_of(journal)).ended is None


async def test_an_append_whose_answer_was_lost_is_not_done_twice() -> None:
    """Its lease was not moved: the same entries again are those that are there, others are another's."""
    journal = MemoryJournal()
    lease = await created(journal)
    unmoved = replace(lease)
    await journal.append(lease, [b"a", b"b"])
    with pytest.raises(Fenced):
        await journal.append(replace(unmoved), [b"a"])
    with pytest.raises(Fenced):
        await journal.append(replace(unmoved), [b"a", b"c"])
    await journal.append(unmoved, [b"a", b"b"])
    assert unmoved == lease
    last = replace(unmoved)
    await journal.append(last, [b"end"], end="complete")
    with pytest.raises(Fenced):
        await journal.append(replace(unmoved), [b"end"], end="failed")
    await journal.append(unmoved, [b"end"], end="complete")
    assert [entry.data for entry in await entries(journal)] == [b"first", b"a", b"b", b"end"]


async def test_a_stream_that_is_gone_is_gone() -> None:
    """For its writer and its readers; also where there is another one of its id."""
    journal = MemoryJournal()
    lease = await created(journal)
    await journal.append(lease, [b"a"])
    old = await state_of(journal)
    assert await journal.purge(stream_id="s") == 1
    assert await journal.purge(stream_id="s") == 0
    with pytest.raises(StreamGone):
        await journal.append(lease, [b"b"])
    assert await journal.take(old, b"mine", lease=LONG, force=True) is None
    assert (await journal.hold([lease], LONG)).lost == {"s"}
    await journal.release(lease)
    new = await created(journal)
    with pytest.raises(StreamGone):
        await journal.append(lease, [b"b"])
    await journal.append(new, [b"x"])
    assert await journal.take(replace(old, created=0.0), b"mine", lease=LONG, force=True) is None
    assert [entry.data for entry in await entries(journal)] == [b"first", b"x"]


@pytest.mark.parametrize("change", [{"fence": 2}, {"head": 2}])
async def test_only_what_stands_as_it_was_seen_is_taken(change: dict[str, Any]) -> None:
    """So of two who try, one has it."""
    journal = MemoryJournal()
    await created(journal, lease=None)
    seen = await state_of(journal)
    assert await journal.take(replace(seen, **change), b"mine", lease=LONG) is None
    assert await journal.take(seen, b"mine", lease=LONG) is not None
    assert await journal.take(seen, b"mine too", lease=LONG, force=True) is None
    assert len(await entries(journal)) == 2


async def test_a_stream_is_left_to_others() -> None:
    """Where nobody holds it, it was released, or its time is up; and not where its writer is there."""
    journal = MemoryJournal()
    await created(journal, "c", lease=None)
    held = await created(journal, "b")
    await created(journal, "a", lease=0.0)
    assert await journal.orphans() == ["c", "a"]  # as they were created
    assert await journal.orphans(limit=1) == ["c"]
    assert await taken(journal, "b", force=False) is None
    await journal.hold([held], 0.0)
    assert (await state_of(journal, "b")).orphaned
    await journal.hold([held], LONG)
    assert not (await state_of(journal, "b")).orphaned
    await journal.release(held)
    assert await journal.orphans() == ["c", "b", "a"]
    assert await taken(journal, "b", force=False) is not None
    assert await journal.orphans() == ["c", "a"]


async def test_a_stop_is_told_to_who_writes() -> None:
    """With the next append and when it is held; who takes the stream begins without it."""
    journal = MemoryJournal()
    lease = await created(journal)
    assert not await journal.cancel("another")
    assert await journal.cancel("s")
    assert await journal.cancel("s")
    assert (await state_of(journal)).stopping
    assert await journal.append(lease, [b"a"])
    assert (await journal.hold([lease], LONG)).stop == {"s"}
    await taken(journal)
    assert not (await state_of(journal)).stopping


async def test_a_stream_has_its_bounds() -> None:
    """What says that it has ended finds room all the same, and so does who takes it."""
    journal = MemoryJournal(max_bytes=8)
    with pytest.raises(JournalFull):
        await journal.create("s", b"123456789", fingerprint=b"", owner=b"", lease=None)
    assert await journal.look("s") is None
    lease = await created(journal)
    with pytest.raises(JournalFull, match="8 bytes"):
        await journal.append(lease, [b"12", b"34"])
    assert lease.head == 1
    await journal.append(lease, [b"123"])
    other = await taken(journal)
    assert other is not None
    await journal.append(other, [b"the end"], end="failed")
    assert (await state_of(journal)).status == "failed"


async def test_streams_are_listed_by_their_ids() -> None:
    """By code point, from behind one."""
    journal = MemoryJournal()
    for name in ("b", "B", "a/1", "a"):
        await created(journal, name)
    assert [state.stream_id for state in await journal.streams()] == ["B", "a", "a/1", "b"]
    assert [state.stream_id for state in await journal.streams(after="a", limit=1)] == ["a/1"]


async def test_what_is_over_is_swept_out() -> None:
    """A while after its end, or after anybody has written it; what lives stays."""
    journal = MemoryJournal(retention=0.0, orphan_retention=0.0)
    await journal.append(await created(journal, "ended"), [], end="complete")
    await created(journal, "left", lease=None)
    await created(journal, "live")
    assert await journal.purge() == 2
    assert [state.stream_id for state in await journal.streams()] == ["live"]
    keeps = MemoryJournal()
    await keeps.append(await created(keeps, "ended"), [], end="complete")
    await created(keeps, "left", lease=None)
    assert await keeps.purge() == 0


async def test_an_owners_streams_are_deleted() -> None:
    """All of them, whatever they are at."""
    journal = MemoryJournal()
    await created(journal, "a", owner=b"o")
    await journal.append(await created(journal, "b", owner=b"o"), [], end="failed")
    await created(journal, "c", owner=b"p")
    await created(journal, "d")
    assert await journal.purge(owner=b"o") == 2
    assert await journal.purge(owner=b"") == 1
    assert [state.stream_id for state in await journal.streams()] == ["c"]


async def news(journal: Journal, after: dict[str, int]) -> set[str]:
    """What a wait finds that should find something."""
    with anyio.fail_after(60):
        return set(await journal.wait(after, LONG))


async def test_who_waits_is_told_of_news() -> None:
    """At once of what is there; of an append, an end, another writer, and a stream's going."""
    journal = MemoryJournal()
    lease = await created(journal)
    await created(journal, "t")
    assert await news(journal, {"s": 0, "t": 1}) == {"s"}
    assert await news(journal, {"unknown": 0, "t": 1}) == {"unknown"}
    assert await journal.wait({"s": 1, "t": 1}, 0.0) == []
    await journal.append(await created(journal, "u"), [], end="complete")
    assert await news(journal, {"u": 1, "t": 1}) == {"u"}
    found: list[set[str]] = []
    for act in (
        lambda: journal.append(lease, [b"a"]),
        lambda: taken(journal),
        lambda: journal.purge(stream_id="s"),
    ):

        async def wait(known: dict[str, int]) -> None:
            found.append(await news(journal, known))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait, {"s": (await state_of(journal)).head, "t": 1})
            await anyio.wait_all_tasks_blocked()
            await act()
    assert found == [{"s"}] * 3


async def test_who_stops_waiting_is_forgotten() -> None:
    """Nobody wakes it, and nothing is kept for it."""
    journal = MemoryJournal()
    await created(journal)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(journal.wait, {"s": 1}, LONG)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert journal._changed == set()


def test_it_goes_from_one_event_loop_to_the_next() -> None:
    """Who waited in a loop that has ended is forgotten."""
    journal = MemoryJournal()

    async def begin() -> None:
        await created(journal)
        with anyio.move_on_after(0):
            await journal.wait({"s": 1}, LONG)

    async def go_on() -> None:
        lease = await taken(journal)
        assert lease is not None
        await journal.append(lease, [b"a"], end="complete")

    asyncio.run(begin())
    trio.run(go_on)
    assert [entry.data for entry in asyncio.run(entries(journal))] == [b"first", b"mine", b"a"]


def test_its_options() -> None:
    """As every journal has them."""
    for name in ("retention", "orphan_retention"):
        for value in (-1, float("nan")):
            with pytest.raises(ValueError, match=name):
                MemoryJournal(**{name: value})
        for wrong in (True, "1", None):
            with pytest.raises(TypeError, match=name):
                MemoryJournal(**{name: wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_bytes"):
        MemoryJournal(max_bytes=0)
    for no_number in (1.5, True):
        with pytest.raises(TypeError, match="max_bytes"):
            MemoryJournal(max_bytes=no_number)  # type: ignore[arg-type]
    codec = Codec(lambda data, _id, _seq: data, lambda data, _id, _seq: data)
    assert MemoryJournal(codec=codec).codec is codec


@pytest.mark.anyio
class TestMemoryJournal(JournalSuite):
    """The journal in memory does what every journal does; it is its own second."""

    def journal(self, **options: Any) -> MemoryJournal:
        return MemoryJournal(**options)
