"""`unbroken streams list`, `show` and `tail`: what is in a journal; one stream; its text, as it comes."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from ..api.attach import attach
from ..core.printable import escaped, for_terminal, printable
from ..durable.entries import position_of
from ..durable.history import look_up, read_history
from ..durable.session import PATIENCE, session_of
from ..journal import StreamState
from ..report import Report
from .journals import Place, checked, hashed, opened
from .problems import Problem

__all__ = ["Asked", "Tailing", "show", "show_all", "tail"]

_COLUMNS: Final = ("stream", "status", "fence", "entries", "bytes", "age", "orphaned")
#: What most values fit into, so that the pages of a long list stand in line.
_WIDTHS: Final = {"status": 9, "entries": 7, "bytes": 10, "age": 7}
#: How many are asked for at a time.
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command was told.

    Attributes:
        place: The journal.
        stream_id: Of which stream; empty: of all.
        owner: Whose they have to be; None: anybody's.
        as_json: Whether it is shown as JSON.
    """

    place: Place
    stream_id: str = ""
    owner: str | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tailing(Asked):
    """What `unbroken streams tail` was told.

    Attributes:
        after: Where to begin, as in `attach`; None: with what is there.
        raw: Whether events are shown instead of their text.
    """

    after: str | None = None
    raw: bool = False


# -- what there is


async def show_all(asked: Asked) -> None:
    """List the streams, one a line, in the order of their ids.

    Raises:
        Problem: There is no such journal.
        JournalError: It cannot be read.
    """
    owner = hashed(asked.owner)
    async with opened(asked.place) as journal:
        is_first, after = True, ""
        while page := await journal.streams(after=after, limit=_PAGE):
            after = page[-1].stream_id
            rows = [_row(state) for state in page if owner is None or state.owner == owner]
            if asked.as_json:
                for row in rows:
                    print(json.dumps(row))
            elif rows:
                _print_table(rows, with_head=is_first)
                is_first = False


def _row(state: StreamState) -> dict[str, Any]:
    return {
        "stream": state.stream_id,
        "status": "stopping" if state.stopping and state.status == "live" else state.status,
        "fence": state.fence,
        "entries": state.head,
        "bytes": state.size,
        "age": round(max(0.0, time.time() - state.created), 1),
        "orphaned": state.orphaned,
        "created": state.created,
        "ended": state.ended,
    }


def _print_table(rows: list[dict[str, Any]], *, with_head: bool) -> None:
    shown = [[_cell(name, row[name]) for name in _COLUMNS] for row in rows]
    lines = [list(_COLUMNS), *shown]
    columns = zip(_COLUMNS, zip(*lines, strict=True), strict=True)
    widths = [max(_WIDTHS.get(name, 0), *map(len, column)) for name, column in columns]
    for line in lines if with_head else shown:
        # Words to the left, numbers to the right.
        cells = [
            cell.ljust(width) if name in ("stream", "status", "orphaned") else cell.rjust(width)
            for name, cell, width in zip(_COLUMNS, line, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _cell(name: str, value: Any) -> str:
    match name:
        case "age":
            return _age(value)
        case "orphaned":
            return "yes" if value else ""
        case "bytes" | "entries":
            return f"{value:,}"
        case _:
            return str(value)


def _age(seconds: float) -> str:
    """About how long, in one unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


# -- one of them


async def show(asked: Asked) -> None:
    """Show one stream with its report, and nothing of its content.

    Raises:
        Problem: There is no such journal, or the id is none.
        StreamMissing: There is no such stream, or it is another owner's.
        JournalError: The journal cannot be read.
    """
    stream_id, owner = checked(asked.stream_id), hashed(asked.owner)
    async with opened(asked.place) as journal:
        session = session_of(journal)
        await look_up(session, stream_id, owner, PATIENCE)
        fold, state = await read_history(session, stream_id, PATIENCE)
    row, report = _row(state), fold.report
    told = (fold.end or {}).get("diagnosis") if state.status == "failed" else None
    row |= {"api": (fold.request or {}).get("api"), "characters": len(fold.partial.text)}
    if asked.as_json:
        print(json.dumps({**row, "diagnosis": told, "report": report.to_dict()}))
        return
    for name in (*_COLUMNS, "api", "characters"):
        print(f"{name + ':':<12}{_cell(name, row[name]) or 'no'}")
    if isinstance(told, dict):
        print(f"{'why:':<12}{printable(told.get('summary'), 1_000)}")
    _print_report(report)


def _print_report(report: Report) -> None:
    usage = report.usage
    about = f" + ~{usage.estimated_output_tokens:,}" if usage.estimated_output_tokens else ""
    print(f"{'tokens:':<12}{usage.input_tokens:,} in, {usage.output_tokens:,}{about} out")
    print(f"{'requests:':<12}{len(report.attempts):,}")
    for each in report.attempts:
        parts = [
            f"{each.number}. {printable(each.model)}",
            each.form,
            printable(each.outcome),
            f"{each.characters:,} characters",
            printable(each.request_id) or "no request id",
        ]
        print(f"  {', '.join(parts)}")


async def tail(tailing: Tailing) -> None:
    """Write a stream's text to standard output as it comes; or its events, as JSON lines with their positions.

    Raises:
        Problem: There is no such journal, or the id or the position is none.
        StreamMissing: There is no such stream, or it is another owner's.
        StreamFailed: It has failed, or was stopped.
        JournalError: The journal cannot be read.
    """
    stream_id, owner, after = checked(tailing.stream_id), tailing.owner, tailing.after
    hashed(owner)
    if after is not None and position_of(after) is None:
        raise Problem(f"{printable(after)!r} is no position: it has to be 0, or like 1-57")
    is_terminal = sys.stdout.isatty()
    async with opened(tailing.place) as journal, attach(journal, stream_id, after=after, owner=owner) as stream:
        if tailing.raw:
            async for position, event in stream.entries:
                line = json.dumps({"position": position, "event": event}, separators=(",", ":"))
                _write((escaped(line) if is_terminal else line) + "\n")
            return
        text = ""
        try:
            async for text in stream.text_stream:
                _write(for_terminal(text) if is_terminal else text)
        finally:
            if text and not text.endswith("\n"):
                _write("\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
