"""CPU per event: the whole stream's, from asking to the end, divided by the pieces of text that it brought.

A script of pyperf's: `measure` runs it for each round, and it starts a process for each contender, one after the other.
What a process reports is its own CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pyperf  # type: ignore[import-untyped]

from benchmarks.speed.figures import Figure
from benchmarks.speed.orders import Order

if TYPE_CHECKING:
    from benchmarks.speed.readers import Contender, Reading, Transport

__all__ = ["EFFORTS", "QUICK", "Effort", "figures", "measure"]

TRANSPORTS: Final[tuple[Transport, ...]] = ("httpx2", "aiohttp")
ROOT: Final = Path(__file__).parent.parent.parent
#: Events that are read first, and not counted: they import and compile what is used for the first time.
_WARM: Final = 1_000


@dataclass(frozen=True, slots=True)
class Effort:
    """How often a length is measured.

    Attributes:
        events: The length of the answer, in pieces of text.
        rounds: In how many processes for each contender.
        values: How many answers in each, of which the median counts.
        together: Whether both transports are measured at a time, each contender beside itself.
        answers: How many answers of `unbroken` make a value, which is their mean; one of the SDK's does.
    """

    events: int
    rounds: int
    values: int
    together: bool = False
    answers: int = 1


#: The SDK takes minutes for the longest, so that is read once, and on two cores.
EFFORTS: Final = (Effort(1_000, 3, 9), Effort(20_000, 3, 1), Effort(200_000, 1, 1, together=True, answers=3))
QUICK: Final = (Effort(1_000, 1, 5), Effort(20_000, 1, 1))

#: The most CPU of the SDK's that a text reader's may be, by length; and that of a reader of events.
TEXT: Final = {20_000: 0.35, 200_000: 0.15}
TYPED: Final = 1.0
#: How many times the CPU per event at the shorter of two lengths that at the longer may be. It is linear when both are
#: the same; two measurements of the same differ by as much.
LINEAR: Final = 1.15
LINEAR_FROM: Final = 20_000


@dataclass(frozen=True, slots=True)
class Cell:
    """What one process measures."""

    transport: Transport
    reading: Reading
    contender: Contender

    @property
    def name(self) -> str:
        """As pyperf knows it."""
        return f"{self.transport} {self.reading} {self.contender}"


def cells(transports: Sequence[Transport] = TRANSPORTS) -> Iterator[Cell]:
    """All of them; contenders next to each other, so that what the machine does meanwhile is the same for both."""
    readings: tuple[Reading, ...] = ("text", "typed")
    contenders: tuple[Contender, ...] = ("SDK", "unbroken")
    for transport in transports:
        yield Cell(transport, "bytes", "SDK")
        for reading in readings:
            for contender in contenders:
                yield Cell(transport, reading, contender)


Times = dict[str, list[float]]


def measure(
    url: str, efforts: Sequence[Effort], *, say: Callable[[str], object], keep: Path | None = None
) -> dict[int, Times]:
    """CPU seconds per event, by length and cell, one for each round.

    Args:
        url: The server's.
        efforts: Which lengths, and how often.
        say: Gets a line for each round.
        keep: A folder for pyperf's own files, which `python -m pyperf stats` reads. None: they are not kept.

    Raises:
        subprocess.CalledProcessError: A process failed, and has said why.
    """
    times: dict[int, Times] = {}
    for effort in efforts:
        found: Times = defaultdict(list)
        suites = []
        for number in range(effort.rounds):
            say(f"{effort.events:,} events, round {number + 1} of {effort.rounds}")
            for suite in _round(url, effort):
                suites.append(suite)
                for benchmark in suite.get_benchmarks():
                    found[benchmark.get_name()].append(float(benchmark.median()))
        times[effort.events] = dict(found)
        if keep is not None:
            for suite in suites[1:]:
                suites[0].add_runs(suite)
            suites[0].dump(str(keep / f"cpu-{effort.events}.json"), replace=True)
    return times


def _round(url: str, effort: Effort) -> list[pyperf.BenchmarkSuite]:
    if not effort.together:
        return [_pyperf(url, effort, TRANSPORTS)]
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda transport: _pyperf(url, effort, [transport]), TRANSPORTS))


def _pyperf(url: str, effort: Effort, transports: Sequence[Transport]) -> pyperf.BenchmarkSuite:
    with TemporaryDirectory() as folder:
        written = Path(folder) / "round.json"
        options = ["--processes=1", f"--values={effort.values}", "--warmups=0", "--loops=1", "--quiet"]
        ours = [f"--url={url}", f"--events={effort.events}", f"--answers={effort.answers}"]
        ours.append(f"--transports={','.join(transports)}")
        command = [sys.executable, "-m", "benchmarks.speed.cpu", *options, *ours, f"--output={written}"]
        subprocess.run(command, cwd=ROOT, check=True)
        return pyperf.BenchmarkSuite.load(str(written))


def figures(times: Mapping[int, Times]) -> list[Figure]:
    """Both contenders' CPU per event, in µs, and how it grows from one length to the next."""
    made = []
    for cell in cells():
        if cell.contender != "unbroken":
            continue
        sdk = Cell(cell.transport, cell.reading, "SDK").name
        floor = Cell(cell.transport, "bytes", "SDK").name
        for events, found in times.items():
            made.append(
                Figure(
                    name=f"{cell.reading}, {cell.transport}, {events:,} events",
                    unit="µs",
                    sdk=_micro(found[sdk]),
                    unbroken=_micro(found[cell.name]),
                    measure="ratio",
                    target=TEXT.get(events) if cell.reading == "text" else TYPED,
                    floor=_micro(found[floor]),
                    key=(cell.transport, cell.reading, events),
                )
            )
        if LINEAR_FROM in times and max(times) > LINEAR_FROM:
            made.append(_growth(times, cell, sdk))
    return made


