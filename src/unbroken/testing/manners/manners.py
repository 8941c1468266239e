"""The ways in which a model goes on with its own answer when it is asked to resume, or does not.

A request that resumes carries the part of the answer that arrived. A model seldom goes on at the exact
character: it repeats a word, starts its sentence again, says "Sure, here is the rest:"; or it repeats what it was asked
to repeat and stops, apologises, tells the answer in other words. Each way that was seen, in the field or of a small
model that was really asked, is a `Manner`, and `continue_answer` writes what a model of that manner would.

Pure: the randomness is an argument, so that a seed names a case.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, assert_never

from unbroken.testing.manners import repetition
from unbroken.testing.manners.resume_request import Ask
from unbroken.testing.manners.wordings import APOLOGIES, APOLOGIES_IN_FRONT, COMPLETE, LEAD_INS, PROMISES, REFUSALS

if TYPE_CHECKING:
    from random import Random

__all__ = ["FAITHFUL", "LEAD_INS", "STOPPING", "UNFAITHFUL", "Manner", "continue_answer"]

#: How many of its own last words a model repeats that was asked to repeat none.
_OWN_WORDS: Final = 6


class Manner(StrEnum):
    """How a scripted model goes on from the part of its answer that the request carries.

    Where a manner has nothing to show (a lost space where there was none, an echo nobody asked for), the
    model goes on as in `EXACT`. The *quotation* is what the request asks to be repeated, with the marks around it:
    a tag, quotation marks, a code fence; quotation marks where the request has none. A model that was asked to
    repeat nothing takes its own last words for it.
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
    ECHO_ONLY = "echo_only"
    """Repeats the quoted words, and stops."""
    MARKED_ECHO_ONLY = "marked_echo_only"
    """Repeats the quoted words with the marks around them, and stops."""
    MARKED_ECHO = "marked_echo"
    """Repeats the quoted words with the marks around them, then goes on."""
    CLOSING_MARK = "closing_mark"
    """Repeats the quoted words with the closing mark alone, then goes on."""
    MARKED_ANSWER = "marked_answer"
    """Repeats and goes on, all of it between the marks, one of which may be missing."""
    HALF_WORD = "half_word"
    """Repeats, takes half a word at the end of the quotation for a whole one, and goes on behind the word."""
    APOLOGY_ECHO = "apology_echo"
    """Says that it is sorry, then repeats the tail and goes on."""
    APOLOGY = "apology"
    """Says that it is sorry, and stops."""
    REFUSAL_IN_TEXT = "refusal_in_text"
    """Says that it cannot, and stops; the stop reason is `end_turn`."""
    INSTRUCTION = "instruction"
    """Recites the request instead of going on."""
    ECHO_INSTRUCTION = "echo_instruction"
    """Repeats, goes on for some words, or for none, and then recites the request."""
    ALREADY_COMPLETE = "already_complete"
    """Says that its answer was complete, and stops."""
    PROMISE = "promise"
    """Says that it goes on, and stops."""
    EMPTY = "empty"
    """Writes nothing: the turn ends without content."""
    STRAIGHT_TO_TOOL = "straight_to_tool"
    """Leaves out what is left of the text, and makes its next tool call at once; without one it goes on."""
    RESTART_OTHER_WORDS = "restart_other_words"
    """Starts the answer again, departs from it after some words, and ends another one."""
    RESTART_RENUMBERED = "restart_renumbered"
    """Starts a numbered list again, or the answer, with other numbers."""
    RESTART_NUMBERED = "restart_numbered"
    """Writes the whole answer again with a number before it, or with another number than it begins with."""


#: The manners that lead to the answer as it was meant: what is left of it comes whole, behind nothing but what is
#: held already and a lead-in.
FAITHFUL: Final = frozenset(
    {
        Manner.EXACT,
        Manner.ECHO,
        Manner.SLOPPY_ECHO,
        Manner.REPEAT_WORDS,
        Manner.RESTART_WORD,
        Manner.RESTART_SENTENCE,
        Manner.RESTART_ANSWER,
        Manner.PREAMBLE,
        Manner.PREAMBLE_ECHO,
        Manner.LOST_SPACE,
        Manner.DOUBLED_SPACE,
        Manner.REOPENED_FENCE,
    }
)
#: All others: something is missing or comes that is not of the answer. No joint of theirs is sure to be right.
UNFAITHFUL: Final = frozenset(Manner) - FAITHFUL
#: After which the model ends its turn, whatever is left of its answer.
STOPPING: Final = frozenset(
    {
        Manner.ECHO_ONLY,
        Manner.MARKED_ECHO_ONLY,
        Manner.APOLOGY,
        Manner.REFUSAL_IN_TEXT,
        Manner.INSTRUCTION,
        Manner.ECHO_INSTRUCTION,
        Manner.ALREADY_COMPLETE,
        Manner.PROMISE,
        Manner.EMPTY,
        Manner.RESTART_OTHER_WORDS,
    }
)

