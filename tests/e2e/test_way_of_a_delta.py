"""One text delta, in the middle of a plain answer, from the socket to the reader: what it costs, counted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

import unbroken
from harness import ask, serving
from unbroken import ResilientStream, resilient_stream
from unbroken.core.wire import deltas, events
from unbroken.core.wire.events import EventReader
from unbroken.testing import Answer

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio")]

#: The most calls of Python, of this library's own, that a delta may take; what goes on after a wait is a call too.
MOST_CALLS: Final = 37

PACKAGE: Final = str(Path(unbroken.__file__).parent)
SERVER: Final = str(Path(PACKAGE) / "testing")
#: A piece a word. Each comes by itself: the server waits between them.
WORDS: Final = Answer("word " * 120, pieces=(5, 5), pace=0.001)
#: Which of them are counted: after what is done once, and before the end.
MIDDLE: Final = range(20, 100)


@contextmanager
def counting_calls(count: Callable[[str, str], object]) -> Iterator[None]:
    """Tell of every call of this library's functions, by file and name."""

    def profile(frame: Any, event: str, argument: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(PACKAGE) and not file.startswith(SERVER):
            count(file, frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


async def each_in_the_middle(stream: ResilientStream[Any], look: Callable[[], object]) -> str:
    """Read the text; `look` between two pieces, in the middle of it."""
    text = ""
    number = 0
    async for piece in stream.text_stream:
        text += piece
        number += 1
        if number in MIDDLE:
            look()
    return text


async def test_how_many_calls_it_takes() -> None:
    """Where it is read by itself. Of several that come together, each takes fewer."""
    calls: Counter[str] = Counter()
    ways: list[Counter[str]] = []

    def look() -> None:
        ways.append(Counter(calls))
        calls.clear()

    async with serving(WORDS) as (_, client), resilient_stream(client, **ask()) as stream:
        with counting_calls(lambda file, name: calls.update([f"{file[len(PACKAGE) + 1 :]}: {name}"])):
            assert await each_in_the_middle(stream, look) == WORDS.text
    alone = [way for way in ways[1:] if sum(way[name] for name in way if name.endswith("EventReader.read")) == 1]
    assert len(alone) > len(MIDDLE) // 2
    # What is done between two deltas may be counted with the one or with the other.
    usual = sorted(alone, key=Counter.total)[len(alone) // 2]
    assert usual.total() <= MOST_CALLS, "\n".join(f"{n} {name}" for name, n in usual.items())


async def test_its_type_is_asked_once_and_its_text_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its frame is read; all who come later go by what was found out there."""
    asked: Counter[str] = Counter()

    class Text(str):
        __slots__ = ()

        def __len__(self) -> int:
            asked["text measured"] += 1
            return super().__len__()

    class Asked(dict[str, Any]):
        __slots__ = ()
        name = "type asked"

        def __getitem__(self, key: str) -> Any:
            asked[self.name] += key == "type"
            return super().__getitem__(key)

        def get(self, key: str, default: Any = None) -> Any:
            asked[self.name] += key == "type"
            return super().get(key, default)

    class Brought(Asked):
        __slots__ = ()
        name = "type of the delta asked"

    class Found(Asked, deltas.Delta):
        __slots__ = ()

    def loads(text: str) -> Any:
        value = LOADS(text)
        if value["type"] != "content_block_delta":
            return value
        brought = {name: Text(each) if name == "text" else each for name, each in value["delta"].items()}
        return Asked({**value, "delta": Brought(brought)})

    monkeypatch.setattr(events, "loads", loads)
    monkeypatch.setattr(deltas, "Delta", Found)
    ways: list[Counter[str]] = []
    reads: list[None] = []
    read = EventReader.read

    def counted(self: EventReader, frame: Any) -> Any:
        reads.append(None)
        return read(self, frame)

    monkeypatch.setattr(EventReader, "read", counted)

    def look() -> None:
        ways.append(Counter({**asked, "reads": len(reads)}))
        asked.clear()
        reads.clear()

    async with serving(WORDS) as (_, client), resilient_stream(client, **ask()) as stream:
        assert await each_in_the_middle(stream, look) == WORDS.text
    alone = [way for way in ways[1:] if way["reads"] == 1]
    assert len(alone) > len(MIDDLE) // 2
    once = {"type asked": 1, "type of the delta asked": 1, "text measured": 1, "reads": 1}
    assert [dict(way) for way in alone if way != once] == []


LOADS: Final = events.loads
