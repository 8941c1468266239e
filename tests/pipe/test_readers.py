"""What comes out of the operators, over sources of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from harness import tasks
from unbroken.pipe.pacer import Pacer
from unbroken.pipe.readers import Paced, Pieces
from unbroken.pipe.splitter import Words

pytestmark = pytest.mark.anyio


class Source:
    """Gives texts, each after `gap` seconds, and then an end; a read that is cancelled loses nothing."""

    def __init__(self, *texts: str, gap: float = 0, failure: Exception | None = None) -> None:
        self.texts = list(texts)
        self.closed = False
        self._gap, self._failure = gap, failure
        self._next = 0.0

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        clock = asyncio.get_running_loop().time
        self._next = self._next or clock() + self._gap
        await asyncio.sleep(self._next - clock())
        self._next = 0.0
        if not self.texts:
            raise self._failure or StopAsyncIteration
        return self.texts.pop(0)

    async def aclose(self) -> None:
        self.closed = True


def readers(source: Source) -> list[Pieces | Paced]:
    return [Pieces(source, Words()), Paced(source, Pacer(10, 60))]


@pytest.mark.parametrize("kind", [0, 1])
async def test_what_came_before_an_error_comes_out_before_it(kind: int) -> None:
    """The word that was not whole too; and the error comes again when one reads again."""
    reader = readers(Source("one tw", "o th", failure=ValueError("broken")))[kind]
    got: list[str] = []
    with pytest.raises(ValueError, match="broken"):
        async for piece in reader:
            got.append(piece)  # noqa: PERF401  # what was read before the error is wanted
    assert "".join(got) == "one two th"
    with pytest.raises(ValueError, match="broken"):
        await anext(reader)
    await reader.aclose()


@pytest.mark.parametrize("kind", [0, 1])
async def test_a_read_that_is_cancelled_loses_nothing(kind: int) -> None:
    """A chat backend sends a heartbeat every second meanwhile."""
    reader = readers(Source("one two", " three", gap=2.5))[kind]
    got: list[str] = []
    heartbeats = 0
    while True:
        try:
            got.append(await asyncio.wait_for(anext(reader), 1))
        except TimeoutError:
            heartbeats += 1
        except StopAsyncIteration:
            break
    assert "".join(got) == "one two three"
    assert heartbeats >= 4
    await reader.aclose()


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("read", [True, False])
async def test_closing_closes_the_source(kind: int, read: bool) -> None:
    """Also when nothing was read; what was held is dropped, no task is left, and reading on is the end."""
    source = Source("one two three", " four")
    before = tasks()
    reader = readers(source)[kind]
    if read:
        assert (await anext(reader)).startswith("o")
    await reader.aclose()
    assert source.closed
    assert tasks() == before
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_pieces_are_read_when_they_are_asked_for() -> None:
    """Nothing is read ahead: the source waits for the reader."""
    source = Source("one ", "two ", "three ")
    reader = Pieces(source, Words())
    assert await anext(reader) == "one"
    await asyncio.sleep(60)
    assert source.texts == ["two ", "three "]
    await reader.aclose()


async def test_an_even_pace_in_time() -> None:
    """Two bursts of five characters, a second apart, come out at ten characters a second."""
    clock = asyncio.get_running_loop().time
    begin = clock()
    reader = Paced(Source("abcde", "fghij", gap=1), Pacer(10, 60))
    got = [(round(clock() - begin, 3), piece) async for piece in reader]
    assert got == [(pytest.approx(1 + number / 10), letter) for number, letter in enumerate("abcde")] + [
        (pytest.approx(2 + number / 10), letter) for number, letter in enumerate("fghij")
    ]
    await reader.aclose()


async def test_a_source_without_end_waits_for_a_reader_who_is_away() -> None:
    """What is held has a bound, and the reader who comes back goes on where it was."""
    source = Source(*["x" * 10_000] * 100)
    reader = Paced(source, Pacer(10, 1_000_000))
    assert await anext(reader) == "x"
    await asyncio.sleep(3600)
    held = (100 - len(source.texts)) * 10_000
    assert 65_536 <= held < 100_000
    assert len(await anext(reader)) == 36_000
    await asyncio.sleep(60)
    assert (100 - len(source.texts)) * 10_000 - 36_000 < 100_000
    await reader.aclose()
