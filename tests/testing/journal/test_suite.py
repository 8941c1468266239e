"""The tests for authors of journals notice what is wrong with one. That ours pass them is in `tests/journal`.

Each journal here keeps all promises but one.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import anyio
import pytest

from unbroken.journal import Batch, Ended, Held, JournalError, Lease, MemoryJournal, StreamState
from unbroken.testing.journal import JournalSuite, helpers, reading

# -- journals that are wrong


class CreatesAnew(MemoryJournal):
    async def create(self, stream_id: str, entry: bytes, **options: Any) -> Lease | StreamState:
        await anyio.lowlevel.checkpoint()
        self._streams.pop(stream_id, None)
        return await super().create(stream_id, entry, **options)


class LooksBeforeItCreates(MemoryJournal):
    async def create(self, stream_id: str, entry: bytes, **options: Any) -> Lease | StreamState:
        there = stream_id in self._streams
        await anyio.lowlevel.checkpoint()
        if not there:
            self._streams.pop(stream_id, None)
        return await super().create(stream_id, entry, **options)


class HoldsWhatNobodyAskedFor(MemoryJournal):
    async def create(self, *args: Any, **options: Any) -> Lease | StreamState:
        return await super().create(*args, **options | {"lease": 1000.0})


class TakesWhatIsHeld(MemoryJournal):
    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        return await super().take(state, entry, lease=lease, force=True)


class TakesWhatHasChanged(MemoryJournal):
    async def take(self, state: StreamState, entry: bytes, **options: Any) -> Lease | None:
        return await super().take(await self.look(state.stream_id) or state, entry, **options)


class TakesWhatHasEnded(MemoryJournal):
    async def take(self, state: StreamState, entry: bytes, **options: Any) -> Lease | None:
        stream = self._streams.get(state.stream_id)
        if stream is not None and options.get("force"):
            stream.status = "live"
        return await super().take(state, entry, **options)


class LooksBeforeItTakes(MemoryJournal):
    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        stream = self._streams.get(state.stream_id)
        is_so = stream is not None and (stream.fence, len(stream.entries)) == (state.fence, state.head)
        await anyio.lowlevel.checkpoint()
        now = await self.look(state.stream_id) if is_so else state
        return await super().take(now or state, entry, lease=lease, force=is_so)


class DoesNotForgetAStop(MemoryJournal):
    async def take(self, state: StreamState, entry: bytes, **options: Any) -> Lease | None:
        taken = await super().take(state, entry, **options)
        if taken is not None:
            self._streams[state.stream_id].stopping = state.stopping
        return taken


class LetsAnybodyWrite(MemoryJournal):
    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        stream = self._streams[lease.stream_id]
        lease.fence, lease.head = stream.fence, len(stream.entries)
        return await super().append(lease, entries, end=end)


class WritesTwice(MemoryJournal):
    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        stream = self._streams.get(lease.stream_id)
        if stream is not None and stream.fence == lease.fence:
            lease.head = len(stream.entries)
        return await super().append(lease, entries, end=end)


class WritesSomeOfThem(MemoryJournal):
    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        stopping = False
        for number, entry in enumerate(entries, 1):
            stopping = await super().append(lease, [entry], end=end if number == len(entries) else None)
        return stopping if entries else await super().append(lease, [], end=end)


class MovesALeaseThatIsLost(MemoryJournal):
    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        try:
            return await super().append(lease, entries, end=end)
        finally:
            lease.head = max(lease.head, len(self._streams[lease.stream_id].entries))


class SaysNothingOfAStop(MemoryJournal):
    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        await super().append(lease, entries, end=end)
        return False


class NumbersEachFence(MemoryJournal):
    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        batch = await super().read(stream_id, after=after, limit=limit)
        return batch and batch._replace(
            entries=[each._replace(seq=each.seq - each.fence + 1) for each in batch.entries]
        )


class KnowsNoEnd(MemoryJournal):
    def _state(self, stream_id: str) -> StreamState:
        self._streams[stream_id].ended = None
        return super()._state(stream_id)


class TakesAnyAmount(MemoryJournal):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"max_bytes": 2**40})


class HasNoRoomForAnEnd(MemoryJournal):
    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        if entries:
            await super().append(lease, entries)
        return await super().append(lease, [], end=end) if end else False


class HoldsForEver(MemoryJournal):
    async def create(self, *args: Any, lease: float | None, **options: Any) -> Lease | StreamState:
        return await super().create(*args, lease=lease and 1000.0, **options)


class HoldsNotAnew(MemoryJournal):
    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        before = {each.stream_id: self._streams[each.stream_id].held_until for each in leases}
        held = await super().hold(leases, seconds)
        for name, until in before.items():
            self._streams[name].held_until = until
        return held


class AppendsHoldNotAnew(MemoryJournal):
    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        before = self._streams[lease.stream_id].held_until
        stopping = await super().append(lease, entries, end=end)
        self._streams[lease.stream_id].held_until = before
        return stopping


class SaysNothingOfALoss(MemoryJournal):
    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        return (await super().hold(leases, seconds))._replace(lost=frozenset())


class ReleasesWhatIsAnothers(MemoryJournal):
    async def release(self, lease: Lease) -> None:
        stream = self._streams.get(lease.stream_id)
        if stream is not None:
            await super().release(Lease(lease.stream_id, stream.fence, lease.head))


class ReadsOneTooMany(MemoryJournal):
    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        return await super().read(stream_id, after=after, limit=limit + 1)


class ReadsFromTheNumber(MemoryJournal):
    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        return await super().read(stream_id, after=max(0, after - 1), limit=limit)


class ReadsAnOldState(MemoryJournal):
    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        state = await self.look(stream_id)
        await anyio.lowlevel.checkpoint()
        batch = await super().read(stream_id, after=after, limit=limit)
        return batch and batch._replace(state=state)


class WakesNobody(MemoryJournal):
    def _notify(self) -> None:
        pass


class DoesNotLookBeforeItWaits(MemoryJournal):
    def _news(self, after: Mapping[str, int]) -> list[str]:
        return [] if not self._changed else super()._news(after)


class WaitsForEver(MemoryJournal):
    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        return await super().wait(after, 1000.0)


class CancelsWhatHasEnded(MemoryJournal):
    async def cancel(self, stream_id: str) -> bool:
        return await super().cancel(stream_id) or stream_id in self._streams


class SortsOrphans(MemoryJournal):
    async def orphans(self, limit: int = 100) -> list[str]:
        return sorted(await super().orphans())[:limit]


class ListsAllOrphans(MemoryJournal):
    async def orphans(self, limit: int = 100) -> list[str]:
        return await super().orphans(10_000)


class SortsStreamsAsPeopleDo(MemoryJournal):
    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        every = sorted(await super().streams(), key=lambda state: state.stream_id.lower())
        return [state for state in every if state.stream_id > after][:limit]


class ListsFromTheId(MemoryJournal):
    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        every = await super().streams()
        found = [state for state in every if state.stream_id >= after]
        return found[:limit] if len(found) > 1 else []


class PurgesByPrefix(MemoryJournal):
    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        gone = [each for each in self._streams if stream_id and each.startswith(stream_id)]
        for each in gone:
            await super().purge(stream_id=each)
        return len(gone) if stream_id else await super().purge(owner=owner)


class PurgesSome(MemoryJournal):
    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        gone = [name for name, stream in self._streams.items() if owner and stream.owner == owner][:50]
        for each in gone:
            await super().purge(stream_id=each)
        return len(gone) if owner else await super().purge(stream_id=stream_id)


class PurgesWhatLives(MemoryJournal):
    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        if owner is None and stream_id is None:
            for stream in self._streams.values():
                stream.lease = None
        return await super().purge(owner=owner, stream_id=stream_id)


class PurgesAtOnce(MemoryJournal):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"retention": 0})


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (CreatesAnew, "test_a_stream_is_created_once"),
        (LooksBeforeItCreates, "test_one_of_many_creates_it"),
        (HoldsWhatNobodyAskedFor, "test_a_stream_may_wait_for_whoever_takes_it"),
        (TakesWhatIsHeld, "test_a_writer_who_is_there_keeps_his_stream"),
        (TakesWhatHasChanged, "test_what_has_changed_is_not_taken"),
        (TakesWhatHasEnded, "test_what_is_complete_or_cancelled_is_not_taken"),
        (LooksBeforeItTakes, "test_one_of_many_takes_it"),
        (DoesNotForgetAStop, "test_who_takes_a_stream_is_not_asked_to_stop"),
        (LetsAnybodyWrite, "test_a_writer_who_was_succeeded_writes_nothing"),
        (LetsAnybodyWrite, "test_a_writer_may_be_succeeded_at_any_moment"),
        (WritesTwice, "test_an_append_whose_outcome_is_not_known_is_done_once"),
        (WritesTwice, "test_an_append_that_is_cancelled_is_done_or_not"),
        (WritesSomeOfThem, "test_a_stream_has_so_many_bytes_at_the_most"),
        (MovesALeaseThatIsLost, "test_a_writer_who_was_succeeded_writes_nothing"),
        (SaysNothingOfAStop, "test_somebody_asks_for_a_streams_end"),
        (NumbersEachFence, "test_who_takes_a_stream_begins_a_fence"),
        (KnowsNoEnd, "test_a_stream_ends_in_one_of_three_ways"),
        (TakesAnyAmount, "test_a_stream_has_so_many_bytes_at_the_most"),
        (HasNoRoomForAnEnd, "test_a_stream_has_so_many_bytes_at_the_most"),
        (HoldsForEver, "test_a_lease_runs_out"),
        (HoldsNotAnew, "test_a_lease_begins_anew_when_it_is_held"),
        (AppendsHoldNotAnew, "test_a_lease_begins_anew_with_each_append"),
        (SaysNothingOfALoss, "test_who_holds_is_told_what_others_want"),
        (ReleasesWhatIsAnothers, "test_who_releases_a_stream_leaves_it_to_others"),
        (ReadsOneTooMany, "test_a_stream_is_read_from_anywhere"),
        (ReadsOneTooMany, "test_a_read_brings_a_thousand"),
        (ReadsFromTheNumber, "test_a_stream_is_read_from_anywhere"),
        (ReadsAnOldState, "test_a_state_is_not_older_than_the_entries_beside_it"),
        (WakesNobody, "test_who_waits_is_woken"),
        (DoesNotLookBeforeItWaits, "test_who_waits_is_told_of_what_is_there"),
        (WaitsForEver, "test_who_waits_for_nothing_gives_up"),
        (CancelsWhatHasEnded, "test_somebody_asks_for_a_streams_end"),
        (SortsOrphans, "test_orphans_come_in_the_order_of_their_creation"),
        (ListsAllOrphans, "test_orphans_come_in_the_order_of_their_creation"),
        (SortsStreamsAsPeopleDo, "test_streams_come_in_pages"),
        (ListsFromTheId, "test_streams_come_in_pages"),
        (PurgesByPrefix, "test_a_stream_is_purged_whatever_it_is_at"),
        (PurgesSome, "test_what_is_one_owners_is_purged_together"),
        (PurgesWhatLives, "test_what_nobody_writes_any_more_is_purged"),
        (PurgesAtOnce, "test_nothing_is_purged_before_its_time"),
    ],
)
def test_what_is_wrong_is_noticed(wrong: type[MemoryJournal], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the test that is about it."""
    for module in (helpers, reading):
        monkeypatch.setattr(module, "PATIENCE", 0.2)

    class Suite(JournalSuite):
        def journal(self, **options: Any) -> MemoryJournal:
            return wrong(**options)

    with pytest.raises((AssertionError, JournalError, TimeoutError, ExceptionGroup)):
        anyio.run(getattr(Suite(), name))


def test_a_suite_has_to_say_what_it_tests() -> None:
    """The base has no journal."""
    with pytest.raises(NotImplementedError):
        JournalSuite().journal()


def test_every_test_says_what_it_is_about() -> None:
    """An author reads that, and not our code."""
    tests = {name: each for name, each in inspect.getmembers(JournalSuite) if name.startswith("test_")}
    assert len(tests) >= 40
    assert [name for name, each in tests.items() if not (each.__doc__ and inspect.iscoroutinefunction(each))] == []