def _growth(times: Mapping[int, Times], cell: Cell, sdk: str) -> Figure:
    few, many = times[LINEAR_FROM], times[max(times)]
    # Their rounds have nothing to do with each other: those of the longer, and the median of the shorter.
    grown = {name: [long / median(few[name]) for long in many[name]] for name in (sdk, cell.name)}
    return Figure(
        name=f"{cell.reading}, {cell.transport}: an event of {max(times):,} as a multiple of one of {LINEAR_FROM:,}",
        unit="×",
        sdk=grown[sdk],
        unbroken=grown[cell.name],
        measure="itself",
        target=LINEAR,
    )


def _micro(seconds: Sequence[float]) -> list[float]:
    return [1e6 * each for each in seconds]


def _time(loops: int, url: str, cell: Cell, events: int, answers: int) -> float:
    return asyncio.run(_read(loops * answers, url, cell, events)) / answers


async def _read(loops: int, url: str, cell: Cell, events: int) -> float:
    # Here, because the process that only directs the others needs none of it.
    from benchmarks.speed.readers import connect, read

    async with connect(url, cell.transport) as client:
        await read(cell.contender, cell.reading, client, Order(_WARM))
        began = time.process_time()
        for _ in range(loops):
            await read(cell.contender, cell.reading, client, Order(events))
        return time.process_time() - began


def _add_arguments(command: list[str], chosen: argparse.Namespace) -> None:
    command.extend((f"--url={chosen.url}", f"--events={chosen.events}", f"--answers={chosen.answers}"))
    command.append(f"--transports={chosen.transports}")


def main() -> None:
    """One round: a process for each cell."""
    runner = pyperf.Runner(program_args=("-m", "benchmarks.speed.cpu"), add_cmdline_args=_add_arguments)
    runner.argparser.add_argument("--url", required=True)
    runner.argparser.add_argument("--events", type=int, required=True)
    runner.argparser.add_argument("--answers", type=int, required=True)
    runner.argparser.add_argument("--transports", required=True)
    chosen = runner.parse_args()
    for cell in cells(chosen.transports.split(",")):
        if not chosen.worker:
            print(f"         {cell.name}", flush=True)
        answers = chosen.answers if cell.contender == "unbroken" else 1
        runner.bench_time_func(cell.name, _time, chosen.url, cell, chosen.events, answers, inner_loops=chosen.events)


if __name__ == "__main__":
    main()
