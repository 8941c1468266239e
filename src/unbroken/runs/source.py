"""Where the requests of a run come from: a file of JSON lines, or what gives them one by one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Final

from .errors import BrokenRequest
from .request import RunRequest, read_line, read_request

__all__ = ["LONGEST_LINE", "Requests", "Source", "count_lines", "digest"]

#: What requests may come from.
Requests = str | os.PathLike[str] | Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]

#: Bytes of a line. Ours: three times what the API takes, so that what is too large for it is told as that.
LONGEST_LINE: Final = 100_000_000
#: How much of a file is read at a time to count its lines, in bytes.
_BLOCK: Final = 1 << 20


def digest(custom_id: str) -> bytes:
    """What is kept of an id while a run lasts: of as many as there are requests, 16 bytes each."""
    return blake2b(custom_id.encode(), digest_size=16).digest()


class Source:
    """Gives the requests of a run, each when it is asked for, so that no more of them are there than are worked on.

    Args:
        requests: The path of a file of JSON lines; or objects with `custom_id` and `params`, from anything that can be
            iterated, with `for` or `async for`.

    Raises:
        TypeError: It is none of these.
        OSError: The file cannot be opened.
    """

    def __init__(self, requests: Requests) -> None:
        self._file: BinaryIO | None = None
        self._each: Iterator[Any] | AsyncIterator[Any] = iter(())
        self._number = 0
        self._numbers: dict[bytes, int] = {}
        self.path: Path | None = None
        if isinstance(requests, str | os.PathLike):
            self.path = Path(requests)
            self._file = self.path.open("rb")
        elif isinstance(requests, AsyncIterable):
            self._each = aiter(requests)
        elif _is_iterable(requests):
            self._each = iter(requests)
        else:
            raise TypeError(f"requests must be a path or an iterable of requests, not {type(requests).__name__}")

    async def next(self) -> RunRequest | None:
        """The next request; None: there are no more.

        Raises:
            BrokenRequest: The next one cannot be asked as it stands; the one behind it can be.
            OSError: The file cannot be read.
        """
        request = self._next_line() if self._file is not None else await self._next_given()
        if request is None:
            return None
        key = digest(request.custom_id)
        if key in self._numbers:
            raise BrokenRequest(request.number, f"its custom_id is that of request {self._numbers[key]}")
        self._numbers[key] = request.number
        return request

    def _next_line(self) -> RunRequest | None:
        assert self._file is not None
        while line := self._file.readline(LONGEST_LINE + 1):
            self._number += 1
            if len(line) > LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = self._file.readline(_BLOCK)
                raise BrokenRequest(self._number, f"the line has more than {LONGEST_LINE:,} bytes")
            if self._number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")  # of editors that mark UTF-8
            if line.strip():
                return read_line(self._number, line)
        return None

    async def _next_given(self) -> RunRequest | None:
        if isinstance(self._each, AsyncIterator):
            try:
                given = await anext(self._each)
            except StopAsyncIteration:
                return None
        else:
            try:
                given = next(self._each)
            except StopIteration:
                return None
        self._number += 1
        return read_request(self._number, given)

    async def aclose(self) -> None:
        """Close the file, or the generator."""
        if self._file is not None:
            self._file.close()
        each, self._each = self._each, iter(())
        if (close := getattr(each, "aclose", None)) is not None:
            await close()
        elif (close := getattr(each, "close", None)) is not None:
            with suppress(ValueError):  # it is running, in another thread
                close()


def _is_iterable(requests: object) -> bool:
    return isinstance(requests, Iterable) and not isinstance(requests, bytes | Mapping)


def count_lines(path: Path) -> int:
    """How many lines of a file have something in them, at a few hundred megabytes a second. Raises `OSError`."""
    lines, begun = 0, False
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            for part in block.splitlines(keepends=True):
                begun = begun or bool(part.strip())
                if part.endswith((b"\n", b"\r")):
                    lines, begun = lines + begun, False
    return lines + begun
