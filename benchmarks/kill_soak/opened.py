"""What a process of the kill soak has open, and what it still holds when that is closed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import anyio.to_thread
from anthropic import AsyncAnthropic

from benchmarks.journals.stores import journal_at
from benchmarks.soak.clients import client_of
from benchmarks.soak.leaks import Complaints, doing, held
from benchmarks.soak.stories import Soaked
from unbroken.journal import JournalUnavailable

__all__ = ["Opened", "asking"]

_MAX_TOKENS: Final = 8_192
#: For how long a process tries to open a journal that is away, in seconds; then whoever looks after it has to.
_TRIES: Final = 30.0
#: In how many seconds has to end what is not waited for when things are closed: what is done now and then, for whoever
#: needs it, and sees that nobody does when it is its time.
_ENDS: Final = 5.0


def asking(story: Soaked) -> dict[str, Any]:
    """The arguments of the request for a story."""
    messages = [{"role": "user", "content": story.question}]
    return {"model": story.model, "max_tokens": _MAX_TOKENS, "messages": messages}


class Opened:
    """A journal and a client, from `open` to `close`.

    Args:
        address: Of the journal, as `journal_at` takes it.
        url: Of the server. None: no client is needed.

    Attributes:
        journal: The journal.
        stack: What else is to be closed before it.
    """

    def __init__(self, address: str, url: str | None = None) -> None:
        self.journal: Any = journal_at(address)
        self.stack = AsyncExitStack()
        self._client: AsyncAnthropic | None = None
        self._url = url
        self._complaints = Complaints()

    @property
    def client(self) -> AsyncAnthropic:
        """The client."""
        assert self._client is not None
        return self._client

    async def open(self) -> None:
        """Open them; a journal that is away is waited for, as whoever looks after a process would begin it again."""
        self._complaints.listen()
        # The SDK has one thing done in a thread, which then waits for work: that is no leak.
        await anyio.to_thread.run_sync(int)
        self._before = held()
        until = time.monotonic() + _TRIES
        while True:
            try:
                await self.stack.enter_async_context(self.journal)
                break
            except JournalUnavailable:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)
        if self._url is not None:
            self._client = await self.stack.enter_async_context(client_of(self._url, "httpx"))

    async def ready(self) -> None:
        """For whoever waits until they are open."""

    async def close(self) -> dict[str, int]:
        """Close them; what there is more than before, and what Python has complained of, by name."""
        await self.stack.aclose()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 5)
        until = time.monotonic() + _ENDS
        while (left := held().beyond(self._before)) and time.monotonic() < until:  # noqa: ASYNC110  # nobody tells of it
            await asyncio.sleep(0.1)
        if "tasks" in left:
            left |= Counter(f"task in {doing(task)}" for task in asyncio.all_tasks() - {asyncio.current_task()})
        return left | {f"complaint: {what}": count for what, count in self._complaints.heard.items()}
