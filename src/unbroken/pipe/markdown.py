"""Where a block of Markdown ends: for pages that render an answer while it comes.

The blocks are the outermost ones of CommonMark, with GitHub's tables: a paragraph, a heading, a list with all its
items, a table, a quotation, a fence with what is in it. Each can be rendered by itself, once it is whole. Mathematics
between two lines of `$$`, or of `\\[` and `\\]`, is a fence as well: every renderer that knows it has it so.

The text is read line by line. Of the line that is growing only its start matters, after a list above all: that a
paragraph has begun, and so the list is over, shows in its first letter.

A model's text is a stranger's: each pattern takes a time that grows with the line and no faster. So nothing that may be
repeated stands beside something that could take the same characters, or it gives nothing back (`*+`, `++`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from .splitting import Splitter

__all__ = ["Blocks"]

_FENCE: Final = re.compile(r" {0,3}(?:(?P<ticks>`{3,}+)[^`\n]*$|(?P<tildes>~{3,}+)|(?P<math>\$\$|\\\[)\s*$)")
#: What may close a fence of ticks or tildes.
_FENCE_END: Final = re.compile(r" {0,3}(?P<run>`++|~++)\s*$")
_MATH_ENDS: Final = {"$$": re.compile(r"\$\$\s*$"), r"\[": re.compile(r"\\\]\s*$")}
_HEADING: Final = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_RULE: Final = re.compile(r" {0,3}(?:(?:\*[ \t]*+){3,}|(?:-[ \t]*+){3,}|(?:_[ \t]*+){3,})\s*$")
_UNDERLINE: Final = re.compile(r" {0,3}(?:=++|-++)\s*$")
_BAR: Final = re.compile(r"(?<!\\)\|")
#: The second line of a table.
_DELIMITERS: Final = re.compile(
    r"[ \t]*+\|?[ \t]*+:?-++(?::?+[ \t]*+\|?+[ \t]*+:?+-++)*:?[ \t]*+\|?\s*$"  # a bar between two cells may be missing
)
_ITEM: Final = re.compile(r"(?P<indent> {0,3})(?P<marker>[-+*]|(?P<number>\d{1,9})[.)])(?P<space>\s+|$)")
_QUOTE: Final = re.compile(r" {0,3}>")
#: The marker of an item in a list or in a quotation, with the space up to what it holds.
_MARKER: Final = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?:[ >]{1,4}(?=[^ >\n])| |(?=\s*$))")

# HTML, by the seven kinds of CommonMark: how a block begins, and how it ends (None: before a blank line).
_BLOCK_TAGS: Final = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|"
    "fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|"
    "menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|"
    "track|ul"
)
_HTML: Final = tuple(
    (re.compile(" {0,3}" + begins, re.IGNORECASE), None if ends is None else re.compile(ends, re.IGNORECASE))
    for begins, ends in (
        (r"<(?:script|pre|style|textarea)(?:\s|>|$)", r"</(?:script|pre|style|textarea)>"),
        (r"<!--", r"-->"),
        (r"<\?", r"\?>"),
        (r"<![a-z]", r">"),
        (r"<!\[CDATA\[", r"\]\]>"),
        (rf"</?(?:{_BLOCK_TAGS})(?:\s|/?>|$)", None),
    )
)
_ATTRIBUTE: Final = r"""\s+[a-zA-Z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?"""
#: The seventh kind, any tag alone on its line, does not interrupt a paragraph.
_TAG: Final = re.compile(rf" {{0,3}}(?:<[a-zA-Z][a-zA-Z0-9-]*(?:{_ATTRIBUTE})*\s*/?>|</[a-zA-Z][a-zA-Z0-9-]*\s*>)\s*$")

#: The start of a line that is not indented and is no list item, however it goes on; and that of a heading.
_NO_ITEM: Final = re.compile(r" {0,3}(?:[^\s\d*+-]|[*+-]\S|\d{1,9}(?:[^\d\s.)]|[.)]\S)|\d{10})")
_HEADING_BEGINS: Final = re.compile(r" {0,3}#{1,6}[ \t]")
#: Characters of a growing line that tell all that these two, and the indentation of an item, can tell.
_TELLING: Final = 32


#: Whether a line ends what is open; its truth is what counts.
_Closes = Callable[[str], object]


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
    until: _Closes | None = None
    width: int = 0
    marker: str = ""
    empty: bool = False
    nested: list[int] = field(default_factory=list)
    inner: _Closes | None = None
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
        if self._block is not None and _surely_after(self._block, held[at : at + _TELLING]):
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
    if _columns(line) >= 4:
        return _Block("code"), False
    if _RULE.match(line) or _HEADING.match(line):
        return None, True
    if closing := _closing(line):
        return _Block("fence", closing), False
    for begins, until in _HTML:
        if begins.match(line):
            is_whole = until is not None and until.search(line) is not None
            return None if is_whole else _Block("html", until and until.search), is_whole
    if _QUOTE.match(line):
        block = _Block("quote")
        _look_inside(block, line)
        return block, False
    if item := _ITEM.match(line.expandtabs(4)):
        block = _Block("list", marker=item["marker"][-1])
        _take_item(block, line)
        return block, False
    return _Block("html") if _TAG.match(line) else _Block("text", width=_cells(line), paragraph=True), False


def _judge(block: _Block, line: str) -> _Verdict:
    """What a whole line is to the block. What a list or a quotation holds is noted."""
    if block.until is not None:
        return "last" if block.until(line) else "part"
    match block.kind:
        case "list":
            return _judge_in_list(block, line)
        case "code":
            return "part" if not line.strip() or _columns(line) >= 4 else "after"
        case "quote" if _QUOTE.match(line):
            _look_inside(block, line)
            return "part"
        case _ if not line.strip():
            return "after"
        case "text" if block.paragraph and _UNDERLINE.match(line):
            return "last"
        case "text":
            cells, block.width = block.width, _cells(line)
            if block.paragraph:
                block.paragraph = not (_DELIMITERS.match(line) and cells == block.width)
            elif _columns(line) >= 4 or _ITEM.match(line):
                return "after"  # what a paragraph would take for its next line, a table does not take for a row
        case "quote" if not block.paragraph or _ITEM.match(line):
            return "after"
        case "html":
            return "part"
    return "after" if _interrupts(line) else "part"


def _judge_in_list(block: _Block, line: str) -> _Verdict:
    if not line.strip():
        if block.empty:  # an item begins with one blank line at most
            block.width = sys.maxsize
        block.paragraph = False
        return "part"
    block.empty = False
    if _columns(line) >= block.width:
        _look_inside(block, line)
        return "part"
    item = _ITEM.match(line.expandtabs(4))
    if item and item["marker"][-1] == block.marker and not _RULE.match(line):
        _take_item(block, line)
        return "part"
    return "part" if block.paragraph and not (item or _interrupts(line)) else "after"


def _surely_after(block: _Block, line: str) -> bool:
    """Whether a line that is still growing, of which this is the start, is behind the block, however it goes on."""
    if block.until is not None or block.kind == "html":
        return False
    if block.kind == "list":
        if not line.strip() or _columns(line) >= block.width:
            return False
        if not block.paragraph and _NO_ITEM.match(line):
            return True
    if block.kind == "code" and _NO_ITEM.match(line):
        return True
    return _HEADING_BEGINS.match(line) is not None


def _interrupts(line: str) -> bool:
    """Whether a line ends a paragraph that no blank line ended."""
    if any(begins.match(line) for begins in (_RULE, _HEADING, _FENCE, _QUOTE)):
        return True
    if item := _ITEM.match(line):
        return item["number"] in (None, "1") and bool(line[item.end() :].strip())
    return any(begins.match(line) for begins, _ in _HTML)


def _take_item(block: _Block, line: str) -> None:
    """Note where the content of a list item begins, and what is in its first line."""
    expanded = line.expandtabs(4)
    item = _ITEM.match(expanded)
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
    rule = _rule_begins(line)
    while not (is_rule := at in rule and not line.startswith("    ", at)) and (marker := _MARKER.match(line, at)):
        at = marker.end()
        block.nested.append(at)
    content = line[at:]
    block.inner = _closing(content)
    block.paragraph = bool(content.strip()) and not (block.inner or _HEADING.match(content) or is_rule)


def _rule_begins(line: str) -> range:
    """The places in a line without tabs from which on it is a rule, if that is not indented too far.

    A line of nested items asks for it at each of its markers, and would be read once for each.
    """
    end = len(line.rstrip())
    mark = line[end - 1 : end]
    if not mark or mark not in "*-_":
        return range(0)
    begin = len(line[:end].rstrip(f" {mark}"))
    third = end
    for _ in range(3):
        third = line.rfind(mark, begin, third)
        if third < 0:
            return range(0)
    return range(begin, third + 1)


def _closing(line: str) -> _Closes | None:
    """Tells the line that ends the fence which this line opens. None: it opens none."""
    fence = _FENCE.match(line)
    if fence is None:
        return None
    if fence["math"]:
        return _MATH_ENDS[fence["math"]].search
    return partial(_is_fence_end, fence["ticks"] or fence["tildes"])


def _is_fence_end(opening: str, line: str) -> bool:
    """Whether a line ends the fence that was opened with this run of ticks or tildes: with as many at least."""
    end = _FENCE_END.match(line)
    return end is not None and end["run"].startswith(opening)


def _columns(line: str) -> int:
    """How far a line is indented, with a tab to the next multiple of four."""
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def _cells(line: str) -> int:
    """How many cells a line has, if it is one of a table."""
    return len(_BAR.findall(line.strip().removeprefix("|").removesuffix("|"))) + 1
