"""What can be typed about runs: `unbroken run`, its options and its exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .runner import run_command

__all__ = ["run"]

_COST = typer.Option(min=0, metavar="USD", help="No request is begun that is not expected to fit into it.")


def run(
    requests: Annotated[
        Path, typer.Argument(metavar="REQUESTS.jsonl", help="One request a line, as for message batches.")
    ],
    output: Annotated[Path, typer.Argument(metavar="ANSWERS.jsonl", help="Gets one result a line, each as it ends.")],
    model: Annotated[
        str | None, typer.Option(help="Ask this model.", show_default="the one that each request names")
    ] = None,
    fallback: Annotated[list[str] | None, typer.Option(help="A model to fall back to; may be repeated.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Another address of the API.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="The most requests that are asked at a time.")] = 16,
    rpm: Annotated[int | None, typer.Option(min=1, help="The most requests a minute.")] = None,
    tpm: Annotated[int | None, typer.Option(min=1, help="The most input tokens a minute.")] = None,
    max_cost: Annotated[float | None, _COST] = None,
    max_failures: Annotated[
        int | None, typer.Option(min=1, help="Ask for no more after so many failures.", show_default="no limit")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask once more for what has failed before.")
    ] = False,
    defer: Annotated[
        bool, typer.Option("--defer", help="Put what is not begun into message batches, at half the price.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell counts, costs, time and what will not work; send nothing.")
    ] = False,
    journal: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="UNBROKEN_JOURNAL",
            help="A file's path, or redis:// for several machines.",
            show_default="ANSWERS.jsonl.journal",
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary as JSON to this file.")] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a live picture, also in a terminal.")
    ] = False,
) -> None:
    """Answer many requests, with the key in ANTHROPIC_API_KEY: killed at any moment, and started again, it goes on.

    Both files have the format of the Message Batches API. What has a result is not asked again; what was half answered
    goes on where it was. Ctrl-C finishes what runs; once more, and it is left, to be gone on with.
    The exit code is 0 if every request has its message, 1 if one has none, and 130 after Ctrl-C.
    """
    from .dry_run import dry_run as survey
    from .journals import Place
    from .run import Running
    from .run import run as answer

    for option, path in (("ANSWERS.jsonl", output), ("--report", report)):
        if path is not None and not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no directory {path.absolute().parent}", param_hint=option)
    try:
        place = Place(f"{output}.journal" if journal is None else journal)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--journal") from None
    running = Running(
        requests=requests,
        output=output,
        place=place,
        model=model,
        fallbacks=tuple(fallback or ()),
        base_url=base_url,
        concurrency=concurrency,
        rpm=rpm,
        tpm=tpm,
        max_cost=max_cost,
        max_failures=max_failures,
        retry_failed=retry_failed,
        defer=defer,
        report=report,
        plain=plain,
    )
    if code := run_command(survey if dry_run else answer, running):
        raise typer.Exit(code)
