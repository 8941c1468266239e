"""A process that writes streams by `resilient_stream`, and reads them as their caller."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from multiprocessing.connection import Connection

from benchmarks.children import obey
from benchmarks.kill_soak.opened import Opened, asking
from benchmarks.kill_soak.plan import PASSING, POLICY, Plan, stream_id
from benchmarks.kill_soak.seen import Seen
from unbroken import StreamFailed, resilient_stream

__all__ = ["call"]

#: Seconds until a call is made again that has failed for now.
_AGAIN = 0.5


async def call(pipe: Connection, plan: Plan, address: str, url: str) -> None:
    """Write the streams that it is told to `write`; tell which have `ended`; `leave` in good order.

    Args:
        pipe: Where it is told.
        plan: How the soak is to be.
        address: Of the journal.
        url: Of the server.
    """
    opened = Opened(address, url)
    await opened.open()
    tasks: set[asyncio.Task[None]] = set()
    done: list[Seen] = []

    async def one(number: int) -> None:
        seen = Seen(number, "its caller")
        while True:
            seen.forget()
            try:
                async with resilient_stream(
                    opened.client,
                    **asking(plan.story(number)),
                    policy=POLICY,
                    journal=opened.journal,
                    stream_id=stream_id(number),
                ) as stream:
                    async for event in stream:
                        match event.type:
                            case "text":
                                seen.pieces.append(event.text)
                            case "message_start":
                                seen.begun += 1
                            case "message_stop":
                                seen.stopped += 1
                seen.ended = "complete"
            except StreamFailed as error:
                if error.diagnosis.code in PASSING:
                    seen.passing[str(error)] += 1
                    await asyncio.sleep(_AGAIN)
                    continue
                seen.ended = f"{type(error).__name__}, {error.diagnosis.code}"
            except Exception as error:
                seen.ended = f"{type(error).__name__}: {error}"
            done.append(seen)
            return

    async def write(numbers: Sequence[int]) -> None:
        for number in numbers:
            task = asyncio.create_task(one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def ended() -> list[Seen]:
        told = done.copy()
        done.clear()
        return told

    async def leave() -> dict[str, int]:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return await opened.close()

    await obey(pipe, {"ready": opened.ready, "write": write, "ended": ended, "leave": leave})
