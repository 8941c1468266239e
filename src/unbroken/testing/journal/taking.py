"""How a stream gets another writer."""

from __future__ import annotations

from functools import partial

from unbroken.journal import Entry, Fenced, Lease

from .helpers import LONG, all_of, data_of, entries_of, new, numbered, raises, state_of
from .store import OneStore

__all__ = ["Taking"]


class Taking(OneStore):
    """`take`."""

    async def test_who_takes_a_stream_begins_a_fence(self) -> None:
        """The entry that says so is the first under it; numbers go on."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            await journal.append(lease, [b"2", b"3"])
            await journal.release(lease)
            taken = await other.take(await state_of(other, "a"), b"4", lease=LONG)
            assert taken == Lease("a", 2, 4)
            assert not await other.append(taken, [b"5"])
            for each in (journal, other):
                assert await entries_of(each, "a") == [
                    Entry(1, 1, b"1"),
                    Entry(1, 2, b"2"),
                    Entry(1, 3, b"3"),
                    Entry(2, 4, b"4"),
                    Entry(2, 5, b"5"),
                ]
                state = await state_of(each, "a")
                assert (state.fence, state.head, state.orphaned) == (2, 5, False)

    async def test_one_of_many_takes_it(self) -> None:
        """All have seen the same; the others are told that it is not so any more, and have written nothing."""
        async with self.two() as (journal, other):
            await new(journal, "a", b"", lease=None)
            for turn in range(5):
                state = await state_of(journal, "a")
                found = await all_of(
                    [
                        partial(each.take, state, mine, lease=LONG, force=turn % 2 == 1)
                        for each, mine in zip([journal, other] * 8, numbered(16), strict=True)
                    ]
                )
                leases = [each for each in found if each is not None]
                assert leases == [Lease("a", turn + 2, turn + 2)]
                entries = await entries_of(other, "a")
                assert [(each.fence, each.seq) for each in entries] == [(n, n) for n in range(1, turn + 3)]
                assert found[int(entries[-1].data)] is leases[0]
                await [journal, other][int(entries[-1].data) % 2].release(leases[0])

    async def test_a_writer_who_is_there_keeps_his_stream(self) -> None:
        """Unless it is taken by force."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", lease=LONG)
            assert await other.take(await state_of(other, "a"), b"2", lease=LONG) is None
            assert not await journal.append(lease, [b"2"])
            taken = await other.take(await state_of(other, "a"), b"3", lease=LONG, force=True)
            assert taken == Lease("a", 2, 3)
            with raises(Fenced):
                await journal.append(lease, [b"x"])

    async def test_what_has_changed_is_not_taken(self) -> None:
        """Neither where there is an entry more than the state says, nor where there is another fence, nor no stream."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            seen = await state_of(other, "a")
            await journal.append(lease, [b"2"])
            await journal.release(lease)
            for force in (False, True):
                assert await other.take(seen, b"x", lease=LONG, force=force) is None
            seen = await state_of(other, "a")
            assert await journal.take(seen, b"3", lease=LONG) is not None
            for force in (False, True):
                assert await other.take(seen, b"x", lease=LONG, force=force) is None
            seen = await state_of(other, "a")
            assert await data_of(journal, "a") == [b"1", b"2", b"3"]
            await journal.purge(stream_id="a")
            assert await other.take(seen, b"x", lease=LONG, force=True) is None
            assert await other.look("a") is None

    async def test_what_is_complete_or_cancelled_is_not_taken(self) -> None:
        """Not even by force."""
        async with self.two() as (journal, other):
            for end in ("complete", "cancelled"):
                lease = await new(journal, end, lease=LONG)
                await journal.append(lease, [b"2"], end=end)
                state = await state_of(other, end)
                for force in (False, True):
                    assert await other.take(state, b"x", lease=LONG, force=force) is None
                assert await state_of(journal, end) == state

    async def test_what_has_failed_may_be_taken(self) -> None:
        """It lives from then on, and nobody has asked for its end."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            await journal.cancel("a")
            assert await journal.append(lease, [b"2"], end="failed")
            taken = await other.take(await state_of(other, "a"), b"3", lease=LONG)
            assert taken == Lease("a", 2, 3)
            for each in (journal, other):
                state = await state_of(each, "a")
                assert (state.status, state.ended, state.stopping, state.orphaned) == ("live", None, False, False)
            assert not await other.append(taken, [b"4"])
            with raises(Fenced):
                await journal.append(lease, [b"x"])

    async def test_who_takes_a_stream_is_not_asked_to_stop(self) -> None:
        """What somebody wanted of the one before is forgotten."""
        async with self.two() as (journal, other):
            await new(journal, "a", lease=None)
            assert await journal.cancel("a")
            state = await state_of(other, "a")
            assert state.stopping
            taken = await other.take(state, b"2", lease=LONG)
            assert taken is not None
            assert not (await state_of(journal, "a")).stopping
            assert not await other.append(taken, [b"3"])
