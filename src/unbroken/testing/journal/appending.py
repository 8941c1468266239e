"""How entries are written."""

from __future__ import annotations

import copy
import time

import anyio
import anyio.lowlevel

from unbroken.journal import Fenced, Journal, JournalFull, Lease, StreamGone

from .helpers import ENDS, LONG, data_of, entries_of, new, numbered, raises, state_of
from .store import OneStore

__all__ = ["Appending"]


class Appending(OneStore):
    """`append`."""

    async def test_entries_are_numbered_without_a_gap(self) -> None:
        """One at a time, many at a time; the lease knows the last."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            expected = 1
            for count in (1, 2, 1, 5, 100, 1, 1, 700, 3):
                assert not await journal.append(lease, list(numbered(count)))
                expected += count
                assert lease == Lease("a", 1, expected)
            entries = await entries_of(other, "a")
            assert [each.seq for each in entries] == list(range(1, expected + 1))
            assert {each.fence for each in entries} == {1}
            assert [each.data for each in entries[1:9]] == [b"0", b"0", b"1", b"0", b"0", b"1", b"2", b"3"]
            assert (await state_of(other, "a")).head == expected

    async def test_many_streams_are_written_at_a_time(self) -> None:
        """Each has its own entries, in their order."""
        names = [f"s/{number}" for number in range(50)]

        async def write(journal: Journal, name: str) -> None:
            lease = await new(journal, name, name.encode(), lease=LONG)
            for number in range(0, 40, 2):
                await journal.append(lease, [f"{name} {number}".encode(), f"{name} {number + 1}".encode()])
            await journal.append(lease, [b"end"], end="complete")

        async with self.two() as (journal, other):
            async with anyio.create_task_group() as tasks:
                for number, name in enumerate(names):
                    tasks.start_soon(write, (journal, other)[number % 2], name)
            for name in names:
                expected = [name.encode(), *(f"{name} {number}".encode() for number in range(40)), b"end"]
                assert await data_of(journal, name) == expected
                assert (await state_of(other, name)).status == "complete"

    async def test_a_writer_who_was_succeeded_writes_nothing(self) -> None:
        """Neither entries nor an end, nor does he move his lease, hold or release what is another's."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            taken = await other.take(await state_of(other, "a"), b"2", lease=LONG, force=True)
            assert taken is not None
            for end in (None, *ENDS):
                for entries in ([b"x"], [b"x"] * 3, []):
                    if entries or end:
                        with raises(Fenced):
                            await journal.append(lease, entries, end=end)
            assert lease == Lease("a", 1, 1)
            assert (await journal.hold([lease], LONG)).lost == {"a"}
            await journal.release(lease)
            state = await state_of(journal, "a")
            assert (state.fence, state.head, state.status, state.orphaned) == (2, 2, "live", False)
            assert not await other.append(taken, [b"3"])
            assert await data_of(journal, "a") == [b"1", b"2", b"3"]

    async def test_a_writer_may_be_succeeded_at_any_moment(self) -> None:
        """What he was told is written stands before his successor's first entry, and nothing of him behind it."""
        async with self.two() as (journal, other):
            for turn in range(10):
                name = str(turn)
                lease = await new(journal, name, b"", lease=LONG)
                acknowledged: list[bytes] = [b""]
                taken: list[Lease] = []

                async def write(lease: Lease = lease, acknowledged: list[bytes] = acknowledged) -> None:
                    for entry in numbered(1000):
                        try:
                            await journal.append(lease, [entry])
                        except Fenced:
                            return
                        acknowledged.append(entry)
                        await anyio.lowlevel.checkpoint()  # not every journal waits for something

                async def take(name: str = name, turn: int = turn, taken: list[Lease] = taken) -> None:
                    for _ in range(turn):
                        await anyio.lowlevel.checkpoint()
                    while not taken:
                        found = await other.take(await state_of(other, name), b"taken", lease=LONG, force=True)
                        taken += [found] if found else []

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(write)
                    tasks.start_soon(take)
                await other.append(taken[0], [b"mine"])
                entries = await entries_of(journal, name)
                assert [each.seq for each in entries] == list(range(1, len(entries) + 1))
                at = next(number for number, each in enumerate(entries) if each.fence == 2)
                assert [each.data for each in entries[at:]] == [b"taken", b"mine"]
                assert [each.data for each in entries[:at]] == acknowledged

    async def test_an_append_whose_outcome_is_not_known_is_done_once(self) -> None:
        """It is repeated with the lease as it was."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            for entries in ([b"2"], [b"3", b"4"], [b"5"], [b"x" * 100_000]):
                unmoved = copy.copy(lease)
                await journal.append(lease, entries)
                await journal.append(unmoved, entries)
                assert unmoved == lease
            unmoved = copy.copy(lease)
            await journal.append(lease, [b"end"], end="complete")
            await journal.append(unmoved, [b"end"], end="complete")
            assert unmoved == lease
            assert await data_of(other, "a") == [b"1", b"2", b"3", b"4", b"5", b"x" * 100_000, b"end"]
            empty = await new(journal, "b", b"1", lease=LONG)
            for _ in range(2):
                await journal.append(empty, [], end="failed")
            assert await data_of(other, "b") == [b"1"]

    async def test_an_append_that_is_cancelled_is_done_or_not(self) -> None:
        """All of it or none; and it may be repeated."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"", lease=LONG)
            written = [b""]
            for turn in range(30):
                entries = [b"%d/%d" % (turn, number) for number in range(turn % 3 + 1)]
                unmoved = copy.copy(lease)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(journal.append, unmoved, entries)
                    for _ in range(turn % 5):
                        await anyio.lowlevel.checkpoint()
                    tasks.cancel_scope.cancel()
                await journal.append(lease, entries)
                written += entries
                assert await data_of(other, "a") == written

    async def test_a_stream_ends_in_one_of_three_ways(self) -> None:
        """Nothing can be appended any more, nobody holds it, and nobody need take it."""
        before = time.time()
        async with self.two() as (journal, other):
            for end in ENDS:
                for name, entries in ((f"{end}/some", [b"2", b"3"]), (f"{end}/none", [])):
                    lease = await new(journal, name, b"1", lease=LONG)
                    assert not await journal.append(lease, entries, end=end)
                    assert lease.head == 1 + len(entries)
                    for each in (journal, other):
                        state = await state_of(each, name)
                        assert (state.status, state.fence, state.head) == (end, 1, lease.head)
                        assert state.ended is not None
                        assert before - 1 <= state.ended <= time.time() + 1
                        assert not state.orphaned
                    with raises(Fenced):
                        await journal.append(lease, [b"x"])
                    assert await data_of(other, name) == [b"1", *entries]
            assert await other.orphans() == []

    async def test_a_stream_has_so_many_bytes_at_the_most(self) -> None:
        """What would be more is not written at all, and changes nothing; its end finds room."""
        async with self.two(max_bytes=100) as (journal, other):
            with raises(JournalFull):
                await new(journal, "too large", b"x" * 101, lease=LONG)
            assert await other.look("too large") is None
            lease = await new(journal, "a", b"x" * 60, lease=LONG)
            with raises(JournalFull):
                await journal.append(lease, [b"x" * 20, b"x" * 21])
            assert lease.head == 1
            await journal.append(lease, [b"x" * 20, b"x" * 20])
            for entries in ([b"x"], [b"x"] * 2):
                with raises(JournalFull):
                    await journal.append(lease, entries)
            assert lease.head == 3
            state = await state_of(other, "a")
            assert (state.head, state.size, state.status) == (3, 100, "live")
            await journal.append(lease, [b"it is full"], end="failed")
            assert (await state_of(other, "a")).status == "failed"
            assert (await data_of(other, "a"))[-1] == b"it is full"

    async def test_a_stream_that_was_purged_cannot_be_written(self) -> None:
        """Its writer is told that it is gone."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", lease=LONG)
            await journal.append(lease, [b"2"])
            assert await other.purge(stream_id="a") == 1
            with raises(StreamGone):
                await journal.append(lease, [b"3"])
            assert (await journal.hold([lease], LONG)).lost == {"a"}
            await journal.release(lease)
            assert await journal.look("a") is None
