"""Keeps what we asked out of what the model writes: the tags of the instruction, and the instruction recited.

A small model copies the tags that the quoted words stood in, or goes on, after a good joint, with the very sentences
that it was asked in. The tags are taken out wherever they stand. With a recital the model has left the answer: nothing
from its first character on is text.

Both are held back while they may be coming: what could be the head of a tag, and words that stand in the instruction
one after the other. It is a recital from 20 characters on if it begins with a sentence of the instruction's, else from
32 on. Nothing is taken out that the conversation speaks of itself.

Cost: a search for the tags over each piece, and at each word of the first 4,000 characters a look at the next 64.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["SHORTEST", "Instruction", "Screen"]

_TAG: Final = re.compile(r"</?([A-Za-z][\w-]{0,40})>")
#: A closing tag with a mark right behind it and two words more: that is a recital, from the tag on.
_CLOSED_AND_GONE_ON: Final = re.compile(r"(</[A-Za-z][\w-]{0,40}>)[^\w\s<]\s\w+\s\w+")
#: What share of a tag tells it where the text ends inside it, as `max_tokens` makes it.
_MOST_OF_IT: Final = 0.75
_SENTENCE_END: Final = re.compile(r"(?<=[.!?:])\s+|\n+")

# In characters without white space, in lower case.
_WINDOW: Final = 32  # so many in a row of the instruction's are no accident
SHORTEST: Final = 20  # so many are enough from the first of a sentence on
_BEFORE_A_WORD: Final = " \n\r\t\"'“‘*_>(["
_WORD: Final = re.compile(r"(?<![^ \n\r\t\"'“‘*_>(\[])(?=\S)")
_REACH: Final = 2 * _WINDOW  # where those characters stand, with the white space between them
_BLANKS: Final = 200  # how much white space is kept back, and taken out, before a recital
_TURNED: Final = {
    "My": "Your",
    "my": "your",
    "Your": "My",
    "your": "my",
    "you were": "I was",
    "reached me": "reached you",
}
_PERSON: Final = re.compile(rf"\b(?:{'|'.join(_TURNED)})\b")
#: How far behind the joint a recital is looked for, in characters: those that were recorded begin within a few hundred.
_WATCHED: Final = 4_000


@dataclass(frozen=True, slots=True)
class Instruction:
    """What was asked, as far as it may come back in the answer.

    Attributes:
        tags: Those of the instruction that are not the conversation's as well, opening and closing; and a closing one
            with a mark right behind it once more, with that and two words.
        sentences: Runs of its sentences that are not the conversation's as well, in lower case without white space.
    """

    tags: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: str, quote: str, is_known: Callable[[str], bool]) -> Self:
        """Read it out of a request.

        Args:
            asked: The user turn that asked to go on.
            quote: The words of the answer that it quotes.
            is_known: Whether the conversation, or what was delivered, has a text in it; then it may be the answer's
                own.
        """
        ours = asked.split(quote) if quote else [asked]
        tags = dict.fromkeys(found[1] for part in ours for found in _TAG.finditer(part))
        runs: list[str] = []
        # A model recites for itself as well: "My message was cut off. The last words that reached you are".
        for part in ours:
            sentences = [each.strip() for each in _SENTENCE_END.split(_TAG.sub("\n", part))]
            for turned in (False, True):
                run: list[str] = []
                for sentence in filter(None, sentences):
                    if is_known(sentence):
                        runs, run = [*runs, *_from_each(run)], []
                    else:
                        run.append(_plain(_turned(sentence) if turned else sentence))
                runs += _from_each(run)
        own = [tag for name in tags if not is_known(f"<{name}>") for tag in (f"<{name}>", f"</{name}>")]
        for part in ours:
            own += [found[0] for found in _CLOSED_AND_GONE_ON.finditer(part) if found[1] in own]
        return cls(tuple(own), tuple(dict.fromkeys(runs)))

    def screen(self) -> Screen | None:
        """What a continuation goes through; None: nothing of the instruction could be told from an answer."""
        return Screen(self) if self.tags or self.sentences else None


class Screen:
    """Takes the instruction out of one continuation.

    Attributes:
        recited: Whether the model has begun to recite the instruction; nothing that follows is text.
        removed: How many characters were taken out.
    """

    def __init__(self, instruction: Instruction) -> None:
        self.recited: bool = False
        self.removed: int = 0
        self._tags = instruction.tags
        self._any_tag = re.compile("|".join(map(re.escape, sorted(self._tags, key=len, reverse=True))))
        self._longest_tag = max(map(len, self._tags), default=0)
        self._openings = frozenset(run[:SHORTEST] for run in instruction.sentences)
        self._text = "\n".join(instruction.sentences)
        self._left = _WATCHED
        self._rest = ""  # may be the head of a tag
        self._kept = ""  # may be the beginning of a recital
        self._at_start = True
        self._is_over = False  # a recital has begun right behind a tag

    def untagged(self, text: str, *, ended: bool = False) -> str:
        """The text without tags; what may be the head of one waits for the next piece, unless it is the last."""
        if self._is_over:
            self.removed += len(self._rest) + len(text)
            self._rest = ""
            return ""
        if not self._tags:
            return text
        whole = self._rest + text
        self._rest = ""
        if "<" not in whole:
            return whole
        if (at := whole.rfind("<", -self._longest_tag)) >= 0:
            head = whole[at:]
            begun = [tag for tag in self._tags if tag.startswith(head) and tag != head]
            if begun and not ended:
                self._rest, whole = head, whole[:at]
            elif any(len(head) >= _MOST_OF_IT * len(tag) for tag in begun if tag.endswith(">")):
                whole = whole[:at]
                self.removed += len(head)
        # In one pass: what two of them leave between them is no third, however it was cut.
        kept, at = [], 0
        for tag in self._any_tag.finditer(whole):
            kept.append(whole[at : tag.start()])
            at = tag.end()
            if not tag[0].endswith(">"):
                self._is_over, at = True, len(whole)
                break
        passed = "".join(kept) + whole[at:]
        self.removed += len(whole) - len(passed)
        return passed

    @property
    def done(self) -> bool:
        """Whether it keeps nothing back and takes nothing out any more."""
        return not (self._tags or self._kept or self.recited) and (self._left <= 0 or not self._text)

    def unrecited(self, text: str, *, ended: bool = False) -> str:
        """The text behind the joint as far as it is no recital; what may be the beginning of one waits."""
        if self._is_over and not self.recited:
            before = self._unrecited(text, ended=True)
            passed = _without_blanks(before)
            self.removed += len(before) - len(passed)
            self.recited = True
            return passed
        return self._unrecited(text, ended=ended)

    def _unrecited(self, text: str, *, ended: bool) -> str:
        if self.recited or not self._text:
            self.removed += len(text) if self.recited else 0
            return "" if self.recited else text
        whole, self._kept = self._kept + text, ""
        if self._left <= 0:
            return whole
        passed = whole[: self._end_of_text(whole, ended=ended)]
        if self.recited:
            passed = _without_blanks(passed)
            self.removed += len(whole) - len(passed)
            return passed
        if not ended:
            passed = _without_blanks(passed)  # the white space before a recital is none of the answer's
        self._kept = whole[len(passed) :]
        self._left -= len(passed)
        if passed:
            self._at_start = passed[-1] in _BEFORE_A_WORD
        return passed

    def _end_of_text(self, text: str, *, ended: bool) -> int:
        """Where a recital begins that is under way, or may be; the text's length for none."""
        for word in _WORD.finditer(text, 0, self._left):
            at = word.start()
            if not at and not self._at_start:
                continue
            begun = _plain(text[at : at + _REACH])[:_WINDOW]
            if begun[:SHORTEST] in self._openings or (len(begun) >= _WINDOW and begun in self._text):
                self.recited = True
                return at
            # With so much white space in it that it is shorter, it is a table's cell and not a sentence.
            if not ended and len(begun) < _WINDOW and len(text) - at < _REACH and begun in self._text:
                return at
        return len(text)


def _turned(sentence: str) -> str:
    return _PERSON.sub(lambda word: _TURNED[word[0]], sentence)


def _from_each(sentences: list[str]) -> list[str]:
    """What a recital of sentences in a row may be that begins with one of them, if it is long enough to be told."""
    runs = ["".join(sentences[at:]) for at in range(len(sentences))]
    return [run for run in runs if len(run) >= SHORTEST]


def _without_blanks(text: str) -> str:
    """The text without white space at its end, of which no more than `_BLANKS` characters are looked at."""
    return text[:-_BLANKS] + text[-_BLANKS:].rstrip()


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
