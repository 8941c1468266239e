"""Writers, rescuers, callers and readers of some streams, in any order: one message, the same for all, asked for once.

Each process here is a journal of its own, a client, and a host; it lives in the test's process and dies there, without
a word, or stands still and is taken for dead (`mortal.py`). The API's answers come as far as the machine lets them
(`fed.py`). What must hold at any time is looked at after each step; that everything ends, and how, at the end.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.durable.actors import ASKED, LONG, POLICY, Caller, Process, Reader, asking
from tests.durable.fed import FedApi
from tests.durable.mortal import MortalJournal
from tests.durable.processes.judging import Log, assert_agrees, assert_in_order, log_of, read_attached
from tests.durable.rigged import soon
from tests.e2e.test_whole_messages import assert_whole

from redis_server import RedisServer, needs_redis
from unbroken import StreamCancelled, StreamHost, attach, cancel
from unbroken.api import durable as api_durable
from unbroken.durable.claim import Claim
from unbroken.journal import Journal, MemoryJournal, SQLiteJournal

NAMES: Final = st.sampled_from([*ASKED])
ANY: Final = st.integers(0, 99)
#: In how many moments a process stands still that begins something (`MortalJournal.freeze`); 0: it does not.
MOMENTS: Final = st.sampled_from([0, 0, 0, 1, 2, 3, 4])
#: More cuts of one answer than this would exhaust its attempts, or open a breaker.
CUTS: Final = 2


class Machine(RuleBasedStateMachine):
    """Two processes at a time, and somebody who looks on."""

    backend: ClassVar[str] = "asyncio"

    def __init__(self) -> None:
        super().__init__()
        self._opened = start_blocking_portal(self.backend)
        self.portal: BlockingPortal = self._opened.__enter__()
        self.prepare()
        self.api = FedApi({name: answer for name, (_, answer) in ASKED.items()})
        self.watching = self.journal()
        self._watching = self.portal.wrap_async_context_manager(self.watching)
        self._watching.__enter__()
        self.ever: list[MortalJournal] = []
        self.processes = [self.open(), self.open()]
        self.readers: list[Reader] = []
        self.callers: list[Caller] = []  # also of processes that are dead
        self.left: list[Reader] = []
        self.logs: dict[str, Log] = {}
        self.stopped: set[str] = set()
        self.cuts: Counter[str] = Counter()

    # -- what is different for each kind of journal

    def prepare(self) -> None:
        """Make the store."""

    def journal(self) -> Journal:
        raise NotImplementedError

    def bury(self, process: Process) -> None:
        """A process has died: the kernel, or the server, sees it, and others may go on."""

    def remove(self) -> None:
        """Remove the store."""

    # -- how it is driven

    def ask(self, call: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        async def run() -> Any:
            with anyio.fail_after(120):
                return await call(*args, **options)

        return self.portal.call(run)

    def soon(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so; what never becomes so fails."""
        self.portal.call(soon, condition)

    def open(self) -> Process:
        opened = self.journal()
        inner = self.portal.wrap_async_context_manager(opened)
        inner.__enter__()
        journal, client = MortalJournal(opened), self.portal.call(self._client)
        host = StreamHost(journal, client, policy=POLICY, lease=LONG, max_recoveries=1000)  # type: ignore[arg-type]
        entered = self.portal.wrap_async_context_manager(host)
        entered.__enter__()
        closing = [partial(each.__exit__, None, None, None) for each in (inner, entered)]
        closing.insert(1, partial(self.ask, client.close))
        self.ever.append(journal)
        return Process(journal, client, host, closing)

    async def _client(self) -> Any:
        return self.api.client()

    def close(self, process: Process) -> None:
        """In good order, or with nothing of it reaching anybody, where the process is dead."""
        for caller in process.callers:
            self.end(caller)
        for close in reversed(process.closing):
            close()

    def end(self, who: Reader | Caller) -> None:
        """Let somebody leave, and wait until that is done."""
        who.task.cancel()
        wait([who.task], 120)

    # -- what happens

    @rule(at=st.integers(0, 1), name=NAMES, moments=MOMENTS)
    def start(self, at: int, name: str, moments: int) -> None:
        process, known = self.processes[at], name in self.logs
        if process.journal.is_frozen:
            return
        if moments:
            self.freeze(at, moments)
        begun = self.portal.start_task_soon(partial(process.host.start, name, **asking(name)))
        self.soon(lambda: begun.done() or process.journal.is_frozen)
        if begun.done():
            assert begun.result() == (not known)

    @rule(at=st.integers(0, 1), name=NAMES, moments=MOMENTS)
    def call(self, at: int, name: str, moments: int) -> None:
        process = self.processes[at]
        if process.journal.is_frozen or len(process.callers) > 3:
            return
        if moments:
            self.freeze(at, moments)
        caller = Caller(name)
        process.callers.append(caller)
        self.callers.append(caller)
        caller.task = self.portal.start_task_soon(caller.read, process)
        # From now on it is there, for whoever else asks for it.
        self.ask(self._until_there, process, name)

    async def _until_there(self, process: Process, name: str) -> None:
        while not process.journal.is_frozen and await self.watching.look(name) is None:  # noqa: ASYNC110
            await anyio.sleep(0.005)

    @rule(name=NAMES, events=st.integers(1, 12))
    def feed(self, name: str, events: int) -> None:
        """Let the server send some more, to whoever has asked."""
        for request in self.api.of(name):
            if not request.ended:
                self.portal.call(request.feed, events)
                self.soon(lambda request=request: request.ended or not request.left)  # type: ignore[misc]

    @rule(name=NAMES)
    def cut(self, name: str) -> None:
        open_ = [request for request in self.api.of(name) if not request.ended]
        if open_ and self.cuts[name] < CUTS:
            self.cuts[name] += 1
            self.portal.call(open_[-1].cut)

    @rule(at=st.integers(0, 1))
    def kill(self, at: int) -> None:
        """Without a word, and another comes."""
        process = self.processes[at]
        self.portal.call(process.journal.die)
        self.bury(process)
        self.close(process)
        self.processes[at] = self.open()

    @rule(at=st.integers(0, 1))
    def leave(self, at: int) -> None:
        """In good order, as for a deploy, and another comes."""
        process = self.processes[at]
        if not process.journal.is_frozen:
            self.portal.call(process.journal.thaw)  # it will not stand still now
            self.close(process)
            self.processes[at] = self.open()

    @rule(at=st.integers(0, 1), moments=st.integers(0, 6))
    def freeze(self, at: int, moments: int) -> None:
        """It stands still: at once, or soon, in the middle of something."""
        self.portal.call(self.processes[at].journal.freeze, moments)

    @rule(at=st.integers(0, 1))
    def lapse(self, at: int) -> None:
        """It has stood still for longer than its lease."""
        if self.processes[at].journal.is_frozen:
            self.ask(self.processes[at].journal.give_up)

    @rule(at=st.integers(0, 1))
    def thaw(self, at: int) -> None:
        self.portal.call(self.processes[at].journal.thaw)

    @precondition(lambda self: self.logs)
    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        if name in self.logs and self.ask(cancel, self.watching, name):
            self.stopped.add(name)

    @precondition(lambda self: self.logs)
    @rule(name=NAMES, where=ANY)
    def attach(self, name: str, where: int) -> None:
        """From a snapshot, from the beginning, or from behind any event."""
        if name in self.logs:
            positions = [None, "0", *(position for position, _ in self.logs[name].pairs)]
            self.begin(Reader(name, positions[where % len(positions)]))

    @precondition(lambda self: self.readers)
    @rule(who=ANY, comes_back=st.booleans())
    def disconnect(self, who: int, comes_back: bool) -> None:
        """A reader leaves, and comes back at its position."""
        reader = self.readers.pop(who % len(self.readers))
        self.end(reader)
        self.left.append(reader)
        if comes_back:
            at = reader.pairs[-1][0] if reader.pairs else reader.after
            self.begin(Reader(reader.name, reader.after if at == "0" else at))

    def begin(self, reader: Reader) -> None:
        self.readers.append(reader)
        reader.task = self.portal.start_task_soon(reader.read, self.watching)

    # -- what is always so

    @invariant()
    def all_agree(self) -> None:
        self.ask(self._look)

    async def _look(self) -> None:
        had = [(reader, reader.ended, list(reader.pairs)) for reader in self.readers + self.left]
        shown = [(caller.name, list(caller.positions)) for caller in self.callers]
        asked = {name: len(self.api.of(name)) for name in ASKED}
        for name in ASKED:
            if await self.watching.look(name) is None:
                assert not asked[name]
                continue
            log = await log_of(self.watching, name)
            before = self.logs.get(name, Log([])).entries
            assert log.entries[: len(before)] == before
            self.logs[name] = log
            assert_in_order(log)
            # Each request was written down before it was sent; there is one, and one for each loss.
            assert asked[name] <= log.attempts
            assert asked[name] <= 1 + log.takeovers + self.cuts[name]
            for fence in range(1, log.entries[-1].fence + 1):
                assert sum((name, fence) in journal.wrote for journal in self.ever) <= 1
        for reader, ended, pairs in had:
            assert_agrees(reader.after, pairs, self.logs[reader.name], has_ended=ended == "complete")
        # What a caller has seen is in the journal, and stays there, whatever becomes of its process.
        for name, positions in shown:
            log = self.logs.get(name, Log([]))  # it stands still before there is one
            assert positions == [position for position, _ in log.pairs][: len(positions)]
        assert not self.api.rejected

    # -- the end

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.all_end()
        finally:
            for reader in self.readers:
                self.end(reader)
            for process in self.processes:
                self.portal.call(process.journal.die)
                self.close(process)
            self._watching.__exit__(None, None, None)
            self._opened.__exit__(None, None, None)
            self.remove()

    def all_end(self) -> None:
        """Everything ends, once nothing goes wrong any more, and is what it should be."""
        for at in range(len(self.processes)):
            self.thaw(at)
        for name in ASKED:
            self.portal.call(self.api.flow, name)
        callers = [caller for process in self.processes for caller in process.callers]
        self.soon(lambda: all(each.ended is not None for each in [*self.readers, *callers]))
        self.ask(self._look)
        for name in self.logs:
            self.ask(self._has_ended, name)
        self.ask(self._look)
        for name, log in self.logs.items():
            outcome = log.entries[-1].body["outcome"]
            assert outcome == "complete" or (outcome == "cancelled" and name in self.stopped)
            for each in [*self.readers, *callers]:
                if each.name == name:
                    assert each.ended == ("complete" if outcome == "complete" else StreamCancelled.__name__)
            if outcome == "complete":
                for after in ("0", None):
                    assert_whole(self.ask(read_attached, self.watching, name, after), ASKED[name][1], self.api)
        for caller in callers:
            if caller.ended == "complete":
                assert_whole(caller.reading, ASKED[caller.name][1], self.api)

    async def _has_ended(self, name: str) -> None:
        """Read a stream to its end, however that is."""
        with suppress(StreamCancelled):
            async for _ in attach(self.watching, name, after="0").entries:
                pass


