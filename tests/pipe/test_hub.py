"""One source, several readers: everybody gets everything, and nobody gets far ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from harness import tasks
from unbroken.pipe.hub import Hub, Reader

pytestmark = pytest.mark.anyio


class Source:
    """The numbers from 0 on; notes how many were read, and whether it was closed."""

    def __init__(self, count: int) -> None:
        self.read = 0
        self.closed = False
        self._count = count

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        await asyncio.sleep(0)
        if self.read == self._count:
            raise StopAsyncIteration
        self.read += 1
        return self.read - 1

    async def aclose(self) -> None:
        self.closed = True


async def read(reader: Reader[int], *, pause: float = 0, count: int = -1) -> list[int]:
    """Read `count` items, or all, with a pause after each."""
    got: list[int] = []
    while len(got) != count:
        try:
            got.append(await anext(reader))
        except StopAsyncIteration:
            break
        await asyncio.sleep(pause)
    await reader.aclose()
    return got


async def test_everybody_gets_everything() -> None:
    """In order, at whatever speed each reads; and the source is closed with the last."""
    source = Source(50)
    before = tasks()
    hub = Hub(source, readers=3, buffer=4)
    got = await asyncio.gather(*(read(reader, pause=number) for number, reader in enumerate(hub.readers)))
    assert got == [list(range(50))] * 3
    assert source.closed
    assert tasks() == before


async def test_a_slow_reader_holds_the_others_back() -> None:
    """One reader has taken nothing: the other gets what fits into the buffer, and the source is read no further."""
    source = Source(1000)
    hub = Hub(source, readers=2, buffer=4)
    fast = asyncio.create_task(read(hub.readers[0]))
    await asyncio.sleep(60)
    assert source.read == 4
    assert not fast.done()
    assert await anext(hub.readers[1]) == 0
    await asyncio.sleep(60)
    assert source.read == 5
    await hub.readers[1].aclose()
    assert await fast == list(range(1000))


async def test_a_reader_who_leaves_holds_nobody_back() -> None:
    """Neither one who stops in the middle nor one who never began."""
    source = Source(100)
    hub = Hub(source, readers=3, buffer=4)
    await hub.readers[0].aclose()
    got = await asyncio.gather(read(hub.readers[1], count=3), read(hub.readers[2]))
    assert got == [[0, 1, 2], list(range(100))]
    with pytest.raises(StopAsyncIteration):
        await anext(hub.readers[0])


async def test_a_read_that_is_cancelled_loses_nothing() -> None:
    """The next read of that reader gets what the cancelled one would have got."""

    async def source() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(10)
            yield number

    hub = Hub(source(), readers=1, buffer=4)
    (reader,) = hub.readers
    for expected in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(reader), 7)
        assert await asyncio.wait_for(anext(reader), 7) == expected
    await reader.aclose()
    await reader.aclose()


async def test_an_error_reaches_everybody_behind_what_came_before() -> None:
    """Each reader gets all items, and then the error."""

    async def source() -> AsyncIterator[int]:
        yield 0
        yield 1
        raise ValueError("broken")

    hub = Hub(source(), readers=2, buffer=4)
    for reader in hub.readers:
        assert [await anext(reader), await anext(reader)] == [0, 1]
        with pytest.raises(ValueError, match="broken"):
            await anext(reader)
        await reader.aclose()


async def test_a_reader_that_is_closed_while_it_waits_is_at_its_end() -> None:
    """Another task closes it: the read ends, and does not hang."""

    async def source() -> AsyncIterator[int]:
        await asyncio.sleep(3600)
        yield 0

    hub = Hub(source(), readers=2, buffer=4)
    waiting = asyncio.create_task(read(hub.readers[0]))
    await asyncio.sleep(1)
    await hub.readers[0].aclose()
    assert await waiting == []
    await hub.readers[1].aclose()
