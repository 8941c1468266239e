"""The caller's arguments, made ready to be sent more than once."""

from __future__ import annotations

import base64
import io
import threading
from pathlib import Path
from typing import Any

import anthropic
import pytest

from unbroken.sdk.arguments import materialize, without_omitted

pytestmark = pytest.mark.anyio


def encoded(content: bytes) -> str:
    """As the API takes it."""
    return base64.b64encode(content).decode()


def test_what_was_not_given_is_left_out() -> None:
    """`omit` and `not_given` say that the caller left an argument out; None is a value."""
    arguments = {"a": 1, "b": anthropic.omit, "c": anthropic.not_given, "d": None}
    assert without_omitted(arguments) == {"a": 1, "d": None}


async def test_iterables_that_the_api_takes_as_lists_become_lists() -> None:
    """Also generators deep inside."""
    [materialized] = await materialize(
        {
            "messages": iter([{"role": "user", "content": (block for block in [{"type": "text", "text": "Hi"}])}]),
            "stop_sequences": ("a", "b"),
            "tools": map(dict, [{"name": "look"}]),
            "system": "text stays text",
        }
    )
    assert materialized == {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stop_sequences": ["a", "b"],
        "tools": [{"name": "look"}],
        "system": "text stays text",
    }


async def test_containers_are_copied_and_their_owner_keeps_them() -> None:
    """Changing the copy does not reach the caller's, nor the other way round."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    [materialized] = await materialize({"messages": messages})
    materialized["messages"][0]["content"].append({"type": "text", "text": "more"})
    messages[0]["role"] = "nobody"
    assert messages == [{"role": "nobody", "content": [{"type": "text", "text": "Hi"}]}]
    assert materialized["messages"][0]["role"] == "user"


async def test_objects_of_the_sdk_are_passed_on_as_they_are() -> None:
    """A content block of an earlier message is the SDK's own type."""
    block = anthropic.types.TextBlock(type="text", text="Hi")
    [materialized] = await materialize({"messages": [{"role": "assistant", "content": [block]}]})
    assert materialized["messages"][0]["content"][0] is block


@pytest.mark.parametrize("kind", ["path", "binary", "bytes_io", "text", "string_io"])
async def test_files_become_base64_text(kind: str, tmp_path: Path) -> None:
    """Whatever kind of file it is."""
    content = "a cut ✂ of text".encode()
    path = tmp_path / "file"
    path.write_bytes(content)
    file: Any
    with path.open("rb") as binary, path.open(encoding="utf-8") as text:
        match kind:
            case "path":
                file = path
            case "binary":
                file = binary
            case "bytes_io":
                file = io.BytesIO(content)
            case "text":
                file = text
            case _:
                file = io.StringIO(content.decode())
        [materialized] = await materialize({"messages": [{"source": {"data": file}}]})
    assert materialized["messages"][0]["source"]["data"] == encoded(content)


async def test_each_file_is_read_in_its_place() -> None:
    """Two files keep their order, and are at their end afterwards."""
    files = [io.BytesIO(b"one"), io.BytesIO(b"two")]
    [materialized] = await materialize({"messages": [{"data": file} for file in files], "system": "no file"})
    assert [turn["data"] for turn in materialized["messages"]] == [encoded(b"one"), encoded(b"two")]
    assert [file.read() for file in files] == [b"", b""]


async def test_a_file_that_is_named_twice_is_read_once() -> None:
    """In one request, or in those of two routes."""
    file = io.BytesIO(b"one")
    first, second = await materialize({"messages": [{"data": file}, {"data": file}]}, {"system": [{"data": file}]})
    assert [turn["data"] for turn in first["messages"]] == [encoded(b"one")] * 2
    assert second["system"][0]["data"] == encoded(b"one")


async def test_files_are_read_off_the_event_loop() -> None:
    """A slow disk does not stop the other tasks."""
    readers: list[int] = []

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            readers.append(threading.get_ident())
            return super().read(size)

    await materialize({"messages": [Slow(b"x")]})
    assert readers
    assert threading.get_ident() not in readers


async def test_a_file_that_cannot_be_read_raises_as_it_does_anywhere(tmp_path: Path) -> None:
    """`OSError`, for the caller."""
    with pytest.raises(FileNotFoundError):
        await materialize({"messages": [tmp_path / "missing"]})
