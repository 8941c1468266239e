"""What a request says when it asks a model to go on with its answer, read without knowing how it is worded.

The words that it quotes are found by what they say: they are the end of what the request carries of the answer, and
perhaps a little of what comes behind it. They may stand in a tag, in a code fence, in quotation marks or brackets, on
a line of their own, or in the middle of a sentence. White space is not compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Ask", "read_ask"]

#: The shortest passage that counts as quoted wherever it stands; a shorter one stands in a sentence by accident.
_SHORTEST: Final = 6
#: How far from the end of what is carried a quotation may end, in characters: about the longest sentence.
_NEAR: Final = 400

_TAG: Final = re.compile(r"<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>")
_FENCE: Final = re.compile(r"(?m)^[ \t]*+(`{3,}+|~{3,}+)[^\n`]*+\n")
_PAIRS: Final = (
    *(('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"), ("「", "」")),
    *(("'", "'"), ("‘", "’"), ("`", "`"), ("[", "]"), ("(", ")"), ("**", "**")),
)
_LINE_HEAD: Final = re.compile(r"(?:^|\n)[ \t]*+(?:[>*-][ \t]++)?(?:\.{3}|…)?[ \t]*+$")
_LINE_END: Final = re.compile(r"[ \t]*(?:\n|$)")
_ELLIPSIS: Final = re.compile(r"(?:\.{3}|…)[ \t]*$")
_OUTER_ELLIPSIS: Final = re.compile(r"^(?:\.{3}|…)|(?:\.{3}|…)$")
_LINE: Final = re.compile(r"[^\n]+")
_SET_OFF: Final = re.compile(r"[^\w\s,.]{2}")


@dataclass(frozen=True, slots=True)
class Ask:
    """The user turn that asks a model to go on.

    Attributes:
        echo: The end of what the request carries of the answer, from where the quoted words begin, white space at its
            end included; empty: none of it is quoted.
        quoted: How many characters of the answer are quoted, from the first of the echo on. More than the echo has
            where the request also quotes words that it does not carry; fewer where the quotation ends earlier.
        opening: What stands before the quoted words, such as `<tail>`; a quotation mark where nothing does.
        closing: What stands after them.
        before: What the turn says before the quotation; all of it if it quotes nothing.
        after: What it says after that.
    """

    echo: str = ""
    quoted: int = 0
    opening: str = '"'
    closing: str = '"'
    before: str = ""
    after: str = ""

    @property
    def ends_early(self) -> bool:
        """Whether the quoted words are from the middle of what is carried, and not its end."""
        return self.quoted < len(self.echo.rstrip())


@dataclass(frozen=True, slots=True)
class _Passage:
    """A part of the user turn, from `start` to `end`, and the marks around it."""

    start: int
    end: int
    opening: str = '"'
    closing: str = '"'
    outer_start: int = -1
    outer_end: int = -1

    def around(self, prompt: str) -> tuple[str, str]:
        """What is said before it and after it, without the marks."""
        first = self.start if self.outer_start < 0 else self.outer_start
        last = self.end if self.outer_end < 0 else self.outer_end
        return prompt[:first].strip(), prompt[last:].strip()


class _Squeezed:
    """A text without its white space, and the place of each character."""

    def __init__(self, text: str, offset: int = 0) -> None:
        self.places = [offset + place for place, character in enumerate(text) if not character.isspace()]
        self.text = "".join(text.split())

    def __len__(self) -> int:
        return len(self.text)


def read_ask(answer: str, sent: str, prompt: str) -> Ask:
    """What `prompt` quotes of an answer, and what it says beside.

    Args:
        answer: The whole answer.
        sent: The part of it that the request carries, with or without its trailing white space.
        prompt: The text of the user turn after it.
    """
    if not answer.startswith(sent):
        sent = sent.rstrip()
    # Nothing longer than the turn is quoted in it: a long answer need not be looked through.
    reach = 4 * len(prompt) + _NEAR
    offset = max(0, len(sent) - reach)
    before = _Squeezed(answer[offset : len(sent)], offset)
    behind = _Squeezed(answer[len(sent) : len(sent) + reach], len(sent))
    told = _Squeezed(prompt)
    found = _touching(before, behind, told, prompt) or _near(before, prompt)
    if found is None:
        return Ask(before=prompt.strip())
    passage, first, last = found  # counted in squeezed characters from the boundary
    places = before.places + behind.places
    start = places[len(before) + first] if first < 0 else len(sent)
    end = places[len(before) + last - 1] + 1
    # White space inside the marks is part of the quotation where the answer has it too.
    inside = prompt[passage.start : passage.end]
    head, tail = inside[: len(inside) - len(inside.lstrip())], inside[len(inside.rstrip()) :]
    if first < 0 and answer.endswith(head, 0, start):
        start -= len(head)
    if answer.startswith(tail, end):
        end += len(tail)
    said, then = passage.around(prompt)
    return Ask(answer[start : len(sent)], end - start, passage.opening, passage.closing, said, then)


_Found = tuple[_Passage, int, int]


def _touching(before: _Squeezed, behind: _Squeezed, told: _Squeezed, prompt: str) -> _Found | None:
    """The longest passage that ends with what is carried, or goes on into what comes behind it."""
    backwards, told_backwards = before.text[::-1], told.text[::-1]
    candidates = []
    for at in range(len(told) + 1):
        left = _common(backwards, told_backwards, len(told) - at)
        right = _common(behind.text, told.text, at)
        if left or right:
            candidates.append((left + right, at, left, right))
    for _, at, left, right in sorted(candidates, reverse=True):
        start, end = told.places[at - left], told.places[at + right - 1] + 1
        passage = _marked(prompt, start, end)
        if passage is None and left < _SHORTEST:
            continue
        passage = passage or _Passage(start, end)
        inside = [n for n in range(at - left, at + right) if passage.start <= told.places[n] < passage.end]
        if inside and inside[0] <= at <= inside[-1] + 1:
            return passage, inside[0] - at, inside[-1] + 1 - at
    return None


def _common(text: str, told: str, at: int) -> int:
    """How many characters `text` and `told` from `at` on share."""
    low, high = 0, min(len(text), len(told) - at)
    if text[:1] != told[at : at + 1]:
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        if told.startswith(text[:middle], at):
            low = middle
        else:
            high = middle - 1
    return low


def _near(before: _Squeezed, prompt: str) -> _Found | None:
    """The longest passage between marks that is from the last sentence or so of what is carried."""
    best: _Found | None = None
    for passage in _between_marks(prompt):
        words = _OUTER_ELLIPSIS.sub("", "".join(prompt[passage.start : passage.end].split()))
        at = before.text.rfind(words, max(0, len(before) - _NEAR)) if len(words) >= _SHORTEST else -1
        if at >= 0 and (best is None or len(words) > best[2] - best[1]):
            best = passage, at - len(before), at - len(before) + len(words)
    return best


def _between_marks(prompt: str) -> Iterator[_Passage]:
    for tag in _TAG.finditer(prompt):
        closing = f"</{tag[1]}>"
        end = prompt.find(closing, tag.end())
        if end >= 0:
            yield _Passage(tag.end(), end, tag[0], closing, tag.start(), end + len(closing))
    for opening, closing in _PAIRS:
        start = prompt.find(opening)
        while start >= 0:
            at = start + len(opening)
            end = prompt.find(closing, at + 1)
            if end < 0:
                break
            yield _Passage(at, end, opening, closing, start, end + len(closing))
            start = prompt.find(opening, end + len(closing))
    for line in _LINE.finditer(prompt):
        yield _Passage(*line.span())


def _marked(prompt: str, start: int, end: int) -> _Passage | None:
    """The passage from `start` to `end` without what it has of the marks around it; None if there are none.

    The answer may have, before or after the quoted words, what the turn has there as its mark.
    """
    found = _in_a_tag(prompt, start, end) or _in_a_fence(prompt, start, end) or _in_a_pair(prompt, start, end, (0,))
    found = found or _on_lines(prompt, start, end) or _in_a_pair(prompt, start, end, (0, 1))
    if found is None and start > 0 and end < len(prompt) and _SET_OFF.match(prompt[start - 1] + prompt[end]):
        return _Passage(start, end)
    return found


def _on_lines(prompt: str, start: int, end: int) -> _Passage | None:
    """The passage if it is whole lines, but for some characters of the line before it or of the one behind it."""
    if not _LINE_HEAD.search(prompt[:start]):
        start = prompt.find("\n", start, min(end, start + _SHORTEST)) + 1 or end
    if not _LINE_END.match(prompt, end):
        end = prompt.rfind("\n", max(start, end - _SHORTEST), end)
    return _Passage(start, end) if start < end else None


def _in_a_tag(prompt: str, start: int, end: int) -> _Passage | None:
    for tag in _TAG.finditer(prompt):
        closing = f"</{tag[1]}>"
        last = prompt.find(closing, max(tag.end(), end - len(closing)))
        if _opens(prompt, tag.start(), tag.end(), start) and last >= 0 and not prompt[end:last].strip():
            return _Passage(tag.end(), last, tag[0], closing, tag.start(), last + len(closing))
    return None


def _in_a_fence(prompt: str, start: int, end: int) -> _Passage | None:
    for fence in _FENCE.finditer(prompt):
        closing = f"\n{fence[1]}"
        last = prompt.find(closing, max(fence.end() - 1, end - len(closing)))
        if _opens(prompt, fence.start(), fence.end(), start) and last >= 0 and not prompt[end:last].strip():
            return _Passage(fence.end(), last, fence[0], closing, fence.start(), last + len(closing))
    return None


def _opens(prompt: str, first: int, last: int, start: int) -> bool:
    """Whether the mark from `first` to `last` stands right before `start`, or reaches beyond it."""
    return (first <= start <= last) or (last < start and not prompt[last:start].strip())


def _in_a_pair(prompt: str, start: int, end: int, inside: tuple[int, ...]) -> _Passage | None:
    """The passage between two marks; `inside`: how many of each may be at the passage's own ends."""
    for opening, closing in _PAIRS:
        for first in (start + n * len(opening) for n in inside):
            head = prompt[:first].rstrip(" \t")
            dots = _ELLIPSIS.search(head)
            head = head[: dots.start()] if dots else head
            if not head.endswith(opening):
                continue
            for last in (end - n * len(closing) for n in inside):
                tail = prompt[last:].lstrip(" \t")
                if last > first and tail.startswith(closing):
                    inner = (len(head), len(prompt) - len(tail)) if not dots else (first, len(prompt) - len(tail))
                    outer = (len(head) - len(opening), len(prompt) - len(tail) + len(closing))
                    return _Passage(*inner, opening, closing, *outer)
    return None