class InMemory(Machine):
    """All have the same object."""

    def prepare(self) -> None:
        self.only = MemoryJournal()

    def journal(self) -> Journal:
        return self.only

    def bury(self, process: Process) -> None:
        self.ask(process.journal.give_up)


class InAFile(Machine):
    """Each has its own object, whose lock says that it is there."""

    def prepare(self) -> None:
        self.directory = Path(tempfile.mkdtemp())

    def journal(self) -> Journal:
        return SQLiteJournal(self.directory / "journal.db")

    def remove(self) -> None:
        shutil.rmtree(self.directory)


class InRedis(Machine):
    """Each has its own object, whose connection says that it is there."""

    url: ClassVar[str]
    numbers: ClassVar[Iterator[int]] = itertools.count(1)

    def prepare(self) -> None:
        self.prefix = f"machine{next(self.numbers)}"

    def journal(self) -> Journal:
        from unbroken.journal.redis import RedisJournal

        return RedisJournal(self.url, prefix=self.prefix, timeout=60)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


KINDS: Final = [InMemory, InAFile, pytest.param(InRedis, marks=needs_redis)]


@pytest.mark.sample
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_order_of_things(kind: type[Machine], backend: str, request: pytest.FixtureRequest) -> None:
    """A few runs of each."""
    run(kind, backend, request, examples=6, steps=25)


@pytest.mark.slow
@pytest.mark.thinned(5)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_order_of_many_things(kind: type[Machine], backend: str, request: pytest.FixtureRequest) -> None:
    """Many runs, and longer ones."""
    run(kind, backend, request, examples=30, steps=40)


def run(kind: type[Machine], backend: str, request: pytest.FixtureRequest, *, examples: int, steps: int) -> None:
    url = {"url": request.getfixturevalue("redis").url} if kind is InRedis else {}
    machine = type(kind.__name__, (kind,), {"backend": backend, **url})
    with pytest.MonkeyPatch.context() as patch:
        # What callers have for a lease, and how many may be lost with a stream, nobody can say.
        patch.setattr(api_durable, "Claim", partial(Claim, lease=LONG, max_recoveries=1000))
        run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps))
