"""The ways in which a model goes on with its own answer when it is asked to resume.

A request that resumes carries the part of the answer that arrived. A model seldom goes on at the exact
character: it repeats a word, starts its sentence again, says "Sure, here is the rest:". Each way that was
seen in the field is a `Manner`, and `continue_answer` writes what a model of that manner would.

Pure: the randomness is an argument, so that a seed names a case.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

__all__ = ["LEAD_INS", "Manner", "continue_answer"]


class Manner(StrEnum):
    """How a scripted model goes on from the part of its answer that the request carries.

    Where a manner has nothing to show (a lost space where there was none, an echo nobody asked for), the
    model goes on as in `EXACT`.
    """

    EXACT = "exact"
    """At the very next character, white space included. Every model does so after a prefill."""
    ECHO = "echo"
    """Obeys: repeats, verbatim, the tail that the request asks for, then goes on."""
    SLOPPY_ECHO = "sloppy_echo"
    """Repeats that tail with its quotes turned curly or straight and its white space made single spaces."""
    REPEAT_WORDS = "repeat_words"
    """Repeats its last one to five words."""
    RESTART_WORD = "restart_word"
    """Starts a word that was cut in two again from its first letter."""
    RESTART_SENTENCE = "restart_sentence"
    """Starts the sentence, or the line, again."""
    RESTART_ANSWER = "restart_answer"
    """Writes the whole answer again."""
    PREAMBLE = "preamble"
    """Says that it goes on (`LEAD_INS`), then does, exactly."""
    PREAMBLE_ECHO = "preamble_echo"
    """Says that it goes on, and then repeats the tail it was asked for."""
    LOST_SPACE = "lost_space"
    """Drops the white space at the cut."""
    DOUBLED_SPACE = "doubled_space"
    """Writes the white space at the cut twice."""
    REOPENED_FENCE = "reopened_fence"
    """Opens the code fence that the cut fell into once more, with its info string."""


#: What a model says before it goes on: a line of at most 80 characters that ends in a colon, or an ellipsis.
LEAD_INS: Final = (
    "Sure, here is the rest:\n\n",
    "Continuing from where I left off:\n\n",
    "Of course! Picking up right where the connection dropped:\n\n",
    "Here's the continuation:\n\n",
    "**Continued:**\n\n",
    "Continuing:\n",
    "...",
    "…",
    "... ",
    "… ",
)

# A "word" is what stands between white space; scripts without spaces repeat characters instead.
_WORD: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\s\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")
_SENTENCE_END: Final = re.compile(r"[.!?…؟।][\"'”’»)*_]*\s+|[。！？]+[」』”’]*|\n\s*")
_INNER_SPACE: Final = re.compile(r"(?<=\S)\s+(?=\S)")
_FENCE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})([^\n]*)")
_STRAIGHT: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_CURLY: Final = tuple(
    (re.compile(straight), curly)
    for straight, curly in (("(?<!\\S)'", "‘"), ("'", "’"), ('(?<!\\S)"', "“"), ('"', "”"))
)


def continue_answer(answer: str, sent: str, *, echo: str | None, manner: Manner, rng: Random) -> str:
    """What a model writes when it is asked to go on with `answer` after `sent`.

    Args:
        answer: The whole answer that the model wants to give.
        sent: The part of it that the request carries, with or without its trailing white space.
        echo: The tail of `sent` which the request asks to be repeated first; None if it asks for none.
        manner: How this model goes on.
        rng: Decides what the manner leaves open: how many words, which wording.

    Raises:
        ValueError: If `answer` does not begin with `sent`, trailing white space aside.
    """
    if not answer.startswith(sent):
        sent = sent.rstrip()
    if not answer.startswith(sent):
        raise ValueError("the answer does not begin with what was sent of it")
    rest = answer[len(sent) :]
    match manner:
        case Manner.EXACT:
            return rest
        case Manner.ECHO:
            return (echo or "") + rest
        case Manner.SLOPPY_ECHO:
            return _sloppy(echo or "") + rest
        case Manner.REPEAT_WORDS:
            return sent[_words_back(sent, rng.randint(1, 5)) :] + rest
        case Manner.RESTART_WORD:
            return sent[_word_start(sent, rest) :] + rest
        case Manner.RESTART_SENTENCE:
            return sent[_sentence_start(sent) :] + rest
        case Manner.RESTART_ANSWER:
            return answer
        case Manner.PREAMBLE:
            return rng.choice(LEAD_INS) + rest
        case Manner.PREAMBLE_ECHO:
            return rng.choice(LEAD_INS) + (echo or "") + rest
        case Manner.LOST_SPACE:
            return rest.lstrip()
        case Manner.DOUBLED_SPACE:
            return sent[len(sent.rstrip()) :] + rest[: len(rest) - len(rest.lstrip())] + rest
        case Manner.REOPENED_FENCE:
            return _reopened(sent, rest, rng)


def _sloppy(echo: str) -> str:
    turned = echo.translate(_STRAIGHT)
    if turned == echo:
        for straight, curly in _CURLY:
            turned = straight.sub(curly, turned)
    # The white space at either end is kept: what is lost at the cut itself is LOST_SPACE's matter.
    return _INNER_SPACE.sub(" ", turned)


def _words_back(sent: str, count: int) -> int:
    starts = [word.start() for word in _WORD.finditer(sent)]
    return starts[-min(count, len(starts))] if starts else len(sent)


def _word_start(sent: str, rest: str) -> int:
    """Where the word that the cut fell into begins; the end of `sent` if the cut fell between words."""
    if not rest or rest[0].isspace() or not sent or sent[-1].isspace():
        return len(sent)
    return _words_back(sent, 1)


def _sentence_start(sent: str) -> int:
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


def _reopened(sent: str, rest: str, rng: Random) -> str:
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
