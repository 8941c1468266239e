"""The golden files: what each wire makes of each stream of `messages.py`.

    PYTHONPATH=.:tests:tests/core python -m tests.web.golden

writes them anew, for whoever means to change a wire; what has changed is then seen in the diff. The entries stand in
them too, so that nothing but a wire can change what they say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.web.messages import STREAMS, Recorded
from tests.web.wires import body_of

from unbroken.web.anthropic_wire import AnthropicWire
from unbroken.web.text_wire import TextWire
from unbroken.web.ui_wire import UIMessageWire

__all__ = ["FOLDER", "WIRES", "path_of", "read", "sections"]

FOLDER: Final = Path(__file__).with_name("golden")

#: By the names by which users choose them.
WIRES: Final[Mapping[str, type[Any]]] = {"anthropic": AnthropicWire, "text": TextWire, "ui-message": UIMessageWire}

_RULE: Final = "=== "


def path_of(name: str) -> Path:
    """The file of one stream."""
    return FOLDER / f"{name.replace(', ', '-').replace(' ', '-')}.txt"


def sections(name: str) -> dict[str, str]:
    """The parts of a file, by their titles."""
    parts = path_of(name).read_text(encoding="utf-8").split(_RULE)[1:]
    return dict(part.split("\n", 1) for part in parts)


def read(name: str) -> Recorded:
    """The stream in a file."""
    (title, entries), *_ = sections(name).items()
    found = [line.split(" ", 1) for line in entries.splitlines()]
    end: Any = title
    return Recorded([(position, json.loads(event)) for position, event in found], end)


def written(stream: Recorded) -> Iterator[str]:
    """A file, line by line or more."""
    yield f"{_RULE}{stream.end}\n"
    for position, event in stream.entries:
        yield f"{position} {json.dumps(event)}\n"
    for name, wire in WIRES.items():
        yield f"{_RULE}{name}\n"
        yield as_text(body_of(wire(), stream))


def as_text(body: bytes | None) -> str:
    """A body as the files have it."""
    return "(breaks off)\n" if body is None else f"{body.decode()}\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name, stream in STREAMS.items():
        path_of(name).write_text("".join(written(stream)), encoding="utf-8")
