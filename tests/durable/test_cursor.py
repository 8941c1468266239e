"""Reading a log: without a gap, whoever writes it, however many read it, and whatever becomes of the journal."""

from __future__ import annotations

import gc
import weakref
from contextlib import AsyncExitStack

import anyio
import anyio.lowlevel
import pytest
import trio.lowlevel
from builders import text_delta
from tests.durable.author import Author
from tests.durable.rigged import RiggedJournal, soon

from harness import tasks
from unbroken.durable.channel import Channel
from unbroken.durable.cursor import Cursor, Rewound
from unbroken.durable.entries import Record, Stored
from unbroken.durable.history import read_history
from unbroken.durable.session import session_of
from unbroken.durable.watch import Watcher
from unbroken.journal import Codec, JournalCorrupt, JournalError, JournalUnavailable, StreamGone

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "virtual")]


async def read(cursor: Cursor, count: int) -> list[Stored]:
    """So many entries."""
    entries: list[Stored] = []
    with anyio.fail_after(120):
        while len(entries) < count:
            entries += await cursor.next()
    return entries


async def new_cursor(journal: RiggedJournal) -> Cursor:
    """Of somebody who has looked whether the stream is there, as all do."""
    session = session_of(journal)
    assert await session.look("s") is not None
    return Cursor(session, "s")


def deltas(*pieces: str) -> list[Record]:
    return [Record("event", text_delta(piece)) for piece in pieces]


# -- the live end, in one process


async def test_what_is_published_is_taken_by_number() -> None:
    """All of it, or nothing is known; entries that come twice are there once."""
    channel, all_ = Channel("s"), [Stored(1, seq, "event", seq) for seq in range(1, 11)]
    assert channel.after(0) is None
    channel.publish(all_[:4])
    channel.publish(all_[2:6])
    channel.publish(all_[:3])
    assert channel.head == 6
    for seq in range(7):
        assert channel.after(seq) == tuple(all_[seq:6]) or channel.after(seq) == all_[seq:6]
    assert channel.after(8) == ()


async def test_entries_behind_a_gap_stand_by_themselves() -> None:
    """Who is before it has to ask the journal."""
    channel = Channel("s")
    channel.publish([Stored(1, 1, "request", {})])
    channel.publish([Stored(1, 5, "event", {})])
    assert channel.after(0) is None
    assert channel.after(1) is None
    assert channel.after(4) == [Stored(1, 5, "event", {})]
    channel.seen(9)
    assert channel.after(5) is None
    assert channel.after(9) == ()


async def test_only_the_last_entries_are_kept() -> None:
    """However long an answer gets."""
    channel = Channel("s")
    for seq in range(1, 2000):
        channel.publish([Stored(1, seq, "event", {})])
        assert len(channel._recent) <= 256
    assert channel.after(1998) == [Stored(1, 1999, "event", {})]
    assert channel.after(5) is None


# -- one log


async def test_a_log_is_read_in_its_order() -> None:
    """What was there before, and what comes; over a change of writers."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    await author.write(*deltas("a", "b"))
    cursor = Cursor(session_of(journal), "s")
    assert [entry.kind for entry in await read(cursor, 3)] == ["request", "event", "event"]
    found: list[Stored] = []
    async with anyio.create_task_group() as group:

        async def follow() -> None:
            found.extend(await read(cursor, 4))

        group.start_soon(follow)
        await author.write(*deltas("c"))
        author = await author.taken()
        await author.write(*deltas("d"))
        await author.end()
    assert [(entry.fence, entry.seq, entry.kind) for entry in found] == [
        (1, 4, "event"),
        (2, 5, "takeover"),
        (2, 6, "event"),
        (2, 7, "end"),
    ]


async def test_many_read_and_the_journal_is_asked_once() -> None:
    """One tail for all: each looks at what is there, and what comes then is fetched for everybody."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    cursors = [Cursor(session_of(journal), "s") for _ in range(100)]
    found: list[list[Stored]] = [[] for _ in cursors]
    async with anyio.create_task_group() as group:
        for cursor, entries in zip(cursors, found, strict=True):

            async def follow(cursor: Cursor = cursor, entries: list[Stored] = entries) -> None:
                entries.extend(await read(cursor, 11))

            group.start_soon(follow)
        await soon(lambda: all(cursor.seq == 1 for cursor in cursors))
        await anyio.wait_all_tasks_blocked()
        journal.calls.clear()
        for n in range(10):
            await author.write(*deltas(str(n)))
            await soon(lambda n=n: all(cursor.seq == n + 2 for cursor in cursors))  # type: ignore[misc]
    assert [[entry.seq for entry in entries] for entries in found] == [list(range(1, 12))] * 100
    assert journal.calls["read"] == 10
    assert journal.calls["wait"] <= 11


