"""One peer through all cases: asked by its runner, fed by a server of its own, judged by what it handed over."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import anyio

from benchmarks.survival.cases import PATIENCE, TRUTHS, Case, Pair
from benchmarks.survival.judge import Call, Delivered, Verdict, judge
from benchmarks.survival.peers import Peer
from benchmarks.survival.workers import Worker, working

__all__ = ["Cell", "Run", "run_peer"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one peer in one case.

    Attributes:
        pair: The name of the models' pair.
        case: The name of the case.
        verdict: What became of the answer.
        characters: How many of text the reader was given.
        calls: The tool calls that it was given.
        requests: What the server got, in order.
        seconds: From asking to the end; None if there was none.
        error: The exception; None if there was none.
    """

    pair: str
    case: str
    verdict: Verdict
    characters: int
    calls: Sequence[Call]
    requests: Sequence[dict[str, Any]]
    seconds: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One peer in all cases.

    Attributes:
        peer: Its name.
        versions: Of its packages.
        cells: What became of it.
        complaints: What its installer finds amiss.
    """

    peer: str
    versions: dict[str, str]
    cells: Sequence[Cell]
    complaints: Sequence[str] = ()

    def cell(self, pair: str, case: str) -> Cell:
        """That of a case."""
        return next(cell for cell in self.cells if (cell.pair, cell.case) == (pair, case))


async def run_peer(
    peer: Peer,
    python: Path | str,
    cases: Iterable[tuple[Pair, Case]],
    log: IO[bytes],
    *,
    patience: float = PATIENCE,
    done: Callable[[Cell], None] = lambda _: None,
) -> Run:
    """Take a peer through the cases, one after the other.

    Args:
        peer: Who.
        python: Of the environment in which its packages are.
        cases: What, and with which models.
        log: Takes what the processes write on their standard error.
        patience: Seconds from asking, after which it hangs.
        done: Is told of each cell.
    """
    cells: list[Cell] = []
    async with working(sys.executable, "benchmarks.survival.serving", log) as server, _reading(peer, python, log) as it:
        for pair, case in cases:
            reader = await it.ready()
            url = await server.ask({"play": case.name, "pair": pair.name, "manner": peer.manner})
            delivered, seconds = await _deliver(reader, case.order(pair, url), patience)
            if not delivered.ended:
                await it.give_up()
            cell = Cell(
                pair=pair.name,
                case=case.name,
                verdict=judge(delivered, TRUTHS[case.kind]),
                characters=len(delivered.text),
                calls=delivered.calls,
                requests=await server.ask({"requests": True}),
                seconds=None if seconds is None else round(seconds, 2),
                error=delivered.error,
            )
            cells.append(cell)
            done(cell)
        return Run(peer.name, it.versions, cells)


async def _deliver(reader: Worker, order: dict[str, Any], patience: float) -> tuple[Delivered, float | None]:
    """Have an order carried out: what the reader was given, and in how many seconds, if it came to an end."""
    delivered = Delivered(ended=False)
    asked = anyio.current_time()
    await reader.tell(order)
    with anyio.move_on_after(patience):
        while not delivered.ended:
            match await reader.hear():
                case {"text": str(piece)}:
                    delivered = replace(delivered, text=delivered.text + piece)
                case {"call": {"name": str(name), "input": input}}:
                    delivered = replace(delivered, calls=[*delivered.calls, Call(name, input)])
                case line:
                    delivered = replace(delivered, ended=True, error=line.get("error"))
    return delivered, anyio.current_time() - asked if delivered.ended else None


class _Reading:
    """A peer's runner, started when it is needed, and anew after it was given up."""

    def __init__(self, peer: Peer, python: Path | str, log: IO[bytes]) -> None:
        self.versions: dict[str, str] = {}
        self._command = (python, f"benchmarks.survival.runners.{peer.runner}", log)
        self._stack = AsyncExitStack()
        self._worker: Worker | None = None

    async def ready(self) -> Worker:
        """The runner, once it has told its versions: what it imports takes no one's patience."""
        if self._worker is None:
            self._worker = worker = await self._stack.enter_async_context(working(*self._command))
            self.versions = (await worker.hear())["versions"]
        return self._worker

    async def give_up(self) -> None:
        """End its process."""
        self._worker = None
        await self._stack.aclose()


@asynccontextmanager
async def _reading(peer: Peer, python: Path | str, log: IO[bytes]) -> AsyncIterator[_Reading]:
    reading = _Reading(peer, python, log)
    try:
        yield reading
    finally:
        await reading.give_up()
