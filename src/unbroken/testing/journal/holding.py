"""Whose a stream is, and for how long."""

from __future__ import annotations

import time

from unbroken.journal import Fenced, Lease

from .helpers import LONG, SHORT, is_orphaned, new, raises, state_of, until
from .store import OneStore

__all__ = ["Holding"]


class Holding(OneStore):
    """`hold` and `release`, and what becomes of leases."""

    async def test_a_lease_runs_out(self) -> None:
        """Then the stream may be taken, though its writer is there; and as long as nobody takes it, he may write."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=SHORT)
            await until(lambda: is_orphaned(other, "a"))
            assert await other.orphans() == ["a"]
            await journal.append(lease, [b"2"])
            await until(lambda: is_orphaned(other, "a"))
            taken = await other.take(await state_of(other, "a"), b"3", lease=SHORT)
            assert taken == Lease("a", 2, 3)
            with raises(Fenced):
                await journal.append(lease, [b"x"])
            await until(lambda: is_orphaned(journal, "a"))

    async def test_a_lease_begins_anew_when_it_is_held(self) -> None:
        """With the seconds that are named then."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", lease=SHORT)
            await until(lambda: is_orphaned(other, "a"))
            held = await journal.hold([lease], LONG)
            assert (held.stop, held.lost) == (frozenset(), frozenset())
            assert not await is_orphaned(other, "a")
            assert await other.orphans() == []
            await journal.hold([lease], SHORT)
            await until(lambda: is_orphaned(other, "a"))

    async def test_a_lease_begins_anew_with_each_append(self) -> None:
        """Long after it would have run out, the stream is not orphaned."""
        seconds = 0.2
        async with self.two() as (journal, other):
            lease = await new(journal, "a", lease=seconds)
            begin = time.monotonic()
            while time.monotonic() < begin + 3 * seconds:
                now = time.monotonic()
                await journal.append(lease, [b"x"])
                orphaned, listed = await is_orphaned(other, "a"), await other.orphans()
                if time.monotonic() - now < seconds:  # else the machine was busy with something else
                    assert not orphaned
                    assert listed == []

    async def test_who_holds_is_told_what_others_want(self) -> None:
        """Which of his streams are to end, and which are not his any more."""
        async with self.two() as (journal, other):
            leases = {name: await new(journal, name, lease=LONG) for name in ("a", "b", "c", "d", "e")}
            assert await journal.hold([], LONG) == (frozenset(), frozenset())
            assert await journal.hold(list(leases.values()), LONG) == (frozenset(), frozenset())
            await other.cancel("b")
            assert await other.take(await state_of(other, "c"), b"2", lease=LONG, force=True) is not None
            await other.purge(stream_id="d")
            await other.cancel("e")
            assert await other.take(await state_of(other, "e"), b"2", lease=LONG, force=True) is not None
            await other.cancel("e")
            held = await journal.hold(list(leases.values()), LONG)
            assert held.stop == {"b"}
            assert held.lost == {"c", "d", "e"}

    async def test_who_releases_a_stream_leaves_it_to_others(self) -> None:
        """At once; and only what is still his."""
        async with self.two() as (journal, other):
            lease = await new(journal, "a", b"1", lease=LONG)
            assert await other.orphans() == []
            await journal.release(lease)
            assert await is_orphaned(other, "a")
            assert await other.orphans() == ["a"]
            taken = await other.take(await state_of(other, "a"), b"2", lease=LONG)
            assert taken is not None
            await journal.release(lease)
            assert not await is_orphaned(other, "a")
            await other.append(taken, [b"3"], end="complete")
            ended = await state_of(other, "a")
            await other.release(taken)
            assert await state_of(journal, "a") == ended
