"""What is deleted for good."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import anyio
import pytest
from tests.durable.test_middleware import has_shown

from harness import ask, serving
from unbroken import StreamFailed, StreamMissing, attach, purge, resilient_message, resilient_stream
from unbroken.journal import Journal, MemoryJournal
from unbroken.testing import Answer, Script, Silence, after_fraction

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

TEXT = "What is known of somebody can be deleted, whoever has written it, and while it is being written. "


async def ids(journal: Journal) -> Collection[str]:
    return [state.stream_id for state in await journal.streams()]


@pytest.mark.parametrize(
    ("what", "deleted", "left"),
    [
        ({"owner": "ann"}, 2, ["c"]),
        ({"owner": "nobody"}, 0, ["a", "b", "c"]),
        ({"stream_id": "a"}, 1, ["b", "c"]),
        ({"stream_id": "a", "owner": "ann"}, 1, ["b", "c"]),
        ({"stream_id": "a", "owner": "bob"}, 0, ["a", "b", "c"]),
        ({"stream_id": "z"}, 0, ["a", "b", "c"]),
        ({"stream_id": "z", "owner": "ann"}, 0, ["a", "b", "c"]),
        ({}, 0, ["a", "b", "c"]),
    ],
)
async def test_an_owners_or_one_or_what_is_over(what: dict[str, str], deleted: int, left: list[str]) -> None:
    journal = MemoryJournal()
    async with serving(Script(TEXT)) as (_, client):
        for name, owner in (("a", "ann"), ("b", "ann"), ("c", "bob")):
            await resilient_message(client, **ask(journal=journal, stream_id=name, owner=owner))
    assert await purge(journal, **what) == deleted
    assert await ids(journal) == left


async def test_what_is_over_is_as_old_as_the_journal_keeps_it() -> None:
    journal = MemoryJournal(retention=0)
    async with serving(Script(TEXT)) as (_, client):
        await resilient_message(client, **ask(journal=journal, stream_id="a"))
    assert await purge(journal) == 1
    with pytest.raises(StreamMissing):
        await attach(journal, "a").get_final_text()


async def test_who_writes_it_closes_its_request() -> None:
    """And says that the journal has lost it."""
    journal = MemoryJournal()
    errors: list[Exception] = []

    async def read(stream: Any) -> None:
        try:
            await stream.until_done()
        except StreamFailed as error:
            errors.append(error)

    async with serving(Script(Answer(TEXT), faults=[Silence(at=after_fraction(0.5))])) as (server, client):
        async with resilient_stream(client, **ask(journal=journal, stream_id="c7/3", owner="ann")) as stream:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read, stream)
                await has_shown(journal, 10)
                assert await purge(journal, owner="ann") == 1
        await server.all_closed()
    assert [error.diagnosis.code for error in errors] == ["journal"]


@pytest.mark.parametrize(
    ("what", "error"),
    [({"owner": ""}, ValueError), ({"owner": 7}, TypeError), ({"stream_id": "a b"}, ValueError)],
)
async def test_what_is_none_is_said(what: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await purge(MemoryJournal(), **what)
    with pytest.raises(TypeError):
        await purge("answers.db")  # type: ignore[arg-type]
