"""What the file of results has, the journal need not keep: so it does not grow with the number of requests."""

from __future__ import annotations

from typing import Any, Final

import anyio.to_thread

from ..journal import Journal
from .answer import RunAnswer
from .request import PREFIX, stream_id_of
from .result_file import ResultFile

__all__ = ["Cleaner"]

#: How many streams are deleted at a time: before that, the results have to be on the disk.
_LOT: Final = 32


class Cleaner:
    """Deletes the streams whose messages are in the file of results. What has failed stays: it may be gone on with.

    Args:
        journal: Where the streams are; nobody else's run has it.
        results: The file.
    """

    def __init__(self, journal: Journal, results: ResultFile) -> None:
        self._journal = journal
        self._results = results
        self._written: list[str] = []

    async def written(self, answer: RunAnswer[Any]) -> None:
        """The file has this answer. Raises `OSError` and `JournalError`."""
        if answer.message is not None:
            self._written.append(stream_id_of(answer.custom_id))
            if len(self._written) >= _LOT:
                await self.clean()

    async def clean(self) -> None:
        """Delete what there is to delete. Raises `OSError` and `JournalError`."""
        lot, self._written = self._written, []
        if lot:
            await anyio.to_thread.run_sync(self._results.sync)
            for stream_id in lot:
                await self._journal.purge(stream_id=stream_id)

    async def sweep(self) -> None:
        """Delete what an earlier process has written, and did not come to delete. Raises as `clean`."""
        after = PREFIX
        while states := await self._journal.streams(after=after):
            for state in states:
                if not state.stream_id.startswith(PREFIX):
                    break
                if state.status == "complete" and state.stream_id.removeprefix(PREFIX) in self._results:
                    self._written.append(state.stream_id)
            after = states[-1].stream_id
            await self.clean()
            if not after.startswith(PREFIX):
                return
