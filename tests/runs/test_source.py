"""Where requests come from: a file, read line by line, or anything that can be iterated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from unbroken import BrokenRequest
from unbroken.runs import source
from unbroken.runs.source import Source, count_lines

GOOD: dict[str, Any] = {"custom_id": "a", "params": {"model": "claude-haiku-4-5", "max_tokens": 5, "messages": []}}


async def read(source: Source) -> list[str]:
    """The ids, and what is said of what is broken."""
    found = []
    while True:
        try:
            request = await source.next()
        except BrokenRequest as broken:
            found.append(f"{broken.number}: {broken.why}")
            continue
        if request is None:
            await source.aclose()
            return found
        found.append(request.custom_id)


@pytest.mark.anyio
async def test_a_file_is_read_as_editors_leave_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a mark of UTF-8, Windows' line ends, blank lines, and no line end at the end."""
    monkeypatch.setattr(source, "LONGEST_LINE", 200)
    file = tmp_path / "requests.jsonl"
    text = json.dumps(GOOD)
    long = json.dumps({**GOOD, "custom_id": "long", "params": {"system": "x" * 200}})
    last = json.dumps({**GOOD, "custom_id": "b"})
    file.write_bytes(b"\xef\xbb\xbf" + f"{text}\r\n\n   \r\n{{\n{long}\n{text}\n{last}".encode())
    assert await read(Source(file)) == [
        "a",
        "4: the line is no JSON",
        "5: the line has more than 200 bytes",
        "6: its custom_id is that of request 1",
        "b",
    ]
    assert count_lines(file) == 5


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("given", "why"),
    [
        (7, "it is no JSON object with custom_id and params"),
        ({"params": {}}, "it has no custom_id"),
        ({"custom_id": "ü", "params": {}}, "custom_id must have 1 to 64 letters, digits, hyphens and underscores"),
        ({"custom_id": "a"}, "it has no params"),
    ],
)
async def test_what_is_no_request(given: Any, why: str) -> None:
    """Is told by its place, and what comes behind it is read."""
    assert await read(Source([given, GOOD])) == [f"1: {why}", "a"]


@pytest.mark.anyio
async def test_generators_are_closed() -> None:
    """Also one that is left in the middle."""
    closed = []

    def give() -> Iterator[Any]:
        try:
            yield GOOD
            yield {**GOOD, "custom_id": "b"}
        finally:
            closed.append("plain")

    async def give_later() -> AsyncIterator[Any]:
        try:
            for each in [GOOD, {**GOOD, "custom_id": "b"}]:
                yield each
        finally:
            closed.append("async")

    for given in (give(), give_later()):
        left = Source(given)
        assert await left.next() is not None
        await left.aclose()
    assert closed == ["plain", "async"]
    assert await read(Source(give())) == ["a", "b"]
    assert await read(Source(give_later())) == ["a", "b"]


@pytest.mark.parametrize("given", [7, {"a": 1}, b"bytes", None])
def test_what_gives_no_requests(given: Any) -> None:
    """Is a TypeError, and a mapping too: it would give its keys."""
    with pytest.raises(TypeError, match="requests must be"):
        Source(given)
