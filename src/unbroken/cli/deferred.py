"""`unbroken deferred`: the batches that an application has saved, or that the API lists; and the answer of one."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anthropic
import anyio
from rich.console import Console

from ..core.printable import escaped, for_terminal, printable
from ..errors import BatchFailed, Deferred
from ..private_files import write_private
from .chat import client_for
from .problems import Problem, count

if TYPE_CHECKING:
    from anthropic.types.messages import MessageBatch

__all__ = ["Fetching", "Listing", "get", "show"]

_COUNTS: Final = ("processing", "succeeded", "errored", "canceled", "expired")
#: Bytes of a handle at most. Ours: it holds one answer, as far as it was delivered.
_MOST: Final = 100_000_000
_COLUMNS: Final = ("file", "batch", "state", "requests", "created", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What `unbroken deferred list` was told.

    Attributes:
        places: Files with handles, and directories of such files. Empty: what the API lists.
        base_url: Another address of the API; None: the SDK's.
        limit: The most batches that are asked for where the API lists them.
        as_json: Whether each is a line of JSON.
    """

    places: tuple[Path, ...] = ()
    base_url: str | None = None
    limit: int = 20
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """What `unbroken deferred get` was told.

    Attributes:
        file: The handle.
        output: Where the answer goes; None: to standard output.
        base_url: Another address of the API; None: the SDK's.
        timeout: Seconds to wait; None: as long as a batch can take.
        wait: Whether to wait at all; if not, the state is told.
        as_json: Whether the answer is shown as JSON, with the report.
    """

    file: Path
    output: Path | None = None
    base_url: str | None = None
    timeout: float | None = None
    wait: bool = True
    as_json: bool = False


async def show(listing: Listing) -> None:
    """List batches, one a line.

    Raises:
        Problem: There is no key, or a file that was named holds no handle.
        anthropic.APIError: The API does not tell.
    """
    handles = _handles(listing.places)
    if listing.places and not handles:
        raise Problem("there is no deferred request in what was named")
    rows: list[dict[str, Any]] = []
    async with client_for(listing.base_url) as client:
        if listing.places:
            for path, handle in handles:
                rows.append(await _row_of(path, handle, client))
        else:
            page = await client.messages.batches.list(limit=listing.limit)
            rows += [_row(None, batch) for batch in page.data]
    if listing.as_json:
        for row in rows:
            print(json.dumps(row))
    elif rows:
        shown = _COLUMNS if listing.places else _COLUMNS[1:]
        print("\n".join(_aligned([shown, *([str(row[name] or "–") for name in shown] for row in rows)])))


async def get(fetching: Fetching) -> None:
    """Wait for an answer, and show the message's text.

    Raises:
        Problem: There is no key, the file holds no handle, the batch has brought no answer, or the answer no text.
        anthropic.APIError: The API does not tell.
    """
    handle = _load(fetching.file)
    async with client_for(fetching.base_url) as client:
        if not fetching.wait:
            print(_state(await handle.status(client)))
            return
        progress = _Progress(handle)
        try:
            with progress:
                message = await handle.result(client, timeout=fetching.timeout, on_status=progress)
        except BatchFailed as error:
            kept = f" What had arrived before is in {fetching.file}." if handle.partial.text else ""
            raise Problem(f"{error.message}{kept}") from None
        except anyio.get_cancelled_exc_class():
            elsewhere = [] if fetching.base_url is None else ["--base-url", fetching.base_url]
            again = shlex.join(["unbroken", "deferred", "get", str(fetching.file), *elsewhere])
            print(f"unbroken: the batch goes on; ask for its answer again with: {again}", file=sys.stderr)
            raise
    _write(fetching, message, handle)


def _write(fetching: Fetching, message: Any, handle: Deferred[Any]) -> None:
    if handle.report.seam == "unverified":
        print("unbroken: the joint could not be verified: compare the two parts of the answer", file=sys.stderr)
    if fetching.as_json:
        report = handle.report.to_dict()
        text = json.dumps({"message": message.to_dict(mode="json"), "report": report}, ensure_ascii=False) + "\n"
    else:
        text = "".join(block.text for block in message.content if block.type == "text")
        if not text:
            raise Problem("the answer has no text; --json shows what it has")
        text = text if text.endswith("\n") else text + "\n"
    if fetching.output is None:
        if sys.stdout.isatty():
            text = escaped(text) if fetching.as_json else for_terminal(text)
        sys.stdout.write(text)
    else:
        write_private(fetching.output, text)


class _Progress:
    """Tells on standard error how the batch is: in a terminal in one line that lives, else a line for each change."""

    def __init__(self, handle: Deferred[Any]) -> None:
        self._handle = handle
        self._console = Console(stderr=True, highlight=False)
        self._live = self._console.status(f"{printable(handle.id)}: asking")
        self._told = ""

    def __enter__(self) -> None:
        if self._console.is_terminal:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, batch: MessageBatch) -> None:
        state = _state(batch)
        self._live.update(f"{state}; asked for {_minute(batch.created_at)}, expires {_minute(batch.expires_at)}")
        if state != self._told and not self._console.is_terminal:
            print(state, file=sys.stderr)
        self._told = state


# -- handles


def _handles(places: Iterable[Path]) -> list[tuple[Path, Deferred[Any]]]:
    """The handles in these files, and in files of these directories that hold one."""
    found: list[tuple[Path, Deferred[Any]]] = []
    for place in places:
        if not place.is_dir():
            found.append((place, _load(place)))
            continue
        for path in sorted(filter(Path.is_file, place.glob("*.json"))):  # a pipe would be waited for
            try:
                found.append((path, _handle(path)))
            except (OSError, ValueError):
                continue  # something else
    return found


def _load(path: Path) -> Deferred[Any]:
    try:
        return _handle(path)
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        what = "it is no JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
        raise Problem(f"{path} holds no deferred request: {what}") from None


def _handle(path: Path) -> Deferred[Any]:
    """The handle in a file. Raises `OSError` or `ValueError`."""
    with path.open("rb") as file:  # which may be a device without an end
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise ValueError(f"it has more than {_MOST:,} bytes")
    return Deferred.from_json(data.decode())


# -- lines


async def _row_of(path: Path, handle: Deferred[Any], client: anthropic.AsyncAnthropic) -> dict[str, Any]:
    try:
        return _row(path, await handle.status(client))
    except anthropic.NotFoundError:
        created, expires = _minute(handle.created_at), _minute(handle.expires_at)
        values = (str(path), handle.id, "not known to the API", "", created, expires)
        return dict(zip(_COLUMNS, values, strict=True))


def _row(path: Path | None, batch: MessageBatch) -> dict[str, Any]:
    state = "archived" if batch.archived_at else batch.processing_status
    created, expires = _minute(batch.created_at), _minute(batch.expires_at)
    values = (
        None if path is None else str(path),
        printable(batch.id),
        printable(state),
        _counts(batch),
        created,
        expires,
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _state(batch: MessageBatch) -> str:
    return f"{printable(batch.id)}: {printable(batch.processing_status)}, {_counts(batch)}"


def _counts(batch: MessageBatch) -> str:
    numbers = [(name, getattr(batch.request_counts, name)) for name in _COUNTS]
    return ", ".join(f"{number} {name}" for name, number in numbers if number) or count(0, "request")


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
