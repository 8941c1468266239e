"""What can be typed: the commands, their options and their exit codes."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from .input import bytes_of, from_stdin
from .journal_commands import host, streams
from .run_commands import run
from .runner import run_command

__all__ = ["app"]

#: With locals in a traceback, a key could be printed.
app: typer.Typer = typer.Typer(
    name="unbroken",
    help="Claude streams that survive overload.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unbroken {version('unbroken')}, anthropic {version('anthropic')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the versions and exit.")
    ] = False,
) -> None:
    """Claude streams that survive overload."""


@app.command()
def demo(
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the faults from this TOML file, for a single act.")
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Write the last picture to this file.")] = None,
    model: Annotated[str, typer.Option(help="The model to ask.")] = "claude-opus-5-5",
    fallback: Annotated[
        list[str] | None,
        typer.Option(help="A model to fall back to; may be repeated.", show_default="claude-haiku-4-5"),
    ] = None,
    race: Annotated[
        bool, typer.Option("--race", help="Let models race for the answer; claude-sonnet-5-5 is in it by default.")
    ] = False,
    delay: Annotated[
        float | None,
        typer.Option(
            min=0, help="In a race: seconds without content before the next model is asked.", show_default="0"
        ),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Do not wait for whoever is watching.")] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a live picture, also in a terminal.")
    ] = False,
) -> None:
    """Watch one answer under the same faults twice, the SDK alone beside unbroken; or models that race for it.

    Everything happens on this machine: a scripted server breaks the streams, no key is needed and nothing is sent.
    In the last act the process that streams, one of the demo's own, is killed with -9, and another goes on.
    The exit code is 0 if unbroken's answer is exact to the character in every act.
    """
    from .demo.demo import Options
    from .demo.demo import run as play

    if delay is not None and not race:
        raise typer.BadParameter("is for a race: it needs --race", param_hint="--delay")
    usual = ["claude-sonnet-5-5", "claude-haiku-4-5"] if race else ["claude-haiku-4-5"]
    options = Options(
        script=script,
        save=save,
        model=model,
        fallbacks=tuple(fallback or usual),
        fast=fast,
        plain=plain,
        race=(delay or 0.0) if race else None,
    )
    if not run_command(play, options):
        raise typer.Exit(1)


@app.command()
def chat(
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    model: Annotated[str, typer.Option(help="The model to ask.")] = "claude-sonnet-5-5",
    fallback: Annotated[list[str] | None, typer.Option(help="A model to fall back to; may be repeated.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Another address of the API.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="The most tokens of the whole answer.")] = 4096,
    system: Annotated[str | None, typer.Option(help="The system prompt.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds for the whole answer.")] = None,
    attempts: Annotated[
        int | None, typer.Option(min=1, help="Requests in a row that may bring nothing.", show_default="8")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Events as JSON lines, and a last line with the report.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on standard error but an error.")] = False,
) -> None:
    """Ask the real API, with the key in ANTHROPIC_API_KEY; the answer goes to standard output as it comes.

    How it went goes to standard error: every cut and resume, and a closing line.
    """
    from .chat import Question, ask

    question = Question(
        prompt=from_stdin() if prompt == "-" else prompt,
        model=model,
        fallbacks=tuple(fallback or ()),
        base_url=base_url,
        max_tokens=max_tokens,
        system=system,
        deadline=deadline,
        attempts=attempts,
        as_json=as_json,
        quiet=quiet,
    )
    run_command(ask, question)


@app.command()
def doctor(
    request: Annotated[
        str | None,
        typer.Argument(metavar="REQUEST.json", help="The request as JSON; - reads it from standard input."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model to try, beside the request's; may be repeated.", show_default="claude-haiku-5-5"),
    ] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Another address of the API.")] = None,
    status_url: Annotated[str | None, typer.Option(metavar="URL", help="Another status page.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for the request, and for each of --bisect.")] = 120.0,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="Shrink a request that fails, to find the part that causes it.")
    ] = False,
    max_requests: Annotated[int, typer.Option(min=1, help="The most requests of --bisect.")] = 40,
    max_cost: Annotated[
        float | None, typer.Option(min=0, metavar="USD", help="The most that --bisect may cost, about.")
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, max=10, help="How often a part has to work until it counts as working.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the smallest request that fails to this file.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what --json shows to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; the steps go to standard error.")] = False,
    show_content: Annotated[
        bool, typer.Option("--show-content", help="Show content: the API's own words about the request, say.")
    ] = False,
) -> None:
    """Find out what is wrong: the JSON, the request, the network, the key, the models, or the API itself.

    Everything is sent once, without retries. No content and no key is shown, and files can be read by you alone.
    The exit code is 0 if all is well, 1 if something is wrong, and 2 for a wrong command line.
    """
    from .doctor import Options, examine

    for option, url in (("--base-url", base_url), ("--status-url", status_url)):
        if url is not None and not url.startswith(("http://", "https://")):
            raise typer.BadParameter("must begin with http:// or https://", param_hint=option)
    for option, path in (("--output", output), ("--report", report)):
        if path is not None and not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no directory {path.absolute().parent}", param_hint=option)
        if path is not None and os.path.isdir(path):
            raise typer.BadParameter(f"{path} is a directory", param_hint=option)
    options = Options(
        name=request,
        data=b"" if request is None else bytes_of(request),
        models=tuple(model or ()),
        base_url=base_url,
        status_url=status_url,
        bisect=bisect,
        max_requests=max_requests,
        max_cost=max_cost,
        repeat=repeat,
        timeout=timeout,
        as_json=as_json,
        show_content=show_content,
        report=report,
        output=output,
    )
    if not run_command(examine, options):
        raise typer.Exit(1)


deferred: typer.Typer = typer.Typer(help="Batches in which answers were asked for.", no_args_is_help=True)
app.add_typer(deferred, name="deferred")

_BaseUrl = Annotated[str | None, typer.Option(metavar="URL", help="Another address of the API.")]


@deferred.command("list")
def list_deferred(
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR | FILE]...", help="Handles that were saved.", show_default=False),
    ] = None,
    base_url: _BaseUrl = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most batches, where the API lists them.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each.")] = False,
) -> None:
    """Show how saved requests fare; without files, the batches that the API lists, the newest first."""
    from .deferred import Listing, show

    run_command(show, Listing(places=tuple(places or ()), base_url=base_url, limit=limit, as_json=as_json))


@deferred.command("get")
def get_deferred(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A handle that was saved with Deferred.save.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the answer to this file, which only you can read.")
    ] = None,
    base_url: _BaseUrl = None,
    timeout: Annotated[float | None, typer.Option(min=0, help="Seconds to wait.", show_default="25 hours")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Tell the state, and do not wait.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole message and the report as JSON.")] = False,
) -> None:
    """Wait for an answer, and print the message's text: what had arrived, and the rest joined to it."""
    from .deferred import Fetching, get

    run_command(
        get, Fetching(file=file, output=output, base_url=base_url, timeout=timeout, wait=not no_wait, as_json=as_json)
    )


app.command()(run)
app.command()(host)
app.add_typer(streams, name="streams")
