"""What comes out of the operators: iterators that are objects, no generators, so that a cancelled read loses nothing.

aiostream takes them as it takes generators: it closes them when its context is left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable
from typing import Final

from aiostream import streamcontext

from .pacer import Pacer
from .pump import Pump
from .splitter import Splitter

__all__ = ["Paced", "Pieces"]

#: Characters that are held for their time at most; then the source waits. For memory's sake: a whole answer fits.
_ENOUGH: Final = 65_536


class Pieces:
    """The pieces into which a splitter cuts a text. Reads the source when it is read itself, and in the same task."""

    def __init__(self, source: AsyncIterable[str], splitter: Splitter) -> None:
        self._source = streamcontext(source)
        self._splitter = splitter
        self._whole: deque[str] = deque()
        self._end: Exception | None = None
        self._entered = False

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> str:
        while not self._whole:
            if self._end is not None:
                raise self._end
            await self._read()
        return self._whole.popleft()

    async def _read(self) -> None:
        if not self._entered:
            self._entered = True
            await self._source.__aenter__()
        try:
            text = await anext(self._source)
        except Exception as end:  # what came before it is given out first
            self._end = end
            self._whole += self._splitter.finish()
        else:
            self._whole += self._splitter.push(text)

    async def aclose(self) -> None:
        """Close the source, and drop what is held."""
        self._whole.clear()
        self._end = self._end or StopAsyncIteration()
        await self._source.aclose()


class Paced:
    """A text at the pace of a pacer. The source is read in a task of its own, so that what comes is seen in time."""

    def __init__(self, source: AsyncIterable[str], pacer: Pacer) -> None:
        self._pump = Pump(source, self._put, lambda: pacer.size < _ENOUGH)
        self._pacer = pacer

    def _put(self, text: str) -> None:
        self._pacer.put(text, asyncio.get_running_loop().time())

    def __aiter__(self) -> Paced:
        return self

    async def __anext__(self) -> str:
        clock = asyncio.get_running_loop().time
        while not (text := self._pacer.take(clock())):
            wait = self._pacer.wait(clock())
            if wait is None:
                self._pump.check()
                self._pump.start()
            await self._pump.changed(wait)
        self._pump.notify()  # there is room
        return text

    async def aclose(self) -> None:
        """Close the source, and drop what is held."""
        self._pacer.clear()
        await self._pump.aclose()
