"""The operators, as users see them; what they do is done elsewhere."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Final, Generic, ParamSpec, TypeVar

from aiostream import operator, pipable_operator
from aiostream.core import Stream

from .hub import Hub, Reader
from .markdown import Blocks
from .pacer import Pacer
from .readers import Paced, Pieces
from .speech import Sentences
from .splitter import Lines, Splitter, Words

__all__ = ["Operator", "Piped", "PipedTee", "blocks", "lines", "sentences", "smooth", "tee", "words"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: Nielsen's limit for a user's flow of thought to stay uninterrupted, in seconds (Usability Engineering, 1993).
_MAX_LAG: Final = 1.0
#: Items; as many as a resilient stream reads ahead of its own reader.
_BUFFER: Final = 128


class Operator(Generic[P, R]):
    """An operator with its arguments still to come: `words()` and, as aiostream spells it, `words.pipe()`."""

    def __init__(self, make: Callable[P, R]) -> None:
        self._make = make
        functools.update_wrapper(self, make)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The operator, to pipe a text into."""
        return self._make(*args, **kwargs)

    def pipe(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same."""
        return self._make(*args, **kwargs)


class Piped:
    """An operator to pipe a text into: `source | operator`, or `operator(source)`.

    The source is any asynchronous iterable of `str`. What comes out is a `Stream` of aiostream's, to be piped on, or to
    be read in its context: `async with (source | operator).stream() as items`. Leaving that closes the source.
    """

    def __init__(self, make: Callable[[AsyncIterable[str]], Stream[str]]) -> None:
        self._make = make

    def __call__(self, source: AsyncIterable[str]) -> Stream[str]:
        """Pipe the source into it."""
        return self._make(source)

    def __ror__(self, source: AsyncIterable[str]) -> Stream[str]:
        return self._make(source)


@Operator
def words() -> Piped:
    """Cut a text into words, each with the white space before it and the punctuation that hangs on it.

    Chinese characters and hiragana are words each, since nothing parts them; a no-break space is inside a word. White
    space at the very end is a piece of its own.
    """
    return Piped(_split.pipe(Words))


@Operator
def sentences() -> Piped:
    """Cut a text into sentences, each with the white space before it: for speech.

    Abbreviations, initials, decimals and ellipses do not end a sentence; a line break does unless a small letter
    follows, because titles and list items have no full stop. It knows the abbreviations of English and the more common
    ones of German, French and Spanish, and the full stops of Chinese, Japanese, Hindi, Arabic and others.

    A sentence comes as soon as the first character of the next one has. White space at the very end is a piece of its
    own.
    """
    return Piped(_split.pipe(Sentences))


@Operator
def lines() -> Piped:
    r"""Cut a text into lines, each with its ending: `\n`, `\r\n` or `\r`. The last may have none."""
    return Piped(_split.pipe(Lines))


@Operator
def blocks() -> Piped:
    """Cut Markdown into its outermost blocks, each with the blank lines before it, to be rendered one by one.

    A fence comes whole, whatever is in it, and so do lists and tables. A block comes when the line that ends it has
    come; after a list, when the first letter behind it has. White space at the very end is a piece of its own.
    """
    return Piped(_split.pipe(Blocks))


@Operator
def smooth(rate: float, *, max_lag: float = _MAX_LAG) -> Piped:
    """Give a text out at an even pace, without bursts.

    Where the text comes faster than `rate` for so long that a character would be held longer than `max_lag`, the pace
    grows, evenly, by as much as it takes. Text comes in pieces of a few characters, at most 30 a second.

    Args:
        rate: Characters a second.
        max_lag: Seconds that a character is held at most, while it is waited for. 1 by default: what a user's train of
            thought survives, by Nielsen's measure. 0 holds nothing back.

    Raises:
        ValueError: `rate` is not more than 0, or `max_lag` is less.
    """
    if not rate > 0 or not max_lag >= 0:
        raise ValueError(f"smooth() needs a rate above 0 and a max_lag of at least 0, not {rate!r} and {max_lag!r}")
    return Piped(_smooth.pipe(rate, max_lag))


class PipedTee:
    """What `tee` returns: a `Piped` for items of any type, from which several streams come out."""

    def __init__(self, readers: int, buffer: int) -> None:
        self._readers = readers
        self._buffer = buffer

    def __call__(self, source: AsyncIterable[T]) -> tuple[Stream[T], ...]:
        """Pipe the source into it."""
        hub = Hub(source, self._readers, self._buffer)
        return tuple(_read(reader) for reader in hub.readers)

    def __ror__(self, source: AsyncIterable[T]) -> tuple[Stream[T], ...]:
        return self(source)


@Operator
def tee(n: int, *, buffer: int = _BUFFER) -> PipedTee:
    """Give every item to each of `n` streams, to be read at the same time: `left, right = source | tee(2)`.

    A slow reader holds the others back; one that was closed does not. Close each one, by reading it in its context,
    also one that you never read. The last to be closed closes the source.

    Args:
        n: How many streams; at least 1.
        buffer: How many items may wait for a reader before the source waits for it. 128 by default, as many as a
            resilient stream reads ahead.

    Raises:
        ValueError: `n` or `buffer` is less than 1.
    """
    if n < 1 or buffer < 1:
        raise ValueError(f"tee() needs at least one reader and a buffer of at least 1, not {n!r} and {buffer!r}")
    return PipedTee(n, buffer)


@pipable_operator
def _split(source: AsyncIterable[str], splitter: Callable[[], Splitter]) -> AsyncIterator[str]:
    return Pieces(source, splitter())


@pipable_operator
def _smooth(source: AsyncIterable[str], rate: float, max_lag: float) -> AsyncIterator[str]:
    return Paced(source, Pacer(rate, max_lag))


@operator
def _read(reader: Reader[T]) -> AsyncIterator[T]:
    return reader
