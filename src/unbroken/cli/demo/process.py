"""What a process of the demo runs: it streams as it is told, until it is killed, or the demo is gone.

On standard input comes one line of JSON, an `Order`; on standard output go such lines, each with what has just
happened. Nothing is kept back, so that what was said is not lost with the process.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import anyio

from ...api.host import StreamHost
from ...journal import SQLiteJournal
from ...report import Notice
from .children import JOURNAL, STREAM_ID, Order
from .sides import Happening, Side, client_of, described, request_of, stream_alone

__all__ = ["main"]


def main() -> None:
    """Say that everything is loaded, and do what is told."""
    _say(ready=True)
    if line := sys.stdin.readline():
        told = json.loads(line)
        order = Order(**{**told, "fallbacks": tuple(told["fallbacks"])})
        anyio.run(_work, order)
        # Who would have cleared it away is gone.
        shutil.rmtree(order.directory, ignore_errors=True)


def _say(**said: object) -> None:
    # That nobody hears it any more is found out elsewhere (`_is_there`).
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(said).encode() + b"\n")


async def _work(order: Order) -> None:
    """Stream, until the demo is gone."""
    at_work = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_host, order, at_work)
        if order.url_alone is not None:
            tasks.start_soon(_alone, order, order.url_alone, at_work)
        while await _is_there():
            pass
        tasks.cancel_scope.cancel()


async def _is_there() -> bool:
    """Wait for what the demo, which has said everything, has to say: nothing, as soon as it is gone."""
    await anyio.wait_readable(sys.stdin.fileno())
    return bool(os.read(sys.stdin.fileno(), 1))


async def _alone(order: Order, url: str, at_work: anyio.Event) -> None:
    """Stream with the SDK, whose answer is in this process and nowhere else."""
    # To open a journal takes a moment: both begin behind it, side by side.
    await at_work.wait()
    side = _Spoken("SDK", order.truth, _nobody)
    await stream_alone(side, url, order.model)
    _say(alone=side.ending, whole=side.whole)


class _Spoken(Side):
    """A side that is shown by another process."""

    def take(self, piece: str) -> None:
        """Say it."""
        Side.take(self, piece)
        _say(text=piece)


def _nobody(who: str, happening: Happening) -> None:
    """The other process tells what happens."""


async def _host(order: Order, at_work: anyio.Event) -> None:
    """Write streams into the journal: one that is begun here, or what another process leaves behind.

    `at_work` is set as soon as that goes on, or is known not to.
    """

    def on_notice(notice: Notice) -> None:
        _say(notice=notice.message, code=notice.code)

    try:
        async with (
            SQLiteJournal(Path(order.directory, JOURNAL)) as journal,
            client_of(order.url) as client,
            StreamHost(journal, client, fallback_models=order.fallbacks, on_notice=on_notice) as host,
        ):
            if order.url_alone is not None:
                await host.start(STREAM_ID, **request_of(order.model))
            _say(at_work=True)
            at_work.set()
            await anyio.sleep_forever()
    except Exception as error:
        _say(raised=described(error))
    finally:
        at_work.set()


if __name__ == "__main__":
    main()
