"""A writer that is killed after any entry of any message: who goes on gives the same message, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from tests.corpus.grammar import SHAPES, request_for
from tests.durable.killed import entries_of, killed_after, records_of
from tests.e2e.test_whole_messages import assert_whole

from harness import AT_ONCE, CONTINUE, PREFILL, Reading, client_of, read
from unbroken.durable.entries import Stored
from unbroken.durable.fold import Fold
from unbroken.journal import Journal, MemoryJournal
from unbroken.testing import Answer, FaultServer, Script

ID: Final = "c7/3"


async def read_durably(model: str, answer: Answer, journal: Journal, **changes: Any) -> tuple[Reading, FaultServer]:
    request = {"model": model, **request_for(answer), "journal": journal, "stream_id": ID}
    async with FaultServer(Script([answer])) as server, client_of(server) as client:
        defaults = {"api": "beta" if "betas" in request else "messages", "policy": replace(AT_ONCE, allow_replay=True)}
        return await read(client, **{**defaults, **request, **changes}), server


@pytest.mark.sample(3)
@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "a refusal"])
async def test_killed_after_every_entry(model: str, shape: str) -> None:
    answer, source = SHAPES[shape], MemoryJournal()
    await read_durably(model, answer, source)
    count = len(await entries_of(source, ID))
    for n in range(1, count + 1):
        journal = await killed_after(source, ID, n)
        if await is_within_an_append(journal):
            continue
        reading, server = await read_durably(model, answer, journal)
        try:
            assert_whole(reading, answer, server)
            assert reading.types.count("message_start") == reading.types.count("message_stop") == 1
            assert len(server.requests) <= 1
            records = await records_of(journal, ID)
            assert [record.kind for record in records].count("end") == 1
            assert records[-1].kind == "end"
        except AssertionError as error:
            error.add_note(f"killed after {n} of {count} entries; forms: {reading.forms}; notices: {reading.codes}")
            raise


async def is_within_an_append(journal: Journal) -> bool:
    """Whether they break off inside of what is written at once: a text begins with its sources and a character."""
    fold = Fold()
    for number, record in enumerate(await records_of(journal, ID), 1):
        fold.take(Stored(1, number, *record))
    last = fold.partial.open_block
    return last is not None and last.type == "text" and not last.text
