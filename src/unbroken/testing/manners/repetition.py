"""How an answer is told again: repeated, begun anew, copied with slips. Pure; the randomness is an argument."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from unbroken.testing.manners.wordings import INSTRUCTIONS, OTHER_WORDS

if TYPE_CHECKING:
    from random import Random

    from unbroken.testing.manners.resume_request import Ask

__all__ = [
    "half_word",
    "in_other_words",
    "number_in_front",
    "recited",
    "renumbered",
    "reopened",
    "sentence_start",
    "sloppy",
    "some_words",
    "word_start",
    "words_back",
]

# A "word" is what stands between white space; scripts without spaces repeat characters instead.
_SPACELESS: Final = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"
_WORD: Final = re.compile(rf"[{_SPACELESS}]|[^\s{_SPACELESS}]+")
_LETTERS: Final = re.compile(rf"[^\W{_SPACELESS}]+")
_SENTENCE_END: Final = re.compile(r"[.!?…؟।][\"'”’»)*_]*\s+|[。！？]+[」』”’]*|\n\s*")
_FENCE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})([^\n]*)")
_ITEM: Final = re.compile(r"(?m)^([ \t]*)(\d{1,3})(?=[.)][ \t])")
_STRAIGHT: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_CURLY: Final = tuple(
    (re.compile(straight), curly)
    for straight, curly in (("(?<!\\S)'", "‘"), ("'", "’"), ('(?<!\\S)"', "“"), ('"', "”"))
)
_INNER_SPACE: Final = re.compile(r"(?<=\S)\s+(?=\S)")
_FULL_STOP: Final = re.compile(r"[.!?](?=\s)")
#: What stands after half a word that was taken for a whole one; empty: what stands after the whole one.
_AFTER_HALF: Final = ("", "", " ", ", ", ". ", ":\n", "\n\n", " and ")

#: What a model makes of the user's words when it says them for itself.
_TURNED: Final = {
    "My": "Your",
    "my": "your",
    "Your": "My",
    "your": "my",
    "you were": "I was",
    "reached me": "reached you",
}
_PERSON: Final = re.compile(rf"\b(?:{'|'.join(_TURNED)})\b")


def sloppy(echo: str) -> str:
    """`echo` with its quotes turned and its white space made single spaces."""
    turned = echo.translate(_STRAIGHT)
    if turned == echo:
        for straight, curly in _CURLY:
            turned = straight.sub(curly, turned)
    # The white space at either end is kept: what is lost at the cut itself is LOST_SPACE's matter.
    return _INNER_SPACE.sub(" ", turned)


def words_back(sent: str, count: int) -> int:
    """Where the last `count` words of `sent` begin."""
    starts = [word.start() for word in _WORD.finditer(sent)]
    return starts[-min(count, len(starts))] if starts else len(sent)


def word_start(sent: str, rest: str) -> int:
    """Where the word that the cut fell into begins; the end of `sent` if the cut fell between words."""
    if not rest or rest[0].isspace() or not sent or sent[-1].isspace():
        return len(sent)
    return words_back(sent, 1)


def sentence_start(sent: str) -> int:
    """Where the last sentence, or line, of `sent` begins."""
    body = sent.rstrip()  # a sentence that has just ended is the one a model starts again
    ends = [end.end() for end in _SENTENCE_END.finditer(body) if end.end() < len(body)]
    return ends[-1] if ends else 0


def _open_fence(sent: str) -> str | None:
    """The opening line of the code fence that is open where `sent` ends; None outside a fence.

    A fence line which is itself cut does not count: nobody knows yet what it opens.
    """
    opened: str | None = None
    for line in sent.split("\n")[:-1]:
        found = _FENCE.fullmatch(line)
        if not found:
            continue
        if opened is None:
            opened = line
        elif not found[2].strip() and found[1].startswith(opened.strip()[:3]):
            opened = None
    return opened


def reopened(sent: str, rest: str, rng: Random) -> str:
    """`rest` in a code fence opened once more, if one is open where `sent` ends."""
    fence = _open_fence(sent)
    if fence is None or not rest:
        return rest
    match rng.randrange(3):
        case 0:
            return f"{fence}\n{sent[sent.rfind(chr(10)) + 1 :]}{rest}"
        case 1 if rest.startswith("\n"):
            return fence + rest  # the fence's own line end stands for the one at the cut
        case _:
            return f"{fence}\n{rest}"


def half_word(text: str, cut: int, rng: Random) -> str:
    """`text` with the word that `cut` falls into ended there; unchanged if it falls between words."""
    word = next((word for word in _LETTERS.finditer(text) if word.start() < cut < word.end()), None)
    if word is None:
        return text
    rest, mark = text[word.end() :], rng.choice(_AFTER_HALF)
    if not rest.strip():
        return f"{text[:cut]}."
    return text[:cut] + (mark + rest.lstrip() if mark else rest)


def in_other_words(sent: str, rng: Random) -> str:
    """The beginning of `sent`, a few words to two thirds of it, and then sentences that are not of the answer."""
    ends = [word.end() for word in _WORD.finditer(sent)]
    most = max(0, min(len(ends) - 1, len(ends) * 2 // 3))
    kept = sent[: ends[rng.randint(min(3, most), most) - 1]] if most else ""
    said = rng.sample(OTHER_WORDS, rng.randint(2, 4))
    return f"{kept} {' '.join(said)}".lstrip()


def renumbered(answer: str, sent: str, rng: Random) -> str | None:
    """The answer again, from its start or one of its numbered items, with other numbers; None: it has none."""
    items = list(_ITEM.finditer(sent))
    if not items:
        return None
    first = rng.choice(items)
    start = rng.choice((0, first.start())) if first is items[0] else first.start()
    shift = rng.choice([number for number in (1, 2, 3, 1 - int(first[2])) if number])
    return _ITEM.sub(lambda item: f"{item[1]}{max(0, int(item[2]) + shift)}", answer[start:])


def number_in_front(answer: str, rng: Random) -> str:
    """The whole answer again, with a number before it, or another than it begins with."""
    number = _ITEM.match(answer)
    if number is None:
        return f"{rng.randint(1, 5)}. {answer}"
    others = [n for n in range(1, 6) if n != int(number[2])]
    return f"{number[1]}{rng.choice(others)}{answer[number.end() :]}"


def some_words(behind: str, rng: Random) -> str:
    """None to a dozen of the first words of `behind`."""
    ends = [0, *(word.end() for word in _WORD.finditer(behind))]
    return behind[: rng.choice(ends[:13])]


def recited(ask: Ask, quoted: str, rng: Random) -> str:
    """Some of what the request says: what stands before its quotation, with that, or what stands after it."""
    quotation = f"\n\n{ask.opening}{quoted}" if ask.quoted else ""
    after = ask.after.lstrip(".,;: \n")  # what ends the quotation's own sentence
    told = [each for each in (ask.before and ask.before + quotation, after) if each]
    text = rng.choice(told or INSTRUCTIONS)
    if rng.randrange(2):
        text = _PERSON.sub(lambda word: _TURNED[word[0]], text)
    ends = [end.start() + 1 for end in _FULL_STOP.finditer(text)] + [len(text)]
    # At least two sentences, where there are so many: the first alone may be a fragment of one.
    return text[: rng.choice(ends[1:] or ends)]
