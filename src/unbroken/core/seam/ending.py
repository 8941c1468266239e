"""Whether a text may be the end of an answer, by its looks alone.

It is asked when a model that was to go on added nothing: it may have said all, or just have stopped. Nothing but the
text is at hand, so the answer is one of three:

| the text                                                            | `ending_of` |
|---------------------------------------------------------------------|-------------|
| ends a sentence, a fence, a document, a row, a link                 | FINISHED    |
| ends in a word where one may end: a list of words, a line of code   | UNCLEAR     |
| ends in white space, in a comma or colon, in a mark that opens; has | UNFINISHED  |
| a fence, bracket, quotation or emphasis open; ends prose in mid-air |             |

A text that is called UNFINISHED is one that hardly any answer ends with: of 123 recorded answers of the API that had
ended by themselves one is called so (four words that it had been told to say), and none ends in white space. Where it
is UNCLEAR it is worth asking once more.
"""

from __future__ import annotations

import json
import re
import unicodedata
from enum import Enum
from typing import Final

from .fence import ends_in_a_fence

__all__ = ["Ending", "ending_of"]


class Ending(Enum):
    """How a text looks at its end."""

    FINISHED = "finished"
    UNCLEAR = "unclear"
    UNFINISHED = "unfinished"


#: How much of the end is looked at, in characters: a paragraph. A fence is looked for in all of it.
_REACH: Final = 2_000

_SENTENCE_ENDS: Final = frozenset(".!?…。！？．؟۔।॥။។፧።՞։｡⁇⁈⁉‽")
_VARIATIONS: Final = "\ufe0e\ufe0f"  # a pictograph's, as text or in colour
_CLOSERS: Final = frozenset("\"'”’»›)]}」』）】》〉*_`|>~")
_OPENERS: Final = {
    "(": ")",
    "[": "]",
    "{": "}",
    "“": "”",
    "«": "»",
    "「": "」",
    "『": "』",
    "（": "）",
    "【": "】",
    "《": "》",
}
#: Marks after which something has to come, in the scripts that have their own.
_LEADS_ON: Final = frozenset(",;:-–—/\\&+=<@#$^(（[{“‘«「『【《、，；：،؛፣፤٫")
_ITEM: Final = re.compile(r"[^\S\n]{0,40}(?:[-*+•‣◦]|\d{1,9}[.)、]|[a-zA-Z][.)])(?:[^\S\n]|$)")
_FENCE: Final = re.compile(r"\s{0,40}(?:`{3,}|~{3,})")
_ROW: Final = re.compile(r"[^\S\n]{0,40}\|")
_HEADING: Final = re.compile(r"[^\S\n]{0,3}#{1,6}[^\S\n]")
#: Signs of a line that is no prose: code, markup, data.
_CODE: Final = re.compile(
    r"[{}<>=\\]|\w\(|[^\S\n]{4}|\t|//|^[^\S\n]{0,40}(?:import|from|def|class|return|const|let|var|#)\b"
)
_BARE_NUMBER: Final = re.compile(r"\s*\d{1,9}\.")
#: How many words, and how many characters, a text may have that is a title or a label rather than a sentence.
_FEW_WORDS: Final = 3
_LABEL: Final = 24  # an ideograph or kana says as much as three letters


def ending_of(text: str, *, before_call: bool = False) -> Ending:
    """How a text looks at its end.

    Args:
        text: All of it. Cost: a pass over it, and a few over its last 2,000 characters.
        before_call: Whether a tool call follows: "Let me look that up:" ends well before one.
    """
    body = text.rstrip()
    if not body:
        return Ending.UNFINISHED
    if before_call:
        return _before_call(text)
    if _is_document(body):
        return Ending.FINISHED
    if body[0] in "{[" and not _closes(body):
        return Ending.UNFINISHED
    if len(body) != len(text):
        return Ending.UNFINISHED
    if _is_fenced(body):
        # A bare fence at the end closes one, whatever was counted: fences within fences are counted wrongly.
        is_bare = body[-_REACH:].rpartition("\n")[2].strip() == "```"
        return Ending.UNCLEAR if is_bare and body.count("```") > 2 else Ending.UNFINISHED
    paragraph = body[-_REACH:].rpartition("\n\n")[2]
    lines = paragraph.split("\n")
    line = lines[-1]
    if _FENCE.fullmatch(line):
        return Ending.FINISHED
    if _is_bare_item(line) or _is_open(paragraph, line):
        return Ending.UNFINISHED
    if _is_closed(body, line):
        return Ending.FINISHED
    if body[-1] in _LEADS_ON:
        return Ending.UNFINISHED
    return _in_mid_air(lines, line)


