"""Where a block of Markdown ends: for pages that render an answer while it comes.

The blocks are the outermost ones of CommonMark, with GitHub's tables: a paragraph, a heading, a list with all its
items, a table, a quotation, a fence with what is in it. Each can be rendered by itself, once it is whole. Mathematics
between two lines of `$$`, or of `\\[` and `\\]`, is a fence as well: every renderer that knows it has it so.

The text is read line by line. Of the line that is growing only its start matters, after a list above all: that a
paragraph has begun, and so the list is over, shows in its first letter.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Literal

from .markdown_lines import (
    DELIMITERS,
    HEADING,
    HEADING_BEGINS,
    HTML,
    ITEM,
    MARKER,
    NO_ITEM,
    QUOTE,
    RULE,
    TAG,
    TELLING,
    UNDERLINE,
    Closes,
    cell_count,
    fence_end,
    indentation,
    interrupts,
    rule_begins,
)
from .splitter import Splitter

__all__ = ["Blocks"]


@dataclass(slots=True)
class _Block:
    """The block that is growing.

    Attributes:
        kind: `text` is a paragraph or a table, `code` is code that is indented.
        until: For `fence` and `html`, tells the line that ends it; None: it ends before a blank line.
        width: For `list`, the column where the content of its last item begins. For `text`, the cells of its last line.
        marker: For `list`, what all its items have: `-`, `+`, `*`, `.` or `)`.
        empty: For `list`, whether the last line was an item with nothing in it.
        nested: For `list` and `quote`, the columns where the content of the items that are open begins.
        inner: For `list` and `quote`, tells the line that ends the fence that is open in it; None: none is.
        paragraph: For `list` and `quote`, whether the last line is of a paragraph: the next need not be indented. For
            `text`, whether it is one, and no table.
    """

    kind: Literal["text", "fence", "html", "code", "list", "quote"]
    until: Closes | None = None
    width: int = 0
    marker: str = ""
    empty: bool = False
    nested: list[int] = field(default_factory=list)
    inner: Closes | None = None
    paragraph: bool = False


#: What a line is to the block that is growing: a part of it, its last line, or the first that is no longer in it.
_Verdict = Literal["part", "last", "after"]


class Blocks(Splitter):
    """Blocks of Markdown, each with the blank lines before it."""

    def __init__(self) -> None:
        super().__init__()
        self._block: _Block | None = None  # None: a blank line, or nothing, came last
        self._searched = 0  # characters of the growing line that are known to have no line break
        self._content = 0  # the end of the last line that is not blank: blank lines belong to what follows

    def _ends(self, held: str, at: int) -> tuple[list[int], int]:
        ends: list[int] = []
        while (newline := held.find("\n", at + self._searched)) >= 0 or (self._last and at < len(held)):
            following = newline + 1 or len(held)
            line = held[at:following]
            before, with_it = self._take(line)
            if before:
                ends.append(self._content)
            if with_it:
                ends.append(following)
            if line.strip():
                self._content = following
            at, self._searched = following, 0
        self._searched = len(held) - at
        if self._block is not None and _surely_after(self._block, held[at : at + TELLING]):
            self._block = None
            ends.append(self._content)
        if ends:
            self._content -= ends[-1]  # which is where what is held will begin
        return ends, at

    def _take(self, line: str) -> tuple[bool, bool]:
        """Take a whole line. Returns whether a block ended before it, and whether one ends with it."""
        before = False
        if self._block is not None:
            verdict = _judge(self._block, line)
            if verdict != "after":
                if verdict == "last":
                    self._block = None
                return False, verdict == "last"
            before = True
        self._block, is_whole = _begin(line)
        return before, is_whole


def _begin(line: str) -> tuple[_Block | None, bool]:
    """The block that a line begins, if it goes on behind the line, and whether it is whole."""
    if not line.strip():
        return None, False
    if indentation(line) >= 4:
        return _Block("code"), False
    if RULE.match(line) or HEADING.match(line):
        return None, True
    if closing := fence_end(line):
        return _Block("fence", closing), False
    for begins, until in HTML:
        if begins.match(line):
            is_whole = until is not None and until.search(line) is not None
            return None if is_whole else _Block("html", until and until.search), is_whole
    if QUOTE.match(line):
        block = _Block("quote")
        _look_inside(block, line)
        return block, False
    if item := ITEM.match(line.expandtabs(4)):
        block = _Block("list", marker=item["marker"][-1])
        _take_item(block, line)
        return block, False
    return _Block("html") if TAG.match(line) else _Block("text", width=cell_count(line), paragraph=True), False


def _judge(block: _Block, line: str) -> _Verdict:
    """What a whole line is to the block. What a list or a quotation holds is noted."""
    if block.until is not None:
        return "last" if block.until(line) else "part"
    match block.kind:
        case "list":
            return _judge_in_list(block, line)
        case "code":
            return "part" if not line.strip() or indentation(line) >= 4 else "after"
        case "quote" if QUOTE.match(line):
            _look_inside(block, line)
            return "part"
        case _ if not line.strip():
            return "after"
        case "text" if block.paragraph and UNDERLINE.match(line):
            return "last"
        case "text":
            cells, block.width = block.width, cell_count(line)
            if block.paragraph:
                block.paragraph = not (DELIMITERS.match(line) and cells == block.width)
            elif indentation(line) >= 4 or ITEM.match(line):
                return "after"  # what a paragraph would take for its next line, a table does not take for a row
        case "quote" if not block.paragraph or ITEM.match(line):
            return "after"
        case "html":
            return "part"
    return "after" if interrupts(line) else "part"


def _judge_in_list(block: _Block, line: str) -> _Verdict:
    if not line.strip():
        if block.empty:  # an item begins with one blank line at most
            block.width = sys.maxsize
        block.paragraph = False
        return "part"
    block.empty = False
    if indentation(line) >= block.width:
        _look_inside(block, line)
        return "part"
    item = ITEM.match(line.expandtabs(4))
    if item and item["marker"][-1] == block.marker and not RULE.match(line):
        _take_item(block, line)
        return "part"
    return "part" if block.paragraph and not (item or interrupts(line)) else "after"


def _surely_after(block: _Block, line: str) -> bool:
    """Whether a line that is still growing, of which this is the start, is behind the block, however it goes on."""
    if block.until is not None or block.kind == "html":
        return False
    if block.kind == "list":
        if not line.strip() or indentation(line) >= block.width:
            return False
        if not block.paragraph and NO_ITEM.match(line):
            return True
    if block.kind == "code" and NO_ITEM.match(line):
        return True
    return HEADING_BEGINS.match(line) is not None


def _take_item(block: _Block, line: str) -> None:
    """Note where the content of a list item begins, and what is in its first line."""
    expanded = line.expandtabs(4)
    item = ITEM.match(expanded)
    assert item is not None
    content = expanded[item.end("marker") :]
    spaces = len(content) - len(content.lstrip())
    block.width = item.end("marker") + (spaces if content.strip() and spaces <= 4 else 1)
    block.empty = not content.strip()
    block.inner = None
    block.nested.clear()
    _look_inside(block, line)


def _look_inside(block: _Block, line: str) -> None:
    """Note what a line of a list or of a quotation holds: items, a fence that opens or closes, a paragraph."""
    line = line.expandtabs(4)
    at = len(line) - len(line.lstrip(" >"))
    while block.nested and at < block.nested[-1]:
        block.nested.pop()
        block.inner = None
    if block.inner is not None:
        if block.inner(line[at:]):
            block.inner = None
        block.paragraph = False
        return
    rule = rule_begins(line)
    while not (is_rule := at in rule and not line.startswith("    ", at)) and (marker := MARKER.match(line, at)):
        at = marker.end()
        block.nested.append(at)
    content = line[at:]
    block.inner = fence_end(content)
    block.paragraph = bool(content.strip()) and not (block.inner or HEADING.match(content) or is_rule)
