"""What a model says before it goes on: "Sure, here is the rest:", an ellipsis, a code fence that is open already.

When the words that were asked for follow, a lead-in may be of any wording in any language: a first line that ends in
a colon or an ellipsis (`find_any_head`). Where less of them follows, it has to be one of the wordings of the
table below, the only place to add one; where nothing known follows, only what cannot be mistaken for the answer is
cut (`sure=True`).

The texts are a stranger's. Quantifiers are possessive wherever what follows cannot begin with what they took, so that
no pattern tries two ways to read the same characters: on a head of 160 characters each takes microseconds.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = [
    "HEAD_ENDS",
    "LONGEST_HEAD",
    "Head",
    "LeadInReader",
    "could_be_lead_in",
    "find_any_head",
    "find_head",
    "is_one_lead_in",
]

#: Where a head ends at the latest, in characters: a line of 80 and a fence line.
LONGEST_HEAD: Final = 160
#: The characters that can be the last of a head.
HEAD_ENDS: Final = frozenset(".…:：*_\n>\"“”«»`'’)）")

_DOTS: Final = re.compile(r"\s*+(?:\.{3,}|…)")
# Braces and the like are no lead-in's: data that goes on after one, on the same line.
_COLON_LINE: Final = re.compile(r"\s*+([^\n:：{}<>=|\\;]{1,79}+[:：])[*_]*+(?:[^\S\n]*+\n){0,2}")
# Without a colon, a line of words alone, in brackets or not: what follows "Sure! " in it may be the answer.
_ANY_LINE: Final = re.compile(r"\s*+([*_(\[（【]*+[^\W\d_][\w\s,.!…'’-]{0,70}?[.!…)\]）】*_]*+[^\S\n]*+\n)")
_WORDING: Final = (
    r"\s*+[^\n{}<>=|\\;]{0,79}(?:[:：…]|(?<=\.\.)\.)[*_\"”»'’)）]*+(?:[^\S\n]*+\n){0,2}+"
    r"(?:[^\S\n]*+(?:-{3,}+|\*{3,}+|_{3,}+)\n++)?+"
)
_WRAPPED: Final = r"\s*+(?:<(?P<tag>\w++)>|(?P<mark>\*\*|__|[\"“«`'‘*_]))?(?:\.{3,}|…)?"
_ANY_WORDING: Final = re.compile(_WORDING + _WRAPPED)
_ANY_FENCED: Final = re.compile(_WORDING + r"(?:\s*+(?:`{3,}+|~{3,}+)[^\n`]*+\n)?+" + _WRAPPED)
_RULE: Final = re.compile(r"[^\S\n]*+(?:-{3,}+|\*{3,}+|_{3,}+)\n+")
_ONE_CLAUSE: Final = re.compile(r"(?:\.{3,}+|…)?+(?:[*_]*+\w[\w,!'-]*\b[*_]*+[:：][*_]*)?(?:\.{3,}|…)?(?:[`~]{3,}\w*)?")
_FENCE: Final = re.compile(r"\s*+(?:`{3,}+|~{3,}+)[^\n`]*+\n")
_WRAP: Final = re.compile(r"\s*+(?:<(\w++)>|(\*\*|__|[\"“«`'‘*_]))")
_CLOSERS: Final = {"“": "”", "«": "»", "‘": "’"}  # the others close themselves
_GOING_ON: Final = re.compile(
    r"continu|resum|\brest\b|remain|left off|stopped|cut off|interrupt|pick\w* up|carry\w* on|\bgo(?:ing|es)? on\b"
    r"|fortsetz|weiter|suite|reprend|repren|sigue|siguiente|prosegu|продолж|继续|繼續|接着|接著|続|계속|이어|تابع|जारी",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(
    r"\W*(?:sure|of course|certainly|absolutely|ok(?:ay)?|right|understood|got it|no problem|here|apolog|sorry|"
    r"my apologies|as i was saying|so|where|back|let me|i'll|i will|hier|voici|aquí)\b",
    re.IGNORECASE,
)

#: What lead-ins are made of. A key of nothing else could be found in the lead-in.
_WORDS: Final = frozenset(
    """
    a about absolutely again ahead all am an and answer apologies as at back be because before below broke by can carry
    certainly connection continuation continue continued continues continuing course cut did dropped easily exactly
    finish first following for from full get give go going got happy has have here i in interrupted interruption is it
    just last left let ll m me message my next no now of off ok okay on part pick picked picking place please point
    previous problem re remainder remaining reply response rest restart resume resuming right s same saying so sorry
    start starting still stop stopped sure text than that the then there this to understood up us ve was we were what
    where which will with without yes you your
    """.split()  # noqa: SIM905 - one word a line would fill two pages
)
_LONGEST_WORD: Final = max(map(len, _WORDS))
_BEGINNINGS: Final = frozenset(word[:length] for word in _WORDS for length in range(1, len(word) + 1))


class Head(NamedTuple):
    """What stands before a continuation.

    Attributes:
        length: In characters.
        closer: What closes a quotation or a tag that the head opens; "" for none.
    """

    length: int
    closer: str


def find_head(output: str, *, fenced: bool, sure: bool) -> Head:
    """Find what stands before the continuation at the beginning of `output`.

    Args:
        output: What the model wrote so far.
        fenced: Whether the held text ends inside a code fence, so that the model may have opened it again.
        sure: Whether to take only what speaks for itself: an ellipsis, a line about going on that ends in a colon, the
            fence. Else also lines that merely open an answer, and what an echo is put in: quotation marks, a tag.
    """
    at = 0
    if not (sure and output[:1].isspace()):  # what a model says of its own accord does not begin with white space
        at = _end(_DOTS, output, 0)
        line = _COLON_LINE.match(output, at) or (None if sure else _ANY_LINE.match(output, at))
        if line and _is_about_going_on(line[1], sure=sure):
            at = _end(_DOTS, output, line.end() if sure else _end(_RULE, output, line.end()))
    if fenced:
        at = _end(_FENCE, output, at)
    wrap = None if sure else _WRAP.match(output, at)
    if not wrap:
        return Head(at, "")
    return Head(_end(_DOTS, output, wrap.end()), f"</{wrap[1]}>" if wrap[1] else _CLOSERS.get(wrap[2], wrap[2]))


def find_any_head(output: str, *, fenced: bool) -> Head | None:
    """Take all of `output` for what stands before an echo, whatever its wording; None when it cannot be.

    The arguments are those of `find_head`. A line may hold several colons, and any of them may be its last.
    """
    found = (_ANY_FENCED if fenced else _ANY_WORDING).fullmatch(output)
    if not found:
        return None
    mark = found["tag"] or found["mark"] or ""
    return Head(len(output), f"</{mark}>" if found["tag"] else _CLOSERS.get(mark, mark))


def _is_about_going_on(line: str, *, sure: bool) -> bool:
    opens = _OPENING.match(line) or _GOING_ON.match(line.lstrip("*_(["))
    says_so = _GOING_ON.search(line)
    return bool(opens and says_so) if sure else bool(opens or says_so)


class LeadInReader:
    """Reads a text from its end to its beginning, and tells at each step whether it could stand in a lead-in.

    It could if it is of words of one, the last perhaps not whole, or without a letter and of the marks of one. A letter
    costs at most as many look-ups as the longest word has letters, however the text is cut into pieces.
    """

    def __init__(self) -> None:
        self._letters = ""
        self._could = [True]  # for each number of letters at the end
        self._marks_only = True

    @property
    def could_be_lead_in(self) -> bool:
        """Whether what was read so far could stand in a lead-in."""
        return self._could[-1] if self._letters else self._marks_only

    def prepend(self, squeezed: str) -> None:
        """Read the piece before what was read, without its white space."""
        self._marks_only = self._marks_only and not squeezed.strip(".…:*`~")
        self._letters = re.sub(r"\W+", "", squeezed.casefold()) + self._letters
        for count in range(len(self._could), len(self._letters) + 1):
            self._could.append(self._could_be(count))

    def _could_be(self, count: int) -> bool:
        """Whether the last `count` letters are a beginning of a word, or a word and then what could be."""
        if not any(self._could[-_LONGEST_WORD:]):
            return False
        start = len(self._letters) - count
        if count <= _LONGEST_WORD and self._letters[start:] in _BEGINNINGS:
            return True
        longest = min(count, _LONGEST_WORD)
        return any(
            self._could[count - size] and self._letters[start : start + size] in _WORDS
            for size in range(1, longest + 1)
        )


def could_be_lead_in(squeezed: str) -> bool:
    """Whether a text without white space could stand in a lead-in: words of one, the last perhaps not whole."""
    reader = LeadInReader()
    reader.prepend(squeezed)
    return reader.could_be_lead_in


def is_one_lead_in(squeezed: str) -> bool:
    """Whether a head without white space is one clause of lead-in words up to its colon, and nothing else."""
    return bool(_ONE_CLAUSE.fullmatch(squeezed)) and could_be_lead_in(re.split(r"[`~]{3}", squeezed)[0])


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
