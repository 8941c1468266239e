"""`unbroken demo`: one answer under the same faults twice, the SDK alone beside `unbroken`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console

from ..testing import FaultServer, Script
from .picture import Trial, save
from .problems import Problem, without_keys
from .sides import stream_alone, stream_unbroken
from .spectators import LiveSpectator, PlainSpectator, Spectator
from .story import Act, acts, from_script

__all__ = ["Options", "run"]

#: How long the demo waits for the SDK when `unbroken` is done, in seconds; by default it waits ten minutes itself.
_PATIENCE: Final = 6.0
_PATIENCE_IN_A_HURRY: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said.

    Attributes:
        script: A TOML file with faults; None for the three acts of the demo.
        save: Where to write the last picture as SVG; None: nowhere.
        model: The model to ask.
        fallbacks: Where to go when it does not answer.
        fast: Whether not to wait for whoever is watching.
        plain: Whether to print lines even in a terminal.
    """

    script: Path | None = None
    save: Path | None = None
    model: str
    fallbacks: tuple[str, ...]
    fast: bool = False
    plain: bool = False


async def run(options: Options) -> bool:
    """Play every act; whether `unbroken` was exact in all of them.

    Raises:
        Problem: The script cannot be read, or the picture cannot be written.
    """
    play = _play(options)
    if options.save is not None and not options.save.absolute().parent.is_dir():
        raise Problem(f"the picture cannot be written: there is no directory {options.save.absolute().parent}")
    console = Console()
    plain = options.plain or not console.is_terminal or console.is_dumb_terminal
    spectator: Spectator = PlainSpectator() if plain else LiveSpectator(console, hold=0.0 if options.fast else 1.5)
    trials: list[Trial] = []
    for act in play:
        trial = Trial(act, len(trials) + 1, len(play), spectator.tell)
        trials.append(trial)
        async with spectator.watching(trials):
            await _perform(trial, options)
    spectator.close(trials)
    if options.save is not None:
        try:
            save(trials, options.save)
        except OSError as error:
            raise Problem(f"the picture cannot be written to {options.save}: {error.strerror}") from None
    return all(trial.ours.whole for trial in trials)


def _play(options: Options) -> list[Act]:
    if options.script is None:
        return acts(fast=options.fast)
    try:
        script = Script.from_toml(options.script)
    except OSError as error:
        raise Problem(f"the script {options.script} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Problem(f"the script is broken: {without_keys(str(error))}") from None
    return [from_script(script, title=options.script.name, model=options.model, fast=options.fast)]


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
    trial.alone.requests, trial.ours.requests = len(left.requests), len(right.requests)