def _before_call(text: str) -> Ending:
    """A model says what it will do, and does it: with a colon, a full stop or nothing behind the last word."""
    body = text.rstrip()
    if _is_fenced(body):
        return Ending.UNFINISHED
    if body[-1] in ":：…" or body.endswith("..."):
        return Ending.FINISHED
    found = ending_of(body)
    return Ending.UNFINISHED if found is Ending.UNCLEAR else found


def _is_fenced(text: str) -> bool:
    """Whether a code fence is open; a last line of three marks closes one, though no line break follows it yet."""
    return ends_in_a_fence(text + "\n")


def _is_document(body: str) -> bool:
    """Whether it is one whole JSON value of some size."""
    if body[0] not in "{[" or body[-1] not in "}]":
        return False
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _closes(body: str) -> bool:
    """Whether what begins like a document has as many closing brackets as opening ones, or goes over into prose."""
    if body[-1] in _SENTENCE_ENDS:
        return True
    return all(body.count(opener) <= body.count(closer) for opener, closer in ("{}", "[]"))


def _is_bare_item(line: str) -> bool:
    """Whether the line is the mark of a list's item, a heading or a quotation with nothing behind it."""
    stripped = line.strip()
    marker = _ITEM.match(stripped)
    return bool(marker and marker.end() == len(stripped)) or not stripped.strip("#>")


def _is_open(paragraph: str, line: str) -> bool:
    """Whether a bracket, a quotation or emphasis of its last paragraph or line is still open."""
    if any(paragraph.count(opener) > paragraph.count(closer) for opener, closer in _OPENERS.items()):
        return True
    return any(line.count(mark) % 2 for mark in ("**", "__", "`"))


def _is_closed(body: str, line: str) -> bool:
    """Whether its last character ends something."""
    last = body.rstrip(_VARIATIONS)[-1:]
    if last == "$":  # a formula, unless it begins one or a price
        whole = body if line.strip() == "$$" else line
        mark = "$$" if whole is body else "$"
        return whole.count(mark) % 2 == 0 and not line[-2:-1].isspace()
    if last in _SENTENCE_ENDS or _is_pictograph(last):
        return not _is_number(body)
    # Emphasis and quotation marks close only what stands before them.
    return last in _CLOSERS and bool(body.rstrip("".join(_CLOSERS)))


def _is_number(body: str) -> bool:
    """Whether the full stop belongs to the number of an item that has just begun: "3."."""
    return bool(_BARE_NUMBER.fullmatch(body[-_REACH:].rpartition("\n")[2]))


def _is_pictograph(character: str) -> bool:
    return bool(character) and (character >= "\U0001f000" or unicodedata.category(character) == "So")


def _in_mid_air(lines: list[str], line: str) -> Ending:
    """A last word without a mark behind it: what that means goes by what the line is."""
    if _ROW.match(line):
        return Ending.UNFINISHED  # a row ends in a bar
    if _HEADING.match(line):
        return Ending.UNFINISHED  # something stands below a heading
    if _CODE.search(line):
        return Ending.UNCLEAR
    if _ITEM.match(line):
        items = [each.rstrip() for each in lines if _ITEM.match(each)]
        marked = sum(each[-1] in _SENTENCE_ENDS for each in items[:-1])
        return Ending.UNFINISHED if marked * 2 > len(items) - 1 else Ending.UNCLEAR
    others = [each for each in lines[:-1] if each.strip()]
    unmarked = sum(each.rstrip()[-1].isalnum() for each in others)
    if others and unmarked * 2 >= len(others):
        return Ending.UNCLEAR  # verse, an address, lines of data
    width = len(line) + 2 * sum("\u2e80" <= each < "\uff00" for each in line)
    is_label = len(lines) == 1 and width <= _LABEL and len(line.split()) <= _FEW_WORDS
    return Ending.UNCLEAR if is_label or _has_no_full_stop(line[-1]) else Ending.UNFINISHED


def _has_no_full_stop(last: str) -> bool:
    """Whether its script ends sentences without a mark: Thai and Lao do."""
    return "\u0e00" <= last <= "\u0eff"
