"""The page of the docs says what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import chat

EXAMPLE = Path(chat.__file__).parent
PAGE = (EXAMPLE.parents[1] / "pages" / "how-to" / "chat-backend.md").read_text("utf-8")


def test_the_files() -> None:
    """Each file of the example stands in the table of files."""
    told = set(re.findall(r"`([\w.]+(?:\.py|/))`", PAGE.split("| file |")[1].split("\n\n")[0]))
    there = {path.name + "/" * path.is_dir() for path in EXAMPLE.iterdir() if not path.name.startswith("__pycache__")}
    assert told == there - {"__init__.py"}
