"""What can be typed about journals: `unbroken host` and `unbroken streams`, their options and their exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .runner import run_command

if TYPE_CHECKING:
    from .journals import Place

__all__ = ["host", "streams"]

_Journal = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="URL",
        envvar="UNBROKEN_JOURNAL",
        help="A file's path, sqlite:///PATH, or redis://, rediss:// or unix:// of a Redis.",
        show_default=False,
    ),
]
_Codec = Annotated[
    str | None, typer.Option(metavar="MODULE:NAME", help="Where the codec is that the journal's entries are read with.")
]
_Owner = Annotated[str | None, typer.Option(help="Whose they have to be.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON, for machines.")]
_Retention = Annotated[
    float | None,
    typer.Option(min=0, help="Seconds that a stream is kept after its end.", show_default="24 hours"),
]
_OrphanRetention = Annotated[
    float | None,
    typer.Option(min=0, help="Seconds that one is kept that nobody writes.", show_default="7 days"),
]
_StreamId = Annotated[str, typer.Argument(metavar="ID", help="The stream's id.")]


def _place(url: str, codec: str | None = None, **options: Any) -> Place:
    from .journals import Place

    try:
        return Place(url, codec, options)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--journal") from None


def host(
    journal: _Journal,
    fallback: Annotated[
        list[str] | None,
        typer.Option("--fallback", "--model-fallback", help="A model to fall back to; may be repeated."),
    ] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Another address of the API.")] = None,
    max_streams: Annotated[
        int | None, typer.Option(min=1, help="The most streams that are written at a time.", show_default="no limit")
    ] = None,
    lease: Annotated[
        float | None,
        typer.Option(help="Seconds without a sign of life after which a writer loses its stream.", show_default="20"),
    ] = None,
    grace: Annotated[float, typer.Option(min=0, help="Seconds that leaving waits for what is written.")] = 0.0,
    retention: _Retention = None,
    orphan_retention: _OrphanRetention = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, help="The most bytes of one stream.", show_default="8 MiB")
    ] = None,
    codec: _Codec = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a live picture, also in a terminal.")
    ] = False,
) -> None:
    """Write the streams of a journal that nobody writes, with the key in ANTHROPIC_API_KEY, until SIGTERM or Ctrl-C.

    Then it takes no more, waits --grace seconds, and leaves what is unfinished to other hosts, which go on at once.
    A second signal ends it right away. No content is shown.
    """
    from .host import Hosting
    from .host import host as run

    options = {"retention": retention, "orphan_retention": orphan_retention, "max_bytes": max_bytes}
    if lease is not None and not lease > 0:
        raise typer.BadParameter("must be above 0 seconds", param_hint="--lease")
    hosting = Hosting(
        place=_place(journal, codec, **options),
        fallbacks=tuple(fallback or ()),
        base_url=base_url,
        max_streams=max_streams,
        lease=lease,
        grace=grace,
        plain=plain,
    )
    if not run_command(run, hosting):
        raise typer.Exit(130)


streams: typer.Typer = typer.Typer(help="The streams of a journal.", no_args_is_help=True)


@streams.command("list")
def list_streams(journal: _Journal, owner: _Owner = None, as_json: _Json = False) -> None:
    """List the streams: their status, their last fence, what they have, and whether nobody writes one that lives."""
    from .streams import Asked, show_all

    run_command(show_all, Asked(place=_place(journal), owner=owner, as_json=as_json))


@streams.command("show")
def show_stream(
    stream_id: _StreamId, journal: _Journal, owner: _Owner = None, codec: _Codec = None, as_json: _Json = False
) -> None:
    """Show one stream with its report: every request, what it brought and what became of it. No content is shown."""
    from .streams import Asked, show

    run_command(show, Asked(place=_place(journal, codec), stream_id=stream_id, owner=owner, as_json=as_json))


@streams.command("tail")
def tail_stream(
    stream_id: _StreamId,
    journal: _Journal,
    after: Annotated[
        str | None,
        typer.Option(metavar="POSITION", help="Begin behind this one; 0: with the first event.", show_default="all"),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Events as JSON lines, with their positions.")] = False,
    owner: _Owner = None,
    codec: _Codec = None,
) -> None:
    """Write a stream's text to standard output, and go on as it comes, until it ends."""
    from .streams import Tailing, tail

    place = _place(journal, codec)
    run_command(tail, Tailing(place=place, stream_id=stream_id, after=after, raw=raw, owner=owner))


@streams.command("cancel")
def cancel_stream(stream_id: _StreamId, journal: _Journal, owner: _Owner = None) -> None:
    """Stop a stream, wherever it is written, and wait until it has ended."""
    from .stream_ends import stop
    from .streams import Asked

    run_command(stop, Asked(place=_place(journal), stream_id=stream_id, owner=owner))


@streams.command("purge")
def purge_streams(
    journal: _Journal,
    stream_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which streams.", show_default=False)
    ] = None,
    owner: Annotated[str | None, typer.Option(help="All of this owner's, whatever they are at.")] = None,
    retention: _Retention = None,
    orphan_retention: _OrphanRetention = None,
    sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete streams for good: those that are named, those of an owner; without both, those whose time is over.

    In a terminal it asks first.
    """
    from .stream_ends import Purging, purge

    place = _place(journal, retention=retention, orphan_retention=orphan_retention)
    run_command(purge, Purging(place=place, stream_ids=tuple(stream_ids or ()), owner=owner, sure=sure))
