"""`unbroken demo`: one answer under the same faults twice, the SDK alone beside `unbroken`; or raced for by models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import anyio
from rich.console import Console

from ...core.printable import printable
from ...testing import FaultServer, Script
from ..problems import Problem, without_keys
from .bars import RACES
from .parts import WIDTH
from .picture import TRIALS, Trial
from .race import Race, run_race
from .sides import Tell, stream_alone, stream_unbroken
from .spectators import LiveSpectator, Performance, PlainSpectator, Spectator, View
from .story import Act, acts, from_script, races
from .svg import export

__all__ = ["Options", "run"]

P = TypeVar("P", bound=Performance)

#: How long the demo waits for the SDK when `unbroken` is done, in seconds; by default it waits ten minutes itself.
_PATIENCE: Final = 6.0
_PATIENCE_IN_A_HURRY: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said.

    Attributes:
        script: A TOML file with faults; None for the acts of the demo.
        save: Where to write the last picture as SVG; None: nowhere.
        model: The model to ask.
        fallbacks: Where to go when it does not answer.
        fast: Whether not to wait for whoever is watching.
        plain: Whether to print lines even in a terminal.
        race: Seconds from asking one model to asking the next, in a race of `model` and `fallbacks`; None for the SDK
            beside `unbroken`.
    """

    script: Path | None = None
    save: Path | None = None
    model: str
    fallbacks: tuple[str, ...]
    fast: bool = False
    plain: bool = False
    race: float | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """Each model once, in rank order."""
        return tuple(dict.fromkeys((self.model, *self.fallbacks)))


async def run(options: Options) -> bool:
    """Play every act; whether `unbroken` was exact in all of them.

    Raises:
        Problem: The script cannot be read, the picture cannot be written, or there is nobody to race.
    """
    if options.race is None:
        return await _play(options, _acts(options), Trial, _perform, TRIALS, ("SDK", "unbroken"))
    delay, models = options.race, options.models
    if len(models) < 2:
        raise Problem("a race needs two models at least: name one more with --fallback")

    def race(act: Act, number: int, of: int, tell: Tell) -> Race:
        return Race(act, number, of, tell, models)

    async def perform(race: Race, options: Options) -> None:
        await run_race(race, delay=delay, fast=options.fast)

    return await _play(options, _acts(options), race, perform, RACES, ("unbroken", *models))


async def _play(
    options: Options,
    play: Sequence[Act],
    prepare: Callable[[Act, int, int, Tell], P],
    perform: Callable[[P, Options], Awaitable[None]],
    view: View[P],
    names: Sequence[str],
) -> bool:
    """Perform one act after another before whoever watches; whether all of them were exact."""
    if options.save is not None and not options.save.absolute().parent.is_dir():
        raise Problem(f"the picture cannot be written: there is no directory {options.save.absolute().parent}")
    console = Console()
    plain = options.plain or not console.is_terminal or console.is_dumb_terminal
    spectator: Spectator[P]
    spectator = (
        PlainSpectator(view, names) if plain else LiveSpectator(view, console, hold=0.0 if options.fast else 1.5)
    )
    performed: list[P] = []
    for act in play:
        performance = prepare(act, len(performed) + 1, len(play), spectator.tell)
        performed.append(performance)
        async with spectator.watching(performed):
            await perform(performance, options)
    spectator.close(performed)
    if options.save is not None:
        svg = export(lambda console: view.last(performed, console), WIDTH, view.title)
        try:
            options.save.write_text(svg, encoding="utf-8")
        except OSError as error:
            raise Problem(f"the picture cannot be written to {options.save}: {error.strerror}") from None
    return all(performance.whole for performance in performed)


def _acts(options: Options) -> list[Act]:
    if options.script is None:
        return acts(fast=options.fast) if options.race is None else races(options.models, fast=options.fast)
    try:
        script = Script.from_toml(options.script)
    except OSError as error:
        raise Problem(f"the script {options.script} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Problem(f"the script is broken: {without_keys(str(error))}") from None
    return [from_script(script, title=printable(options.script.name), model=options.model, fast=options.fast)]


async def _perform(trial: Trial, options: Options) -> None:
    """Both sides at once, each with a server of its own."""
    patience = _PATIENCE_IN_A_HURRY if options.fast else _PATIENCE
    async with FaultServer(trial.act.script) as left, FaultServer(trial.act.script) as right:
        alone_is_done = anyio.Event()

        async def alone() -> None:
            await stream_alone(trial.alone, left.url, options.model)
            alone_is_done.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(alone)
            await stream_unbroken(trial.ours, right.url, options.model, options.fallbacks, fast=options.fast)
            with anyio.move_on_after(patience):
                await alone_is_done.wait()
            tasks.cancel_scope.cancel()
    if not trial.alone.ending:
        trial.alone.end(f"still waiting {patience:g} s after unbroken was done")
