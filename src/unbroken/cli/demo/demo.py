"""`unbroken demo`: one answer under the same faults twice, the SDK alone beside `unbroken`; or raced for by models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ...core.printable import printable
from ...testing import Script
from ..problems import Problem, without_keys
from .parts import WIDTH
from .picture import last_picture
from .play import Performance, Play
from .race import race
from .spectators import LiveSpectator, PlainSpectator, Spectator
from .story import Act, acts, from_script, races
from .svg import export
from .trial import trials

__all__ = ["Options", "run"]


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
    play = _play(options)
    if options.save is not None and not options.save.absolute().parent.is_dir():
        raise Problem(f"the picture cannot be written: there is no directory {options.save.absolute().parent}")
    console = Console()
    plain = options.plain or not console.is_terminal or console.is_dumb_terminal
    spectator: Spectator
    spectator = PlainSpectator(play) if plain else LiveSpectator(play, console, hold=0.0 if options.fast else 1.5)
    performed: list[Performance] = []
    async with play.backstage():
        for act in play.acts:
            performed.append(Performance(act, len(performed) + 1, len(play.acts), play.names, spectator.tell))
            async with spectator.watching(performed):
                await play.perform(performed[-1])
    spectator.close(performed)
    if options.save is not None:
        svg = export(lambda console: last_picture(play, performed, console), WIDTH, play.title)
        try:
            options.save.write_text(svg, encoding="utf-8")
        except OSError as error:
            raise Problem(f"the picture cannot be written to {options.save}: {error.strerror}") from None
    return all(performance.whole for performance in performed)


def _play(options: Options) -> Play:
    if options.race is None:
        own = acts(fast=options.fast) if options.script is None else [_act(options, options.script)]
        return trials(own, options.model, options.fallbacks, fast=options.fast)
    if len(options.models) < 2:
        raise Problem("a race needs two models at least: name one more with --fallback")
    own = races(options.models, fast=options.fast) if options.script is None else [_act(options, options.script)]
    return race(own, options.models, options.race, fast=options.fast)


def _act(options: Options, path: Path) -> Act:
    """The one act of a script of the user's own."""
    try:
        script = Script.from_toml(path)
    except OSError as error:
        raise Problem(f"the script {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Problem(f"the script is broken: {without_keys(str(error))}") from None
    return from_script(script, title=printable(path.name), model=options.model, fast=options.fast)
