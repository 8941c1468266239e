"""The example of a journal in PostgreSQL is a journal; `make postgres` sees to what it takes."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from unbroken.journal import Fenced, Journal, JournalError, JournalUnavailable, Lease, StreamGone
from unbroken.testing.journal import JournalSuite

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "uvloop"), pytest.mark.slow]


@pytest.fixture
def example(postgres: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("postgres_journal")


@pytest.fixture
async def place(example: Any, postgres: Any) -> Any:
    """Makes journals in a database that is empty."""
    await emptied(postgres.dsn)

    def make(**options: Any) -> Any:
        return example.PostgresJournal(postgres.dsn, **{"timeout": 30.0, **options})

    return make


async def emptied(dsn: str) -> None:
    asyncpg = importlib.import_module("asyncpg")
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP TABLE IF EXISTS unbroken_entries, unbroken_streams")
    await connection.close()


class TestPostgresJournal(JournalSuite):
    @pytest.fixture(autouse=True)
    def make(self, place: Any) -> None:
        self.make_journal = place

    def journal(self, **options: Any) -> Any:
        return self.make_journal(**options)

    def second(self, **options: Any) -> Any:
        return self.make_journal(**options)


async def begun(journal: Journal, name: str = "a/1") -> Lease:
    lease = await journal.create(name, b"1", fingerprint=b"", owner=b"", lease=1000)
    assert isinstance(lease, Lease)
    return lease


async def test_a_killed_writer_is_gone_at_once(place: Any, postgres: Any) -> None:
    """Its session ends with it, and the lock with that."""
    code = f"""
import anyio
from postgres_journal import PostgresJournal
async def main():
    async with PostgresJournal({postgres.dsn!r}) as journal:
        lease = await journal.create("a/1", b"1", fingerprint=b"", owner=b"", lease=1000)
        while True:
            await journal.append(lease, [b"%d" % (lease.head + 1)])
            print(lease.head, flush=True)
anyio.run(main)
"""
    async with place() as journal:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *sys.path])}
        with subprocess.Popen(  # noqa: ASYNC220 - it is not waited for
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment
        ) as worker:
            assert worker.stdout is not None
            while (told := int(worker.stdout.readline())) < 20:
                pass
            assert await journal.orphans() == []
            worker.send_signal(signal.SIGKILL)
        with anyio.fail_after(60):
            while await journal.orphans() != ["a/1"]:  # noqa: ASYNC110 - another process makes it so
                await anyio.sleep(0.01)
        state = await journal.look("a/1")
        assert state is not None
        assert state.head >= told
        taken = await journal.take(state, b"taken", lease=60)
        assert taken == Lease("a/1", 2, state.head + 1)


async def test_a_server_that_crashes_keeps_what_it_has_acknowledged(place: Any, postgres: Any) -> None:
    async with place(timeout=5.0) as journal:
        lease = await begun(journal)
        await journal.append(lease, [b"2"])
        postgres.kill()
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="PostgreSQL is away"):
                await journal.append(lease, [b"3"])
        postgres.start()
        with anyio.fail_after(120):
            while lease.head < 3:
                try:
                    await journal.append(lease, [b"3"])
                except JournalUnavailable:
                    await anyio.sleep(0.01)
        batch = await journal.read("a/1", after=0)
        assert [entry.data for entry in batch.entries] == [b"1", b"2", b"3"]
        assert list(await journal.wait({"a/1": 2}, 60)) == ["a/1"]


@asynccontextmanager
async def answers_lost(journal: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """What is committed, nobody is told."""
    transaction = journal._transaction

    @asynccontextmanager
    async def lossy(**options: Any) -> AsyncIterator[Any]:
        async with transaction(**options) as connection:
            yield connection
        raise JournalUnavailable("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_transaction", lossy)
        with pytest.raises(JournalUnavailable, match="was lost"):
            yield


async def test_what_is_done_although_its_answer_was_lost_is_not_done_twice(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place() as journal, place() as other:
        async with answers_lost(journal, monkeypatch):
            await begun(journal)
        lease = await begun(journal)
        assert not isinstance(await journal.create("a/1", b"1", fingerprint=b"", owner=b"", lease=1000), Lease)
        async with answers_lost(journal, monkeypatch):
            await journal.append(lease, [b"2", b"3"])
        await journal.append(lease, [b"2", b"3"])
        assert lease.head == 3
        state = await journal.look("a/1")
        async with answers_lost(journal, monkeypatch):
            await journal.take(state, b"taken", lease=1000, force=True)
        assert await other.take(state, b"taken", lease=1000, force=True) is None
        taken = await journal.take(state, b"taken", lease=1000, force=True)
        assert taken == Lease("a/1", 2, 4)
        async with answers_lost(journal, monkeypatch):
            await journal.append(taken, [], end="complete")
        await journal.append(taken, [], end="complete")
        with pytest.raises(Fenced):
            await journal.append(lease, [b"x"])
        batch = await other.read("a/1", after=0)
        assert [entry.data for entry in batch.entries] == [b"1", b"2", b"3", b"taken"]


async def test_a_table_that_was_emptied_is_not_written_behind_a_gap(place: Any, postgres: Any) -> None:
    async with place() as journal:
        lease = await begun(journal)
        async with journal._transaction() as connection:
            await connection.execute("TRUNCATE unbroken_streams CASCADE")
        with pytest.raises(StreamGone):
            await journal.append(lease, [b"2"])


async def test_errors_quote_nothing_of_what_was_written(place: Any) -> None:
    async with place() as journal:
        await begun(journal)
        async with journal._transaction() as connection:
            await connection.execute("ALTER TABLE unbroken_streams ADD CHECK (fingerprint = '')")
        with pytest.raises(JournalError, match="PostgreSQL has refused that \\(CheckViolationError\\)") as raised:
            await journal.create("a/2", b"1", fingerprint=b"words", owner=b"", lease=60)
        assert raised.value.__suppress_context__
