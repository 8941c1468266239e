"""A caller that leaves while the end of its stream is being written."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from tests.durable.killed import records_of

from harness import ask, serving
from unbroken import attach, resilient_stream
from unbroken.journal import Ended, Lease, MemoryJournal

pytestmark = pytest.mark.anyio

TEXT = "The last entry is on its way, and the one who asked does not wait for it. "


class SlowAtTheEnd(MemoryJournal):
    """Writes the end of a stream when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = anyio.Event()
        self.told = anyio.Event()

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        if end is not None:
            self.asked.set()
            await self.told.wait()
        return await super().append(lease, entries, end=end)


async def test_who_leaves_then_is_not_kept_and_the_end_is_written_once() -> None:
    journal = SlowAtTheEnd()
    async with serving(TEXT) as (_, client):
        with anyio.fail_after(60):
            async with resilient_stream(client, **ask(journal=journal, stream_id="a")) as stream:
                await anext(stream.text_stream)
                await journal.asked.wait()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(stream.close)
                    await anyio.wait_all_tasks_blocked()
                    journal.told.set()
        assert [record.kind for record in await records_of(journal, "a")].count("end") == 1
        assert await attach(journal, "a").get_final_text() == TEXT
