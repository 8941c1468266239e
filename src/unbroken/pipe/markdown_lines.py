"""What a line of Markdown is: a heading, a rule, the start of a fence, an item of a list.

A model's text is a stranger's: each pattern takes a time that grows with the line and no faster. So nothing that may be
repeated stands beside something that could take the same characters, or it gives nothing back (`*+`, `++`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

__all__ = [
    "DELIMITERS",
    "HEADING",
    "HEADING_BEGINS",
    "HTML",
    "ITEM",
    "MARKER",
    "NO_ITEM",
    "QUOTE",
    "RULE",
    "TAG",
    "TELLING",
    "UNDERLINE",
    "Closes",
    "cell_count",
    "fence_end",
    "indentation",
    "interrupts",
    "rule_begins",
]

_FENCE: Final = re.compile(r" {0,3}(?:(?P<ticks>`{3,}+)[^`\n]*$|(?P<tildes>~{3,}+)|(?P<math>\$\$|\\\[)\s*$)")
#: What may close a fence of ticks or tildes.
_FENCE_END: Final = re.compile(r" {0,3}(?P<run>`++|~++)\s*$")
_MATH_ENDS: Final = {"$$": re.compile(r"\$\$\s*$"), r"\[": re.compile(r"\\\]\s*$")}
HEADING: Final = re.compile(r" {0,3}#{1,6}(?:\s|$)")
RULE: Final = re.compile(r" {0,3}(?:(?:\*[ \t]*+){3,}|(?:-[ \t]*+){3,}|(?:_[ \t]*+){3,})\s*$")
UNDERLINE: Final = re.compile(r" {0,3}(?:=++|-++)\s*$")
_BAR: Final = re.compile(r"(?<!\\)\|")
#: The second line of a table.
DELIMITERS: Final = re.compile(
    r"[ \t]*+\|?[ \t]*+:?-++(?::?+[ \t]*+\|?+[ \t]*+:?+-++)*:?[ \t]*+\|?\s*$"  # a bar between two cells may be missing
)
ITEM: Final = re.compile(r"(?P<indent> {0,3})(?P<marker>[-+*]|(?P<number>\d{1,9})[.)])(?P<space>\s+|$)")
QUOTE: Final = re.compile(r" {0,3}>")
#: The marker of an item in a list or in a quotation, with the space up to what it holds.
MARKER: Final = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?:[ >]{1,4}(?=[^ >\n])| |(?=\s*$))")

# HTML, by the seven kinds of CommonMark: how a block begins, and how it ends (None: before a blank line).
_BLOCK_TAGS: Final = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|"
    "fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|"
    "menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|"
    "track|ul"
)
HTML: Final = tuple(
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
TAG: Final = re.compile(rf" {{0,3}}(?:<[a-zA-Z][a-zA-Z0-9-]*(?:{_ATTRIBUTE})*\s*/?>|</[a-zA-Z][a-zA-Z0-9-]*\s*>)\s*$")

#: The start of a line that is not indented and is no list item, however it goes on; and that of a heading.
NO_ITEM: Final = re.compile(r" {0,3}(?:[^\s\d*+-]|[*+-]\S|\d{1,9}(?:[^\d\s.)]|[.)]\S)|\d{10})")
HEADING_BEGINS: Final = re.compile(r" {0,3}#{1,6}[ \t]")
#: Characters of a growing line that tell all that these two, and the indentation of an item, can tell.
TELLING: Final = 32


#: Whether a line ends what is open; its truth is what counts.
Closes = Callable[[str], object]


def interrupts(line: str) -> bool:
    """Whether a line ends a paragraph that no blank line ended."""
    if any(begins.match(line) for begins in (RULE, HEADING, _FENCE, QUOTE)):
        return True
    if item := ITEM.match(line):
        return item["number"] in (None, "1") and bool(line[item.end() :].strip())
    return any(begins.match(line) for begins, _ in HTML)


def rule_begins(line: str) -> range:
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


def fence_end(line: str) -> Closes | None:
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


def indentation(line: str) -> int:
    """How far a line is indented, with a tab to the next multiple of four."""
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def cell_count(line: str) -> int:
    """How many cells a line has, if it is one of a table."""
    return len(_BAR.findall(line.strip().removeprefix("|").removesuffix("|"))) + 1
