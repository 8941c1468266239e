"""Writers, rescuers and readers of some streams, in any order: one log without a gap, the same for all who look.

The model is what the protocol says of a journal, for one thing at a time; what happens at the same time is in
`unbroken.testing.journal`.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from unbroken.journal import Fenced, Journal, Lease, MemoryJournal, SQLiteJournal, StreamGone

LONG = 1000.0
IDS = st.sampled_from(["a", "b", "a/b"])
ENTRIES = st.lists(st.binary(max_size=20) | st.just(b"x" * 6000), max_size=4)
ENDS = st.sampled_from([None, None, None, "complete", "failed", "cancelled"])


@dataclass(eq=False)
class Stream:
    """What is true of a stream."""

    owner: bytes
    log: list[tuple[int, bytes]]
    fence: int = 1
    status: str = "live"
    stopping: bool = False
    held_by: object | None = None


@dataclass(eq=False)
class Held:
    """A lease that somebody once got, and where."""

    by: object
    lease: Lease
    stream: Stream


@dataclass(eq=False)
class Worker:
    """One process's journal; here two of them are in one process."""

    journal: Journal
    opened: AbstractContextManager[Any]
    name: object = field(default_factory=object)


class Machine(RuleBasedStateMachine):
    """Two workers on one store."""

    backend: ClassVar[str] = "asyncio"
    leases: Bundle[Held] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.portal: BlockingPortal = self.stack.enter_context(start_blocking_portal(self.backend))
        self.streams: dict[str, Stream] = {}
        self.prepare()
        self.workers = [self.open(), self.open()]

    # -- what is different for each kind of journal

    def prepare(self) -> None:
        """Make the store."""

    def journal(self) -> Journal:
        raise NotImplementedError

    # -- how it is driven

    def open(self) -> Worker:
        journal = self.journal()
        opened = self.portal.wrap_async_context_manager(journal)
        opened.__enter__()
        return Worker(journal, opened)

    def ask(self, call: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        async def run() -> Any:
            return await call(*args, **options)

        return self.portal.call(run)

    def teardown(self) -> None:
        for worker in self.workers:
            worker.opened.__exit__(None, None, None)
        self.stack.close()

    # -- what happens

    @rule(target=leases, worker=st.integers(0, 1), name=IDS, entry=st.binary(max_size=9), holds=st.booleans())
    def create(self, worker: int, name: str, entry: bytes, holds: bool) -> Any:
        by = self.workers[worker]
        owner = b"%d" % worker
        found = self.ask(by.journal.create, name, entry, fingerprint=entry, owner=owner, lease=LONG if holds else None)
        if name in self.streams:
            assert not isinstance(found, Lease)
            assert (found.fence, found.head) == (self.streams[name].fence, len(self.streams[name].log))
            return multiple()
        stream = self.streams[name] = Stream(owner, [(1, entry)], held_by=by.name if holds else None)
        assert found == Lease(name, 1, 1)
        return Held(by.name, found, stream) if holds else multiple()

    @rule(target=leases, worker=st.integers(0, 1), name=IDS, force=st.booleans(), stale=st.booleans())
    def take(self, worker: int, name: str, force: bool, stale: bool) -> Any:
        by = self.workers[worker]
        state = self.ask(by.journal.look, name)
        stream = self.streams.get(name)
        if stream is None:
            assert state is None
            return multiple()
        if stale:
            state = replace(state, head=state.head - 1)
        taken = self.ask(by.journal.take, state, b"taken", lease=LONG, force=force)
        may = stream.status == "failed" or (stream.status == "live" and (force or stream.held_by is None))
        if stale or not may:
            assert taken is None
            return multiple()
        stream.fence += 1
        stream.log.append((stream.fence, b"taken"))
        stream.status, stream.stopping, stream.held_by = "live", False, by.name
        assert taken == Lease(name, stream.fence, len(stream.log))
        return Held(by.name, taken, stream)

    def can_be_used(self, held: Held) -> Worker | None:
        """Who has the lease, unless he is dead, or another stream has begun under the id, which has the same fences."""
        if self.streams.get(held.lease.stream_id) not in (held.stream, None):
            return None
        return next((each for each in self.workers if each.name is held.by), None)

    def is_valid(self, held: Held) -> bool:
        """Whether who has the lease may write."""
        stream = held.stream
        is_there = self.streams.get(held.lease.stream_id) is stream
        return is_there and stream.status == "live" and stream.fence == held.lease.fence

    def is_as_told(self, held: Held, entries: list[bytes], end: Any) -> bool:
        """Whether its writer ends a stream that it has ended so: that is no other call than the one it makes again."""
        stream, lease = held.stream, held.lease
        if self.streams.get(lease.stream_id) is not stream or entries or stream.status != end:
            return False
        return (stream.fence, len(stream.log)) == (lease.fence, lease.head)

    @rule(held=leases, entries=ENTRIES, end=ENDS, twice=st.booleans())
    def append(self, held: Held, entries: list[bytes], end: Any, twice: bool) -> None:
        worker, lease, stream = self.can_be_used(held), held.lease, held.stream
        if worker is None or not (entries or end):
            return
        unmoved = copy.copy(lease)
        if not self.is_valid(held):
            if self.is_as_told(held, entries, end):
                self.ask(worker.journal.append, lease, entries, end=end)
                return
            with pytest.raises(Fenced if lease.stream_id in self.streams else StreamGone):
                self.ask(worker.journal.append, lease, entries, end=end)
            assert lease == unmoved
            return
        for each in (lease, unmoved) if twice else (lease,):
            assert self.ask(worker.journal.append, each, entries, end=end) == stream.stopping
            assert each == Lease(lease.stream_id, stream.fence, len(stream.log) + len(entries))
        stream.log += [(stream.fence, entry) for entry in entries]
        if end:
            stream.status, stream.held_by = end, None

    @rule(held=leases)
    def hold(self, held: Held) -> None:
        worker, name = self.can_be_used(held), held.lease.stream_id
        if worker is None:
            return
        found = self.ask(worker.journal.hold, [held.lease], LONG)
        if self.is_valid(held):
            assert found == ({name} if held.stream.stopping else set(), set())
            held.stream.held_by = held.by
        else:
            assert found == (set(), {name})

    @rule(held=consumes(leases))
    def release(self, held: Held) -> None:
        worker = self.can_be_used(held)
        if worker is None:
            return
        self.ask(worker.journal.release, held.lease)
        if self.is_valid(held):
            held.stream.held_by = None

    @rule(worker=st.integers(0, 1), name=IDS)
    def cancel(self, worker: int, name: str) -> None:
        stream = self.streams.get(name)
        lives = stream is not None and stream.status == "live"
        assert self.ask(self.workers[worker].journal.cancel, name) == lives
        if stream is not None and lives:
            stream.stopping = True

    @rule(worker=st.integers(0, 1), name=IDS, by_owner=st.booleans())
    def purge(self, worker: int, name: str, by_owner: bool) -> None:
        journal = self.workers[worker].journal
        if by_owner:
            gone = [each for each, stream in self.streams.items() if stream.owner == b"0"]
            assert self.ask(journal.purge, owner=b"0") == len(gone)
        else:
            gone = [name] if name in self.streams else []
            assert self.ask(journal.purge, stream_id=name) == len(gone)
        for each in gone:
            del self.streams[each]

    @rule(worker=st.integers(0, 1))
    def die(self, worker: int) -> None:
        """And another comes in its place. What the one held is for anybody."""
        dead = self.workers[worker]
        dead.opened.__exit__(None, None, None)
        self.workers[worker] = self.open()
        for stream in self.streams.values():
            if stream.held_by is dead.name:
                stream.held_by = None

    # -- what is always so

    @rule(worker=st.integers(0, 1), name=IDS, after=st.integers(0, 12), limit=st.integers(1, 9))
    def read(self, worker: int, name: str, after: int, limit: int) -> None:
        batch = self.ask(self.workers[worker].journal.read, name, after=after, limit=limit)
        if name not in self.streams:
            assert batch is None
            return
        expected = [(fence, n, data) for n, (fence, data) in enumerate(self.streams[name].log, 1)]
        assert list(batch.entries) == expected[after : after + limit]

    @invariant()
    def all_see_the_same(self) -> None:
        """Whoever looks: the same streams, entries and orphans."""
        orphans = [each for each, stream in self.streams.items() if stream.status == "live" and stream.held_by is None]
        for worker in self.workers:
            assert self.ask(worker.journal.orphans) == orphans
            states = self.ask(worker.journal.streams)
            assert [state.stream_id for state in states] == sorted(self.streams)
            for state in states:
                stream = self.streams[state.stream_id]
                assert (state.fence, state.head, state.status) == (stream.fence, len(stream.log), stream.status)
                assert state.stopping == stream.stopping
                assert state.orphaned == (state.stream_id in orphans)
                assert state.size == sum(len(data) for _, data in stream.log)
                batch = self.ask(worker.journal.read, state.stream_id, after=0)
                assert [(fence, data) for fence, _, data in batch.entries] == stream.log
                assert [each.seq for each in batch.entries] == list(range(1, len(stream.log) + 1))
                assert batch.state == state


class InMemory(Machine):
    """Both have the same object, which does not die."""

    def prepare(self) -> None:
        self.only = MemoryJournal()

    def journal(self) -> Journal:
        return self.only

    def die(self, worker: int) -> None:
        """Nothing that it holds is left to others by its end."""


class InAFile(Machine):
    """Each has its own object."""

    def prepare(self) -> None:
        self.directory = Path(tempfile.mkdtemp())

    def journal(self) -> Journal:
        return SQLiteJournal(self.directory / "journal.db")

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.directory)


@pytest.mark.sample
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", [InMemory, InAFile])
def test_any_order_of_things(kind: type[Machine], backend: str) -> None:
    """A few runs of each."""
    run(kind, backend, examples=8, steps=25)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", [InMemory, InAFile])
def test_any_order_of_many_things(kind: type[Machine], backend: str) -> None:
    """Many runs, and longer ones."""
    run(kind, backend, examples=25, steps=60)


def run(kind: type[Machine], backend: str, *, examples: int, steps: int) -> None:
    machine = type(kind.__name__, (kind,), {"backend": backend})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps))
