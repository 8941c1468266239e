"""The page of the docs says what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import chat
from chat.answering import WAITING
from chat.chats import Chats
from chat.sse import BEAT

EXAMPLE = Path(chat.__file__).parent
PAGE = (EXAMPLE.parents[1] / "pages" / "how-to" / "chat-backend.md").read_text("utf-8")


def test_the_notices_that_are_told() -> None:
    """Each code stands in the table, beside the words that the reader sees."""
    rows = re.findall(r'^\| (`.*`) \| `waiting`: "(.*)" \|$', PAGE, re.MULTILINE)
    assert {code: words for codes, words in rows for code in re.findall(r"`(\w+)`", codes)} == WAITING


def test_the_files() -> None:
    """Each file of the example stands in the table of files."""
    told = set(re.findall(r"`([\w.]+(?:\.py|/))`", PAGE.split("| file |")[1].split("\n\n")[0]))
    there = {path.name + "/" * path.is_dir() for path in EXAMPLE.iterdir() if not path.name.startswith("__pycache__")}
    assert told == there - {"__init__.py"}


def test_the_figures() -> None:
    """The heartbeat, the page's patience, which is more than two of them, and the bounds of the store."""
    silence = re.search(r"SILENCE = ([\d_]+);", (EXAMPLE / "static" / "chat.js").read_text("utf-8"))
    assert silence is not None
    patience = int(silence[1]) / 1000
    assert patience > 2 * BEAT
    assert f"a heartbeat every {BEAT:.0f} seconds. The page takes {patience:.0f} seconds" in PAGE
    defaults = {name: parameter.default for name, parameter in inspect.signature(Chats).parameters.items()}
    assert f"{defaults['limit']:,} of them, each for an hour" in PAGE
    assert defaults["keep"] == 3600
