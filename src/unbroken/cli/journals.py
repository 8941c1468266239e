"""A journal that is named on the command line: by the path of a file, or by a URL."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from ..core.printable import printable
from ..durable.request import check_id, owner_hash
from ..journal import Codec, Journal
from .problems import Problem, hide

__all__ = ["Place", "checked", "hashed", "opened"]

_REDIS: Final = ("redis", "rediss", "unix")
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a journal is. Its password, if there is one, is in no text that a command shows from here on.

    Args:
        url: A path, `sqlite:///` and a path, or a URL of Redis, which may have `?prefix=` behind it.
        codec: Where its codec is, `MODULE:NAME`; None: it has none.
        options: What the journal is told beside that: `retention`, `orphan_retention`, `max_bytes`; None: its default.

    Raises:
        ValueError: It names no journal; the text has nothing of it.
    """

    url: str = field(repr=False)
    codec: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "://" not in self.url:
            if not self.url:
                raise ValueError("must be the path of a file, or a URL of Redis")
            return
        if self.path is not None:
            return
        try:
            parts = urlsplit(self.url)
            password = parts.password
        except ValueError:
            raise ValueError("is a URL that cannot be read") from None
        if password:
            hide(password, "[password]")
            hide(unquote(password), "[password]")
        if parts.scheme not in _REDIS:
            raise ValueError("must be a path, or begin with sqlite:///, redis://, rediss:// or unix://")
        if set(parse_qs(parts.query, keep_blank_values=True)) - {"prefix"}:
            raise ValueError("may have ?prefix= behind it, and nothing else")

    @property
    def path(self) -> str | None:
        """Of the file, as SQLAlchemy writes it: three slashes and a relative path, or four for an absolute one."""
        if "://" not in self.url:
            return self.url
        return self.url.removeprefix(_SQLITE) or None if self.url.startswith(_SQLITE) else None

    def __str__(self) -> str:
        """For people: without user and password."""
        if (path := self.path) is not None:
            return path
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def journal(self, *, make: bool = False) -> Journal:
        """The journal, not entered yet.

        Args:
            make: Whether a file may be made, if there is none.

        Raises:
            Problem: There is no such file, an extra is missing, or the codec is not where it should be.
            ValueError: A number is out of range.
        """
        options = {name: value for name, value in self.options.items() if value is not None}
        codec = None if self.codec is None else _codec_at(self.codec)
        if (path := self.path) is not None:
            if not make and not Path(path).exists():
                raise Problem(f"there is no journal {path}")
            from ..journal import SQLiteJournal

            return SQLiteJournal(path, codec=codec, **options)
        try:
            from ..journal.redis import RedisJournal

            parts = urlsplit(self.url)
            query = parse_qs(parts.query, keep_blank_values=True)
            if unknown := sorted(set(query) - {"prefix"}):
                raise Problem(f"a journal's URL may have ?prefix=, and no {unknown[0]!r}")
            prefix: dict[str, Any] = {name: values[-1] for name, values in query.items()}
            return RedisJournal(parts._replace(query="").geturl(), codec=codec, **prefix, **options)
        except ImportError:
            raise Problem("a journal in Redis needs the extra `redis`: pip install 'unbroken[redis]'") from None


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Journal]:
    """The journal that was named. Raises `Problem` or `JournalError`."""
    try:
        journal = place.journal()
    except ValueError as error:
        raise Problem(str(error)) from None
    async with journal:
        yield journal


def hashed(owner: str | None) -> bytes | None:
    """An owner as the journal has it; None for none. Raises `Problem` for what can be none."""
    try:
        return None if owner is None else owner_hash(owner)
    except ValueError as error:
        raise Problem(str(error)) from None


def checked(stream_id: str) -> str:
    """A stream's id. Raises `Problem` for what is none."""
    try:
        return check_id(stream_id)
    except ValueError as error:
        raise Problem(f"{printable(stream_id)!r} is no id: {error}") from None


def _codec_at(place: str) -> Codec:
    """The codec that is named `MODULE:NAME`, in a module that is found from here."""
    module, colon, name = place.partition(":")
    if not (module and colon and name):
        raise Problem(f"{place} names no codec: it has to be MODULE:NAME")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    try:
        codec = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Problem(f"the codec {place} is not there: {error}") from None
    if not isinstance(codec, Codec):
        raise Problem(f"{place} is no codec, but a {type(codec).__name__}")
    return codec
