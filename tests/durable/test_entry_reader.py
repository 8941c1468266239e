"""Readers of positions and events: where they begin, and what they come back with."""

from __future__ import annotations

from typing import Any, Final

import anyio
import pytest
from tests.durable.author import Author, events_of
from tests.durable.killed import entries_of, killed_after
from tests.durable.rigged import RiggedJournal
from tests.durable.test_every_kill import ID, read_durably

from harness import CONTINUE
from unbroken import StreamFailed, attach
from unbroken.durable.entries import Record, encode
from unbroken.journal import Lease, MemoryJournal
from unbroken.testing import Answer

ANSWER: Final = Answer("The lighthouse at Rua Point was lit in March, on the ninth.")


async def pairs_of(journal: MemoryJournal, after: str | None) -> list[Any]:
    with anyio.fail_after(60):
        return [pair async for pair in attach(journal, ID, after=after).entries]


@pytest.mark.anyio
async def test_who_comes_back_with_the_last_position_of_a_snapshot_gets_nothing_more() -> None:
    """It is that of the last event, as for who has read every event."""
    journal = MemoryJournal()
    await read_durably(CONTINUE, ANSWER, journal)
    every, late = await pairs_of(journal, "0"), await pairs_of(journal, None)
    assert late[-1][0] == every[-1][0]
    assert await pairs_of(journal, late[-1][0]) == []


@pytest.mark.anyio
async def test_every_place_of_the_log_is_one_to_come_back_to() -> None:
    """Also those that bring no event, the last of all among them."""
    journal = MemoryJournal()
    await read_durably(CONTINUE, ANSWER, journal)
    every = await pairs_of(journal, "0")
    for entry in await entries_of(journal, ID):
        behind = [pair for pair in every if int(pair[0].split("-")[1]) > entry.seq]
        assert await pairs_of(journal, f"{entry.fence}-{entry.seq}") == behind


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_who_has_read_to_a_bad_end_is_told_of_it_again(end: Any) -> None:
    whole = MemoryJournal()
    await read_durably(CONTINUE, ANSWER, whole)
    journal = await killed_after(whole, ID, 6)
    lease = Lease(ID, 1, 6)
    await journal.append(lease, [encode(Record("end", {"outcome": end, "message": "No."}))], end=end)
    for entry in await entries_of(journal, ID):
        with pytest.raises(StreamFailed):
            await pairs_of(journal, f"{entry.fence}-{entry.seq}")


@pytest.mark.anyio
async def test_a_stream_that_is_asked_for_once_more_as_its_end_is_read_goes_on() -> None:
    """Its reader has come to the failure, and asks what that was, when it is none any more."""
    journal = RiggedJournal()
    author = await Author.begin(journal, ID)
    first, *rest = events_of("The lighthouse", " was lit.")
    await author.add(first)
    await author.end("failed", message="No.")

    async def revive() -> None:
        if journal.calls["read"] == 2:
            again = await author.taken()
            await again.add(*rest)
            await again.end()

    journal.before["read"] = revive
    pairs = await pairs_of(journal, "0")
    assert [event["type"] for _, event in pairs] == [event["type"] for event in (first, *rest)]
    assert journal.calls["read"] > 2