_SAYINGS: Final = {
    Manner.APOLOGY: APOLOGIES,
    Manner.REFUSAL_IN_TEXT: REFUSALS,
    Manner.ALREADY_COMPLETE: COMPLETE,
    Manner.PROMISE: PROMISES,
}


def continue_answer(
    answer: str, sent: str, *, echo: str | None, manner: Manner, rng: Random, ask: Ask | None = None, since: int = 0
) -> str:
    """What a model writes when it is asked to go on with `answer` after `sent`.

    Args:
        answer: The whole answer that the model wants to give.
        sent: The part of it that the request carries, with or without its trailing white space.
        echo: The tail of `sent` which the request asks to be repeated first; None if it asks for none.
        manner: How this model goes on.
        rng: Decides what the manner leaves open: how many words, which wording.
        ask: How the request asks (`read_ask`); None: it quotes the echo, in quotation marks, and nothing is known of
            what it says beside.
        since: Where in the answer the text at hand begins: no sentence is begun again before that.

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
            return repetition.sloppy(echo or "") + rest
        case Manner.REPEAT_WORDS:
            return sent[repetition.words_back(sent, rng.randint(1, 5)) :] + rest
        case Manner.RESTART_WORD:
            return sent[repetition.word_start(sent, rest) :] + rest
        case Manner.RESTART_SENTENCE:
            return sent[max(since, repetition.sentence_start(sent)) :] + rest
        case Manner.RESTART_ANSWER:
            return answer
        case Manner.PREAMBLE:
            return rng.choice(LEAD_INS) + rest
        case Manner.PREAMBLE_ECHO:
            return rng.choice(LEAD_INS) + (echo or "") + rest
        case Manner.APOLOGY_ECHO:
            return rng.choice(APOLOGIES_IN_FRONT) + (echo or "") + rest
        case Manner.LOST_SPACE:
            return rest.lstrip()
        case Manner.DOUBLED_SPACE:
            return sent[len(sent.rstrip()) :] + rest[: len(rest) - len(rest.lstrip())] + rest
        case Manner.REOPENED_FENCE:
            return repetition.reopened(sent, rest, rng)
        case Manner.APOLOGY | Manner.REFUSAL_IN_TEXT | Manner.ALREADY_COMPLETE | Manner.PROMISE:
            return rng.choice(_SAYINGS[manner])
        case Manner.EMPTY | Manner.STRAIGHT_TO_TOOL:
            return ""
        case Manner.RESTART_OTHER_WORDS:
            return repetition.in_other_words(sent, rng)
        case Manner.RESTART_RENUMBERED:
            return repetition.renumbered(answer, sent, rng) or rest
        case Manner.RESTART_NUMBERED:
            return repetition.number_in_front(answer, rng)
        case (
            Manner.ECHO_ONLY
            | Manner.MARKED_ECHO_ONLY
            | Manner.MARKED_ECHO
            | Manner.CLOSING_MARK
            | Manner.MARKED_ANSWER
            | Manner.HALF_WORD
            | Manner.INSTRUCTION
            | Manner.ECHO_INSTRUCTION
        ):
            return _quoting(manner, sent, rest, rng, ask or Ask(echo or "", len((echo or "").rstrip())))
        case _:
            assert_never(manner)


#: The manners that have to do with the quotation.
_Quoting: TypeAlias = Literal[
    Manner.ECHO_ONLY,
    Manner.MARKED_ECHO_ONLY,
    Manner.MARKED_ECHO,
    Manner.CLOSING_MARK,
    Manner.MARKED_ANSWER,
    Manner.HALF_WORD,
    Manner.INSTRUCTION,
    Manner.ECHO_INSTRUCTION,
]


def _quoting(manner: _Quoting, sent: str, rest: str, rng: Random, ask: Ask) -> str:
    """What is written in a manner that has to do with the quotation."""
    echo, cut = ask.echo, ask.quoted
    if not cut:
        echo = sent[repetition.words_back(sent, _OWN_WORDS) :]
        cut = len(echo.rstrip())
    text = echo + rest
    quoted, behind = text[:cut], text[cut:]
    match manner:
        case Manner.ECHO_ONLY:
            return quoted
        case Manner.MARKED_ECHO_ONLY:
            return ask.opening + quoted + ask.closing
        case Manner.MARKED_ECHO:
            return ask.opening + quoted + ask.closing + behind
        case Manner.CLOSING_MARK:
            return quoted + ask.closing + behind
        case Manner.MARKED_ANSWER:
            opening, closing = rng.choice(((ask.opening, ask.closing), ("", ask.closing), (ask.opening, "")))
            return opening + text + closing
        case Manner.HALF_WORD:
            return repetition.half_word(text, cut, rng)
        case Manner.INSTRUCTION:
            return repetition.recited(ask, quoted, rng)
        case Manner.ECHO_INSTRUCTION:
            more = repetition.some_words(behind, rng)
            closing = rng.choice(("", ask.closing)) if not more else ""
            return f"{quoted}{more}{closing}\n\n{repetition.recited(ask, quoted, rng)}"
        case _:
            assert_never(manner)
