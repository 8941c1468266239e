"""The fenced blocks of a Markdown page: what the documentation tests run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Final

__all__ = ["LANGUAGES", "ROOT", "Block", "missing", "pages", "read"]

ROOT: Final = Path(__file__).resolve().parents[2]
#: What a page may hold, and what is done with it; see `run_pages.py`.
LANGUAGES: Final = ("python", "console", "toml", "text", "tsx")

_FENCE: Final = re.compile(
    r"(?:^[ \t]*<!-- script\n(?P<script>.*?)-->\n)?"
    r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)(?P=fence)[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_NEEDS: Final = re.compile(r"^<!-- needs (?P<modules>[\w ]+) -->$", re.MULTILINE)
_TITLE: Final = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        page: The file it stands in.
        line: The line of its first line of code, from 1.
        language: The first word after the fence; empty for a bare fence.
        title: Its `title="..."`; None without one.
        body: Its text, without the indentation of the fence.
        script: What the fault server does while it runs, as TOML, from an HTML comment `<!-- script ... -->` right
            above the fence; None for the usual: the first stream is cut in its middle.
    """

    page: Path
    line: int
    language: str
    title: str | None
    body: str
    script: str | None

    @property
    def is_output(self) -> bool:
        """Whether it shows what the block before it prints."""
        return self.language == "text" and self.title == "Output"


def pages() -> list[Path]:
    """The README and every page of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]


def read(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order; those in lists, tabs and admonitions too."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        info = found["info"].strip()
        title = _TITLE.search(info)
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start("body")) + 1,
            language=info.split()[0] if info else "",
            title=title[1] if title else None,
            body=dedent(found["body"]),
            script=found["script"],
        )


def missing(page: Path) -> list[str]:
    """What a page needs, and what is not installed here.

    It says which modules, as `<!-- needs aiostream starlette -->`; and one that has a `REDIS_URL` needs a server.
    """
    text = page.read_text(encoding="utf-8")
    named = [name for found in _NEEDS.finditer(text) for name in found["modules"].split()]
    servers = ["redis-server"] if "REDIS_URL" in text and shutil.which("redis-server") is None else []
    return [name for name in named if find_spec(name) is None] + servers
