"""The SDK alone beside `unbroken`: the same act for both, each with a server of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
from rich.text import Text

from ...testing import FaultServer
from .children import Child, can_kill, children
from .killed import PROCESSES, perform_killed
from .parts import verdict
from .play import Performance, Play
from .sides import Side, stream_alone, stream_unbroken
from .story import Act

__all__ = ["trials"]

#: How long the demo waits for the SDK when `unbroken` is done, in seconds; by default it waits ten minutes itself.
_PATIENCE: Final = 6.0
_PATIENCE_IN_A_HURRY: Final = 2.0


def trials(acts: Sequence[Act], model: str, fallbacks: Sequence[str], *, fast: bool) -> Play:
    """A play of these acts, in which both ask for `model`, and `unbroken` may go to the fallbacks."""

    cast: list[Child] = []

    @asynccontextmanager
    async def backstage() -> AsyncIterator[None]:
        wanted = PROCESSES if any(act.killed_at is not None for act in played) else 0
        async with children(wanted) as started:
            cast[:] = started
            yield

    async def perform(performance: Performance) -> None:
        await _perform(performance, cast, model, fallbacks, fast=fast)

    played = [act for act in acts if act.killed_at is None or can_kill()]
    left_out = ", ".join(act.title for act in acts if act not in played)
    return Play(
        acts=played,
        names=("SDK", "unbroken"),
        perform=perform,
        title="the SDK alone breaks under faults that unbroken survives",
        summary=Side.summary,
        heads=("what went wrong", "the SDK alone", "unbroken"),
        cells=_cells,
        score=_score,
        backstage=backstage,
        left_out=f"Left out: {left_out}; this system has no such signal." if left_out else "",
    )


async def _perform(
    performance: Performance, cast: Sequence[Child], model: str, fallbacks: Sequence[str], *, fast: bool
) -> None:
    if performance.act.killed_at is not None:
        await perform_killed(performance, cast, model, fallbacks)
        return
    alone, ours = performance.sides
    patience = _PATIENCE_IN_A_HURRY if fast else _PATIENCE
    async with FaultServer(performance.act.script) as left, FaultServer(performance.act.script) as right:
        alone_is_done = anyio.Event()

        async def stream() -> None:
            await stream_alone(alone, left.url, model)
            alone_is_done.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream)
            await stream_unbroken(ours, right.url, model, fallbacks, fast=fast)
            with anyio.move_on_after(patience):
                await alone_is_done.wait()
            tasks.cancel_scope.cancel()
    if not alone.ending:
        alone.end(f"still waiting {patience:g} s after unbroken was done")


def _cells(performance: Performance) -> Sequence[str | Text]:
    return performance.act.title, *(
        verdict(side, side.ending if side.whole else f"{len(side.text):,} of {len(side.truth):,}, {side.ending}")
        for side in performance.sides
    )


def _score(performances: Sequence[Performance]) -> str:
    alone, ours = (sum(each.sides[n].whole for each in performances) for n in (0, 1))
    acts = len(performances)
    return f"Whole answers: SDK {alone} of {acts}, unbroken {ours} of {acts}, exact to the character."
