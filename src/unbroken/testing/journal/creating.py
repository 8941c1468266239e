"""How streams begin, and what outlives the object that wrote it."""

from __future__ import annotations

import time
from functools import partial

from unbroken.journal import Batch, Entry, Journal, Lease, StreamState

from .helpers import LONG, all_of, data_of, new, numbered, state_of
from .store import OneStore

__all__ = ["Creating"]


class Creating(OneStore):
    """`create`, and the journal as an object."""

    async def test_it_is_a_journal(self) -> None:
        """It has all methods, entering it gives it, and who asks it over and over is told how often that may be."""
        journal = self.journal()
        async with journal as entered:
            assert isinstance(entered, Journal)
            assert entered is journal
            assert entered.codec is None
            assert entered.orphan_poll > 0

    async def test_what_was_written_outlives_the_object(self) -> None:
        """Another that is opened later finds it, and may go on with what the first has held."""
        if self.second() is None:
            return
        async with self.journal() as journal:
            lease = await new(journal, "a", b"1", lease=LONG)
            await journal.append(lease, [b"2", b"3"])
        later = self.second()
        assert later is not None
        async with later as journal:
            assert await data_of(journal, "a") == [b"1", b"2", b"3"]
            assert (await state_of(journal, "a")).orphaned
            assert await journal.orphans() == ["a"]
            taken = await journal.take(await state_of(journal, "a"), b"4", lease=LONG)
            assert taken == Lease("a", 2, 4)

    async def test_who_closes_it_gives_up_what_he_holds(self) -> None:
        """At once, and without waiting for any lease."""
        other = self.second()
        if other is None:
            return
        async with self.journal() as journal:
            async with other as closing:
                await new(closing, "a", lease=LONG)
                assert not (await state_of(journal, "a")).orphaned
            assert (await state_of(journal, "a")).orphaned
            assert await journal.take(await state_of(journal, "a"), b"2", lease=LONG) is not None

    async def test_a_new_stream_is_as_it_was_made(self) -> None:
        """Its state has what `create` was given, and its first entry."""
        before = time.time()
        async with self.two() as (journal, other):
            lease = await journal.create("c7/3", b"first", fingerprint=b"f" * 64, owner=b"o" * 64, lease=LONG)
            assert lease == Lease("c7/3", 1, 1)
            for each in (journal, other):
                state = await state_of(each, "c7/3")
                assert before - 1 <= state.created <= time.time() + 1
                assert state == StreamState(
                    stream_id="c7/3",
                    fence=1,
                    head=1,
                    status="live",
                    fingerprint=b"f" * 64,
                    owner=b"o" * 64,
                    orphaned=False,
                    stopping=False,
                    created=state.created,
                    ended=None,
                    size=5,
                )
                assert await each.read("c7/3", after=0) == Batch([Entry(1, 1, b"first")], state)

    async def test_a_stream_is_created_once(self) -> None:
        """Who comes later is told how it stands, and changes nothing."""
        async with self.two() as (journal, other):
            await new(journal, "a", b"mine", lease=LONG)
            for each in (journal, other):
                found = await each.create("a", b"another", fingerprint=b"g", owner=b"p", lease=None)
                assert found == await state_of(journal, "a")
            assert await data_of(other, "a") == [b"mine"]
            assert not (await state_of(journal, "a")).orphaned

    async def test_one_of_many_creates_it(self) -> None:
        """All at the same time: one has the lease, and the others what he has made."""
        async with self.two() as (journal, other):
            for name in map(str, range(5)):
                found = await all_of(
                    [
                        partial(each.create, name, mine, fingerprint=mine, owner=b"", lease=LONG)
                        for each, mine in zip([journal, other] * 8, numbered(16), strict=True)
                    ]
                )
                leases = [each for each in found if isinstance(each, Lease)]
                states = [each for each in found if isinstance(each, StreamState)]
                assert leases == [Lease(name, 1, 1)]
                assert len(states) == 15
                [winner] = await data_of(journal, name)
                assert {state.fingerprint for state in states} == {winner}
                assert found[int(winner)] == leases[0]

    async def test_an_id_may_have_any_of_its_characters(self) -> None:
        """200 of them, in either case; none is another's beginning, pattern or path."""
        every = "".join(map(chr, [*range(48, 58), *range(65, 91), *range(97, 123)])) + "._:/-"
        ids = [
            (every * 3)[:200],
            "a",
            "A",
            "a/",
            "a/b",
            "a/b/c",
            "a:b",
            "../a",
            "a.b",
            "a_b",
            "a-b",
            "/",
            "-",
            "..",
            "_",
        ]
        async with self.two() as (journal, other):
            for name in ids:
                await new(journal, name, name.encode(), lease=LONG)
            for name in ids:
                assert await data_of(other, name) == [name.encode()]
            assert [state.stream_id for state in await other.streams()] == sorted(ids)

    async def test_an_entry_is_any_bytes(self) -> None:
        """None, one, all there are, and a million; owners and fingerprints may be empty."""
        entries = [b"", b"\0", bytes(range(256)), b"\xff" * 1_000_000, b"", b"{}", b"\r\n\0;-"]
        async with self.two() as (journal, other):
            for number, entry in enumerate(entries):
                await new(journal, str(number), entry, lease=LONG)
                assert await data_of(other, str(number)) == [entry]
            lease = await new(journal, "all", b"", lease=LONG)
            await journal.append(lease, entries)
            for entry in entries:
                await journal.append(lease, [entry])
            assert await data_of(other, "all") == [b"", *entries, *entries]
            assert (await state_of(other, "all")).size == 2 * sum(map(len, entries))

    async def test_a_stream_may_wait_for_whoever_takes_it(self) -> None:
        """Without a lease nobody holds it."""
        async with self.two() as (journal, other):
            await new(journal, "a", lease=None)
            assert (await state_of(journal, "a")).orphaned
            assert await other.orphans() == ["a"]
            taken = await other.take(await state_of(other, "a"), b"2", lease=LONG)
            assert taken == Lease("a", 2, 2)
            assert not (await state_of(journal, "a")).orphaned
            assert await journal.orphans() == []
