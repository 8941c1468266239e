"""How streams are read, and how news of them is waited for."""

from __future__ import annotations

import anyio
import anyio.lowlevel

from unbroken.journal import Journal, Lease

from .helpers import LONG, PATIENCE, entries_of, new, numbered, state_of
from .store import OneStore

__all__ = ["Reading"]


class Reading(OneStore):
    """`look`, `read` and `wait`."""

    async def test_there_may_be_no_such_stream(self) -> None:
        """No state, no entries, nothing to cancel or purge."""
        async with self.journal() as journal:
            assert await journal.look("a") is None
            assert await journal.read("a", after=0) is None
            assert await journal.read("a", after=5) is None
            assert not await journal.cancel("a")
            assert await journal.purge(stream_id="a") == 0
            assert await journal.orphans() == []
            assert await journal.streams() == []

    async def test_a_stream_is_read_from_anywhere(self) -> None:
        """Strictly behind the number that is named, at most so many, across what was written together."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            for count in (3, 1, 1, 7, 2, 30, 1):
                await journal.append(lease, list(numbered(count)))
            every = await entries_of(other, "a")
            assert [each.seq for each in every] == list(range(1, 47))
            for after in range(lease.head + 3):
                for limit in (1, 2, 5, 1000):
                    batch = await other.read("a", after=after, limit=limit)
                    assert batch is not None
                    assert list(batch.entries) == every[after : after + limit]
                    assert batch.state == await state_of(other, "a")

    async def test_a_read_brings_a_thousand(self) -> None:
        """Where nothing else is said."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"", lease=LONG)
            await journal.append(lease, list(numbered(2500)))
            for after, count in ((0, 1000), (1000, 1000), (2000, 501), (2501, 0)):
                batch = await other.read("a", after=after)
                assert batch is not None
                assert [each.seq for each in batch.entries] == list(range(after + 1, after + count + 1))

    async def test_a_state_is_not_older_than_the_entries_beside_it(self) -> None:
        """A reader who sees an entry sees whose it is, and that the stream goes so far at least."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"", lease=LONG)
            ended = anyio.Event()

            async def write() -> None:
                mine = lease
                for number in range(100):
                    if number % 10 == 9:
                        taken = await journal.take(await state_of(journal, "a"), b"t", lease=LONG, force=True)
                        assert taken is not None
                        mine = taken
                    await journal.append(mine, [b"x"] * (number % 4 + 1))
                    await anyio.lowlevel.checkpoint()  # not every journal waits for something
                ended.set()

            async def read() -> None:
                after = 0
                while True:
                    await anyio.lowlevel.checkpoint()
                    last = ended.is_set()
                    batch = await other.read("a", after=after)
                    assert batch is not None
                    assert [each.seq for each in batch.entries] == [after + n + 1 for n in range(len(batch.entries))]
                    if batch.entries:
                        after = batch.entries[-1].seq
                        assert batch.state.head >= after
                        assert batch.state.fence >= batch.entries[-1].fence
                    elif last:
                        assert batch.state.head == after
                        return

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write)
                tasks.start_soon(read)

    async def test_who_waits_is_told_of_what_is_there(self) -> None:
        """At once, and of which streams."""
        async with self.two() as (journal, other):
            for name in ("a", "b", "c"):
                lease = await new(journal, name, lease=LONG)
                await journal.append(lease, [b"2"])
            with anyio.fail_after(PATIENCE):
                assert "b" in await other.wait({"a": 2, "b": 1, "c": 2}, 10 * PATIENCE)
                assert "c" in await other.wait({"a": 2, "b": 2, "c": 0}, 10 * PATIENCE)

    async def test_who_waits_is_woken(self) -> None:
        """By an append, a takeover or an end, by whomever; of a hundred streams or of one."""
        async with self.two() as (journal, other):
            for name, writer, reader in (("a", journal, other), ("b", journal, journal), ("c", other, journal)):
                lease = await new(writer, name, b"1", lease=LONG)
                await writer.append(lease, [b"2"])
                after = {name: 2} | {f"{name}/{number}": 1 for number in range(100)}
                for number in range(100):
                    await new(writer, f"{name}/{number}", lease=LONG)

                async def append(writer: Journal = writer, lease: Lease = lease) -> None:
                    await writer.append(lease, [b"3"])

                async def take(writer: Journal = writer, lease: Lease = lease, name: str = name) -> None:
                    taken = await writer.take(await state_of(writer, name), b"4", lease=LONG, force=True)
                    assert taken is not None
                    lease.fence, lease.head = taken.fence, taken.head

                async def end(writer: Journal = writer, lease: Lease = lease) -> None:
                    await writer.append(lease, [b"5"], end="complete")

                for what in (append, take, end):
                    found: list[str] = []

                    async def wait(
                        reader: Journal = reader, after: dict[str, int] = after, found: list[str] = found
                    ) -> None:
                        while not found:
                            found += await reader.wait(after, 10 * PATIENCE)

                    with anyio.fail_after(PATIENCE):
                        async with anyio.create_task_group() as tasks:
                            tasks.start_soon(wait)
                            await anyio.wait_all_tasks_blocked()
                            await what()
                    assert found == [name]
                    after[name] += 1

    async def test_who_waits_for_nothing_gives_up(self) -> None:
        """When the time is over that he has named."""
        async with self.two() as (journal, other):
            await new(journal, "a", lease=LONG)
            with anyio.fail_after(PATIENCE):
                assert list(await other.wait({"a": 1}, 0.01)) == []
                assert list(await other.wait({}, 0.01)) == []
