"""What is done with all streams: found, listed, ended, deleted."""

from __future__ import annotations

from unbroken.journal import Entry, Lease, StreamState

from .helpers import ENDS, LONG, data_of, entries_of, new, state_of
from .store import OneStore

__all__ = ["Keeping"]


class Keeping(OneStore):
    """`cancel`, `orphans`, `streams` and `purge`."""

    async def test_somebody_asks_for_a_streams_end(self) -> None:
        """Who writes it is told with what he does next, and anybody sees it; he ends it, or somebody else."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", lease=LONG)
            assert not await journal.append(lease, [b"2"])
            assert await other.cancel("a")
            for each in (journal, other):
                assert (await state_of(each, "a")).stopping
                assert (await state_of(each, "a")).status == "live"
            assert await journal.append(lease, [b"3"])
            assert await journal.append(lease, [b"4", b"5"])
            assert (await journal.hold([lease], LONG)).stop == {"a"}
            assert await other.cancel("a")
            await journal.append(lease, [], end="cancelled")
            assert not await other.cancel("a")
            assert await data_of(other, "a") == [b"", b"2", b"3", b"4", b"5"]

    async def test_orphans_come_in_the_order_of_their_creation(self) -> None:
        """Those that live and that nobody holds; at most so many."""
        async with self.two() as (journal, other):
            names = ["m", "z", "a", "k", "b", "y"]
            for name in names:
                await new(journal, name, lease=None)
            held = await new(journal, "held", lease=LONG)
            ended = await new(journal, "ended", lease=LONG)
            await journal.append(ended, [], end="failed")
            for each in (journal, other):
                assert await each.orphans() == names
                assert await each.orphans(limit=2) == names[:2]
            taken = await other.take(await state_of(other, "z"), b"2", lease=LONG)
            assert taken is not None
            await journal.release(held)
            for each in (journal, other):
                assert await each.orphans() == ["m", "a", "k", "b", "y", "held"]
            await other.release(taken)
            assert await journal.orphans() == [*names, "held"]

    async def test_streams_come_in_pages(self) -> None:
        """In the order of their ids, by code point, strictly behind the one that is named."""
        names = ["a", "B", "a/b", "a/b/c", "a-b", "a.b", "a:b", "a_b", "Z", "0", "10", "9", "~".replace("~", "z"), "aa"]
        async with self.two() as (journal, other):
            for name in names:
                await new(journal, name, name.encode(), lease=LONG)
            for limit in (1, 2, 5, 1000):
                found: list[StreamState] = []
                while page := await other.streams(after=found[-1].stream_id if found else "", limit=limit):
                    assert len(page) <= limit
                    assert not found or page[0].stream_id > found[-1].stream_id
                    found += page
                assert [state.stream_id for state in found] == sorted(names)
                assert found == [await state_of(journal, state.stream_id) for state in found]
            assert [state.stream_id for state in await other.streams(after="a/")] == [
                name for name in sorted(names) if name > "a/"
            ]

    async def test_a_stream_is_purged_whatever_it_is_at(self) -> None:
        """It is gone for everybody, and only it; another may begin under its id."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            for number in range(300):
                await journal.append(lease, [b"%d" % number] * (1 + number % 20))
            kept = await new(journal, "ab", b"kept", lease=LONG)
            await journal.append(kept, [b"too"])
            assert await other.purge(stream_id="a") == 1
            assert await other.purge(stream_id="a") == 0
            for each in (journal, other):
                assert await each.look("a") is None
                assert await each.read("a", after=0) is None
                assert [state.stream_id for state in await each.streams()] == ["ab"]
            again = await new(other, "a", b"new", lease=LONG)
            assert again == Lease("a", 1, 1)
            assert await entries_of(journal, "a") == [Entry(1, 1, b"new")]
            assert not await journal.append(kept, [b"2"])
            assert await data_of(other, "ab") == [b"kept", b"too", b"2"]

    async def test_what_is_one_owners_is_purged_together(self) -> None:
        """However much it is, and nobody else's."""
        async with self.two() as (journal, other):
            for number in range(70):
                await new(journal, f"mine/{number}", owner=b"mine", lease=None if number % 2 else LONG)
            for owner in (b"", b"min", b"mine\0", b"other"):
                await new(journal, f"kept/{owner.hex()}", owner=owner, lease=LONG)
            ended = await new(journal, "mine/ended", owner=b"mine", lease=LONG)
            await journal.append(ended, [b"2"], end="complete")
            assert await other.purge(owner=b"mine") == 71
            assert await other.purge(owner=b"mine") == 0
            assert len(await journal.streams()) == 4
            assert all(state.stream_id.startswith("kept/") for state in await journal.streams())

    async def test_what_is_over_is_purged(self) -> None:
        """What has ended so long ago, and what nobody has written for so long; never what is written."""
        async with self.two(retention=0, orphan_retention=LONG) as (journal, other):
            for end in ENDS:
                await journal.append(await new(journal, end, lease=LONG), [b"2"], end=end)
            await new(journal, "held", lease=LONG)
            await new(journal, "orphan", lease=None)
            assert await other.purge() == 3
            assert await other.purge() == 0
            assert [state.stream_id for state in await journal.streams()] == ["held", "orphan"]

    async def test_what_nobody_writes_any_more_is_purged(self) -> None:
        """And not what has ended lately."""
        async with self.two(retention=LONG, orphan_retention=0) as (journal, other):
            await journal.append(await new(journal, "ended", lease=LONG), [b"2"], end="complete")
            await new(journal, "held", lease=LONG)
            await new(journal, "orphan", lease=None)
            await journal.release(await new(journal, "released", lease=LONG))
            assert await other.purge() == 2
            assert [state.stream_id for state in await journal.streams()] == ["ended", "held"]

    async def test_nothing_is_purged_before_its_time(self) -> None:
        """Neither what has ended nor what nobody writes."""
        async with self.two(retention=LONG, orphan_retention=LONG) as (journal, other):
            await journal.append(await new(journal, "ended", lease=LONG), [b"2"], end="complete")
            await new(journal, "orphan", lease=None)
            assert await other.purge() == 0
            assert len(await journal.streams()) == 2