async def test_streams_are_waited_for_together() -> None:
    """In one question, however many there are; a new one is asked for at once, with the others."""
    journal = RiggedJournal()
    authors = [await Author.begin(journal, f"s{n}") for n in range(20)]
    cursors = [Cursor(session_of(journal), f"s{n}") for n in range(20)]
    async with anyio.create_task_group() as group:
        for n, cursor in enumerate(cursors):
            group.start_soon(read, cursor, 2)
            await soon(lambda cursor=cursor: cursor.seq == 1)  # type: ignore[misc]
            await anyio.wait_all_tasks_blocked()
            assert journal.calls["wait"] <= n + 1
        journal.calls.clear()
        await authors[7].write(*deltas("a"))
        await soon(lambda: cursors[7].seq == 2)
        assert journal.calls["read"] == 1
        for author in (*authors[:7], *authors[8:]):
            await author.write(*deltas("a"))


async def test_who_comes_back_to_wait_asks_nothing_anew() -> None:
    """The question that is out is its own: between two entries a reader asks the journal once."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    cursor = Cursor(session_of(journal), "s")
    async with anyio.create_task_group() as group:
        group.start_soon(read, cursor, 21)
        for n in range(20):
            await soon(lambda n=n: cursor.seq == n + 1)  # type: ignore[misc]
            await author.write(*deltas(str(n)))
    assert journal.calls["wait"] <= 22
    assert journal.calls["read"] <= 22


async def test_a_slow_reader_falls_back_to_the_journal() -> None:
    """What this process has forgotten is there still; nothing is left out, and nothing comes twice."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    slow, quick = Cursor(session_of(journal), "s"), Cursor(session_of(journal), "s")
    await read(slow, 1)
    await read(quick, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(read, quick, 1500)
        for n in range(15):
            await author.write(*deltas(*map(str, range(100 * n, 100 * n + 100))))
            await soon(lambda n=n: quick.seq == 100 * n + 101)  # type: ignore[misc]
    assert [entry.body["delta"]["text"] for entry in await read(slow, 1500)] == [str(n) for n in range(1500)]


async def test_a_tail_that_lags_behind_leaves_nothing_out() -> None:
    """What a process knows of may be less than the journal has: a log that is read is read to its end."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    session = session_of(journal)
    early = Cursor(session, "s")
    await read(early, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(early.next)
        await anyio.wait_all_tasks_blocked()
        await author.write(*deltas("first"))
        await soon(lambda: early.seq == 2)
    # What comes now, nobody here is told of.
    await author.write(*deltas(*map(str, range(2500))))
    assert early.channel.head == 2
    history = await read_history(session, "s", 5)
    assert history.fold.head == history.state.head == 2502
    for head in (1000, 1001, 2000):
        early.channel.head = head
        history = await read_history(session, "s", 5)
        assert history.fold.head == history.state.head == 2502


async def test_an_end_in_the_middle_of_a_log_is_no_end() -> None:
    """One that has failed was asked for once more: what stands behind its end is known of, where it is not read yet."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    await author.write(*deltas(*map(str, range(998))))
    await author.end("failed")
    await (await author.taken()).end()
    cursor = Cursor(session_of(journal), "s")
    cursor.checked(await cursor.read(limit=1000))
    assert cursor.seq == 1000
    assert not cursor.is_at_head
    await read(cursor, 2)
    assert cursor.is_at_head


async def test_entries_go_through_the_codec() -> None:
    """Each with its number; what the codec does not take is corrupt, and why is not lost."""

    def encode(data: bytes, stream_id: str, seq: int) -> bytes:
        return f"{stream_id} {seq} ".encode() + data[::-1]

    def decode(data: bytes, stream_id: str, seq: int) -> bytes:
        if not data.startswith(f"{stream_id} {seq} ".encode()):
            raise LookupError("another's")
        return data.removeprefix(f"{stream_id} {seq} ".encode())[::-1]

    journal = RiggedJournal(codec=Codec(encode, decode))
    author = await Author.begin(journal)
    await author.write(*deltas("a", "b"))
    assert [entry.body for entry in await read(Cursor(session_of(journal), "s"), 3)][1:] == [
        text_delta("a"),
        text_delta("b"),
    ]
    entries = journal._streams["s"].entries
    journal.set_data("s", 2, entries[2].data)
    with pytest.raises(JournalCorrupt) as caught:
        await Cursor(session_of(journal), "s").next()
    assert isinstance(caught.value.__cause__, LookupError)
    assert "a" not in str(caught.value).split()


# -- what is not there


async def test_a_stream_that_is_not_there() -> None:
    """It never was, or it goes while it is waited for: by itself, or with another in its place."""
    journal = RiggedJournal()
    with pytest.raises(StreamGone):
        await Cursor(session_of(journal), "s").next()
    with pytest.raises(StreamGone):
        await read_history(session_of(journal), "s", 5)
    await Author.begin(journal)
    cursor = Cursor(session_of(journal), "s")
    await read(cursor, 1)
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            with pytest.raises(StreamGone):
                await read(cursor, 1)

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert await journal.purge(stream_id="s") == 1
    with pytest.raises(StreamGone):
        await cursor.next()


@pytest.mark.parametrize("more", [0, 1, 5])
@pytest.mark.parametrize("waits", [False, True])
async def test_another_stream_of_the_same_id_is_another(waits: bool, more: int) -> None:
    """Who has read of the first gets nothing of the second, however many entries it has; and who comes new, nothing of
    the first, though this process still has it."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    await author.write(*deltas("secret", "secret"))
    old = Cursor(session_of(journal), "s")
    await read(old, 3)
    gone: list[bool] = []

    async def follow() -> None:
        with pytest.raises((StreamGone, Rewound)):
            await read(old, 1)
        gone.append(True)

    async with anyio.create_task_group() as group:
        if waits:
            group.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
        await journal.purge(stream_id="s")
        author = await Author.begin(journal)
        await author.write(*deltas("a", "b", *"c" * more))
        new = await new_cursor(journal)
        assert [entry.body for entry in await read(new, 3 + more)][1:3] == [text_delta("a"), text_delta("b")]
        if not waits:
            await follow()
    assert gone == [True]
    late = await new_cursor(journal)
    assert [entry.seq for entry in await read(late, 3 + more)] == list(range(1, 4 + more))


# -- a journal that has lost something


async def test_a_journal_that_has_lost_what_was_read_is_seen() -> None:
    """With the next look, or while it is waited for."""
    for waits in (False, True):
        journal = RiggedJournal()
        author = await Author.begin(journal)
        await author.write(*deltas("a", "b"))
        cursor = Cursor(session_of(journal), "s")
        await read(cursor, 3)

        async def wait(cursor: Cursor = cursor) -> None:
            with pytest.raises(Rewound):
                await read(cursor, 1)

        async with anyio.create_task_group() as group:
            if waits:
                group.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
            journal.lose("s", 2)
            if not waits:
                await wait()


@pytest.mark.parametrize("writers", [1, 2])
async def test_what_was_written_in_place_of_what_was_lost_is_seen(writers: int) -> None:
    """Another has taken the stream before the place of the reader, who has no entry that says so."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    await author.write(*deltas("a", "b", "lost"))
    cursor = Cursor(session_of(journal), "s")
    await read(cursor, 4)
    journal.lose("s", 3)
    author = await author.taken()
    for _ in range(writers - 1):
        author = await author.taken()
    await author.write(*deltas("c", "d"))
    with pytest.raises(Rewound):
        await read(cursor, 1)


# -- a journal that is away


async def test_a_journal_that_is_away_for_a_while_costs_nothing() -> None:
    """Who waits goes on waiting, and gets what was written meanwhile."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    cursor = Cursor(session_of(journal), "s")
    await read(cursor, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(read, cursor, 2)
        await anyio.wait_all_tasks_blocked()
        await author.write(*deltas("a"))
        journal.away = True
        asked = journal.calls.total()
        await soon(lambda: journal.calls.total() > asked + 2)
        journal.away = False
        await author.write(*deltas("b"))
    assert cursor.seq == 3


@pytest.mark.backends("virtual")
@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("patience", [0.5, 2, 30])
async def test_a_journal_that_stays_away_is_an_error(patience: float, hangs: bool) -> None:
    """After as long as its reader would wait, and not much later; whether it says so or hangs."""
    journal = RiggedJournal()
    await Author.begin(journal)
    session = session_of(journal)

    def take_away() -> None:
        journal.away = not hangs
        if hangs:
            journal.before |= {"wait": anyio.sleep_forever, "read": anyio.sleep_forever}

    waiting, asking = (Cursor(session, "s", patience=patience) for _ in range(2))
    await read(waiting, 1)
    async with anyio.create_task_group() as group:

        async def fail(cursor: Cursor) -> None:
            began = anyio.current_time()
            with pytest.raises(JournalUnavailable):
                await read(cursor, 2)
            # It is seen to hang when it answers no question in time.
            late = 7 if hangs and cursor is waiting else 0
            assert patience - 0.2 <= anyio.current_time() - began <= patience + late + 1.2

        group.start_soon(fail, waiting)
        await anyio.wait_all_tasks_blocked()
        take_away()
        group.start_soon(fail, asking)


@pytest.mark.parametrize("problem", [JournalError("closed"), JournalCorrupt("damaged"), OSError("a secret")])
async def test_what_a_journal_raises_reaches_who_waits(problem: Exception) -> None:
    """Each gets an error of its own; what is no journal's error is none of the reader's to know."""
    journal = RiggedJournal()
    await Author.begin(journal)
    cursors = [Cursor(session_of(journal), "s") for _ in range(2)]
    errors: list[BaseException] = []

    async def fail() -> None:
        raise problem

    journal.before["wait"] = fail
    for cursor in cursors:
        await read(cursor, 1)
        with pytest.raises(JournalError) as caught:
            await read(cursor, 1)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert all(error.__cause__ is problem for error in errors)
    assert all("secret" not in str(error) for error in errors)


async def test_a_journal_that_is_back_is_read_again() -> None:
    """What was in the way once is not in the way of who comes later, though somebody still has the stream."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    first = Cursor(session_of(journal), "s")
    await read(first, 1)

    async def fail() -> None:
        raise JournalError("closed")

    journal.before["wait"] = fail
    with pytest.raises(JournalError):
        await read(first, 1)
    del journal.before["wait"]
    second = Cursor(session_of(journal), "s")
    await read(second, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(read, second, 1)
        group.start_soon(read, first, 1)
        await anyio.wait_all_tasks_blocked()
        await author.write(*deltas("a"))


async def test_one_log_that_is_damaged_is_no_others() -> None:
    """Its readers are told; the readers of other streams read on."""
    journal = RiggedJournal()
    authors = [await Author.begin(journal, name) for name in ("good", "bad")]
    good, bad = (Cursor(session_of(journal), name) for name in ("good", "bad"))
    await read(good, 1)
    await read(bad, 1)
    async with anyio.create_task_group() as group:

        async def fail() -> None:
            with pytest.raises(JournalCorrupt):
                await read(bad, 1)

        group.start_soon(fail)
        group.start_soon(read, good, 10)
        await anyio.wait_all_tasks_blocked()
        await journal.append(authors[1].lease, [b"damaged"])
        for n in range(10):
            await authors[0].write(*deltas(str(n)))
            await soon(lambda n=n: good.seq == n + 2)  # type: ignore[misc]


# -- what runs meanwhile


@pytest.mark.backends("virtual")
@pytest.mark.parametrize("answers", [True, False])
async def test_a_reader_that_stood_still_reads_on(answers: bool) -> None:
    """A process that was stopped while it waited has no reason to say that the journal is away; nor if it was twice."""
    journal, waiting, going_on = RiggedJournal(), anyio.Event(), anyio.Event()
    author = await Author.begin(journal)
    cursor = await new_cursor(journal)
    stops = 2

    async def stop() -> None:
        nonlocal stops
        if stops and not waiting.is_set():
            stops -= 1
            waiting.set()
            await going_on.wait()
            trio.lowlevel.current_clock().jump(60)  # type: ignore[attr-defined]
            if answers:
                raise JournalUnavailable("it does not answer in time")
            await anyio.sleep_forever()

    await read(cursor, 1)
    journal.before["wait"] = stop
    for piece in ("one", "two"):
        async with anyio.create_task_group() as group:
            group.start_soon(read, cursor, 1)
            await waiting.wait()
            await author.add(text_delta(piece))
            going_on.set()
        waiting, going_on = anyio.Event(), anyio.Event()
    assert cursor.seq == 3
    assert stops == 0


@pytest.mark.backends("virtual")
async def test_nothing_runs_when_nobody_needs_it() -> None:
    """The tail ends a second after its last reader has left, and what looks for orphans at once; nothing is kept."""
    journal = RiggedJournal()
    before = tasks()
    await Author.begin(journal)
    session = session_of(journal)
    cursor = Cursor(session, "s")
    await read(cursor, 1)
    async with AsyncExitStack() as stack:
        stack.enter_context(session.orphans(Watcher(lambda ids: None)))
        group = await stack.enter_async_context(anyio.create_task_group())
        group.start_soon(cursor.next)
        await anyio.wait_all_tasks_blocked()
        assert len(tasks() - before) == 3
        group.cancel_scope.cancel()
    await anyio.sleep(1.1)
    assert tasks() == before
    seen = weakref.ref(session), weakref.ref(journal)
    del cursor, session, journal
    gc.collect()
    assert [each() for each in seen] == [None, None]


async def test_a_journal_has_one_session_while_anybody_has_it() -> None:
    """Whether or not it is equal to others, or can be hashed."""

    class Equal(RiggedJournal):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

    one, other = Equal(), Equal()
    assert session_of(one) is session_of(one)
    session = session_of(one)
    assert session_of(other) is not session
    assert session_of(one) is session
    assert session.channel("s") is session.channel("s")


async def test_a_cancelled_wait_loses_nothing() -> None:
    """The next one goes on where it was."""
    journal = RiggedJournal()
    author = await Author.begin(journal)
    cursor = Cursor(session_of(journal), "s")
    found: list[Stored] = []
    for n in range(10):
        with anyio.move_on_after(0 if n % 2 else 0.001):
            found += await cursor.next()
            found += await cursor.next()
        await author.write(*deltas(str(n)))
    found += await read(cursor, 11 - len(found))
    assert [entry.seq for entry in found] == list(range(1, 12))
