"""How soon a reader has the next character after its stream's writer was lost, and how soon a stop is heard."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

from benchmarks.journals.rows import Row
from benchmarks.journals.stores import STORES, journal_at, place
from unbroken import attach, cancel
from unbroken.testing import Answer, FaultServer, Script, Silence, after_characters

__all__ = ["measure"]

#: The goals in ms.
_KILL = {"SQLite": 100.0, "Redis": 1_200.0}
_LEAVE, _STOP = 50.0, 1_000.0
_TEXT = "The lighthouse at Rua Point was lit in March, and its keeper wrote down every ship that passed. " * 12
#: Where the first answer goes silent: what comes after is what another has asked for.
_CUT = 400


def measure(url: str, *, quick: bool) -> list[Row]:  # noqa: ARG001  # it has a server of its own
    """Kill, vanish, leave, stop: medians over the rounds, and the longest."""
    rounds = 3 if quick else 15
    rows = []
    for store in STORES:
        lease = 2.0
        cases: list[tuple[str, int, float, float, float]] = [
            ("kill -9 → next character at a reader", signal.SIGKILL, 20.0, _KILL[store], rounds),
            (
                "vanished host → next character at a reader",
                signal.SIGSTOP,
                lease,
                1e3 * (lease + 1),
                max(2, rounds // 4),
            ),
            ("SIGTERM → next character at a reader", signal.SIGTERM, 20.0, _LEAVE, rounds),
        ]
        for what, sign, seconds, goal, times in cases:
            took = [asyncio.run(_lost(store, sign, seconds)) for _ in range(int(times))]
            rows.append(Row(f"{store}: {what}", median(took), "ms", goal, f"at most {max(took):,.0f}"))
        took = [asyncio.run(_stopped(store)) for _ in range(max(2, rounds // 2))]
        rows.append(
            Row(f"{store}: a stop elsewhere → upstream closed", median(took), "ms", _STOP, f"at most {max(took):,.0f}")
        )
    return rows


@asynccontextmanager
async def _worker(address: str, url: str, start: list[str], lease: float) -> AsyncIterator[subprocess.Popen[bytes]]:
    given = json.dumps({"address": address, "url": url, "start": start, "lease": lease})
    command = [sys.executable, "-m", "benchmarks.journals.worker", given]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: ASYNC220  # it takes no time that is measured
    try:
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        yield process
    finally:
        process.kill()
        process.wait()


async def _lost(store: str, sign: int, lease: float) -> float:
    """Milliseconds from the signal to the next text; the writer was quiet before it, and had been heard to the last."""
    script = Script([Answer(_TEXT)], faults=[Silence(at=after_characters(_CUT))])
    with place(store) as address:
        async with (
            FaultServer(script) as server,
            journal_at(address) as journal,
            _worker(address, server.url, ["s/1"], lease) as writer,
            _worker(address, server.url, [], lease),
        ):
            stream = attach(journal, "s/1", after="0")
            got, began = "", 0.0
            async for text in stream.text_stream:
                if began:
                    took = (time.monotonic() - began) * 1e3
                    await stream.close()
                    return took
                got += text
                if len(got) >= _CUT:
                    await asyncio.sleep(0.2)
                    began = time.monotonic()
                    writer.send_signal(sign)
    raise RuntimeError("the stream has ended before its writer was lost")


async def _stopped(store: str) -> float:
    """Milliseconds from the call of `cancel` to the server's seeing the connection closed."""
    script = Script([Answer(_TEXT)], faults=[Silence(at=after_characters(_CUT))])
    with place(store) as address:
        async with (
            FaultServer(script) as server,
            journal_at(address) as journal,
            _worker(address, server.url, ["s/1"], 20.0),
        ):
            await _until(lambda: bool(server.requests) and len(server.requests[0].sent_text) >= _CUT)
            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                group.create_task(_cancel(journal))
                await _until(lambda: server.requests[0].abandoned)
                return (time.monotonic() - began) * 1e3
    raise AssertionError


async def _cancel(journal: Any) -> None:
    await cancel(journal, "s/1")


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  # what another process does sets no event here
        await asyncio.sleep(0.001)
