"""A process with a `StreamHost`."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Final

from benchmarks.children import obey
from benchmarks.kill_soak.opened import Opened, asking
from benchmarks.kill_soak.plan import POLICY, Plan, stream_id
from unbroken import StreamHost
from unbroken.journal import JournalError

__all__ = ["host"]

#: How many writers in a row may be lost with a stream that gets no further. By the default of 3 some of these streams
#: would end as poison: in a minute, each process dies ten times.
_MAX_RECOVERIES: Final = 20


async def host(pipe: Connection, plan: Plan, address: str, url: str) -> None:
    """Write streams: those that it is told to `start`, and those of processes that have died; `leave` in good order.

    Args:
        pipe: Where it is told.
        plan: How the soak is to be.
        address: Of the journal.
        url: Of the server.
    """
    opened = Opened(address, url)
    await opened.open()
    entered = await opened.stack.enter_async_context(
        StreamHost(opened.journal, opened.client, policy=POLICY, lease=plan.lease, max_recoveries=_MAX_RECOVERIES)
    )

    async def start(number: int) -> str | None:
        """Why it could not be begun; None: it was, by this call or by another."""
        try:
            await entered.start(stream_id(number), **asking(plan.story(number)))
        except JournalError as error:
            return type(error).__name__
        return None

    await obey(pipe, {"ready": opened.ready, "start": start, "leave": opened.close})
