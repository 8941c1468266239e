"""Which final texts are wrong, by rule: nobody has to read them, and nobody can be kind.

A rule may accuse a text that a reader would let pass. It is never the other way round on purpose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from benchmarks.real_model.cuts import is_inside_a_word

__all__ = ["RULES", "Case", "begins_as_uncut", "faults", "is_as_uncut", "looks_unfinished", "talks"]

#: Every rule by name, and what it says of a text.
RULES: Final = {
    "not held": "does not begin with what was delivered before the cut",
    "instruction": "a tag of ours, or five words in a row of the instruction",
    "repeated": "40 characters that were delivered already stand right behind the joint again",
    "talk": "an apology, a refusal, or talk about the request behind the joint",
    "nothing added": "nothing is added to a text that looks unfinished, and the uncut answer went on",
    "halved word": "a word that was cut is not gone on with",
}

_WORDS: Final = 5
_REPEATED: Final = 40
#: How far behind the joint a repetition may begin, in characters: a lead-in's length.
_BEHIND: Final = 160

_TALK: Final = re.compile(
    r"""
      \b(?:i'?m|i\ am|we\ are)\ (?:so\ |very\ |really\ )?(?:sorry|afraid|unable|not\ able)\b
    | \bi\ (?:do\ )?apologi[sz]e\b | \bmy\ apologies\b | \bapologies\ for\b | \bsorry\ (?:for|about)\ (?:the|that|any)\b
    | \bi\ (?:cannot|can't|can\ not|could\ not|couldn't|won't)\ (?:assist|help|repeat|continue|provide|fulfil)
    | \bas\ an?\ (?:ai|language\ model|assistant)\b
    | \b(?:your|my|the)\ (?:connection|message|response|answer|reply)\ (?:was|is|has\ been|had\ been|got)\ (?:cut|
        interrupted|lost|dropped|incomplete|complete)
    | \b(?:your|my)\ (?:previous|last)\ (?:message|response|answer|reply|words)\b
    | \b(?:these|those|the|its|your|my)\ last\ words\b | \blast\ words\ (?:are|were|as|exactly)\b
    | \bcontinu(?:e|ing)\ from\ where\b | \bwhere\ (?:you|i|we)\ left\ off\b
    | \b(?:here\ is|here's|here\ are)\ the\ (?:rest|remaining|continuation|continued|corrected|revised|repeated|last)\b
    | \b(?:this|that)\ is\ (?:the|a)\ (?:complete|full|final)\ (?:answer|response|message)\b
    | \bthank\ you\ for\ (?:letting|your|providing|sharing|pointing)\b
    | \bif\ you\ have\ any\ (?:other|more|further)\ question
    | \b(?:let\ me|i\ will|i'll|i\ can)\ (?:repeat|continue|try\ again|start\ over|rewrite|rephrase)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_TAG: Final = re.compile(r"</?(?:last_words|answer_so_far|partial|echo)\b", re.IGNORECASE)
_FENCE: Final = re.compile(r"^[^\S\n]*(?:`{3,}|~{3,})", re.MULTILINE)
_CLOSING: Final = ".!?…。！？)]}\"'”»`*_|>"


@dataclass(frozen=True, slots=True)
class Case:
    """One answer that was cut and gone on with.

    Attributes:
        prompt: What the model was asked.
        held: What was delivered before the cut.
        uncut: The same model's answer without a cut, which begins with `held`.
        ended: Whether `uncut` is all that it would have said; else its `max_tokens` were used up.
        instruction: What asked it to go on; "" for a prefill.
        final: What the reader has in the end.
    """

    prompt: str
    held: str
    uncut: str
    ended: bool
    instruction: str
    final: str

    @property
    def added(self) -> str:
        """What stands behind the joint."""
        return self.final[len(self.held) :]

    @property
    def rest(self) -> str:
        """What stands there in the uncut answer."""
        return self.uncut[len(self.held) :]


def faults(case: Case) -> list[str]:
    """The names of the rules that the text breaks, in their order; none: it is right by rule."""
    broken = {
        "not held": not case.final.startswith(case.held),
        "instruction": _recites(case),
        "repeated": _repeats(case),
        "talk": talks(case, case.added),
        "nothing added": _adds_nothing(case),
        "halved word": _is_halved(case),
    }
    return [name for name in RULES if broken[name]]


def is_as_uncut(case: Case, *, ended: bool) -> bool:
    """Whether the text is that of the uncut answer, as far as the shorter one goes that `max_tokens` has cut.

    Args:
        case: What is judged.
        ended: Whether the text is all that the model had to say.
    """
    if case.final == case.uncut:
        return True
    shorter = len(case.final) < len(case.uncut)
    cut = not ended if shorter else not case.ended
    short, long = (case.final, case.uncut) if shorter else (case.uncut, case.final)
    return cut and bool(case.added) and long.startswith(short)


def begins_as_uncut(case: Case) -> bool:
    """Whether what follows the joint begins as in the uncut answer: for 20 characters, or all that there are."""
    length = min(20, len(case.rest), len(case.added))
    return bool(length) and case.added[:length] == case.rest[:length]


def looks_unfinished(text: str) -> bool:
    """Whether a text ends where none is meant to end: without a closing mark, in white space, in an open fence."""
    return not text or text[-1] not in _CLOSING or len(_FENCE.findall(text)) % 2 == 1


def _recites(case: Case) -> bool:
    known = f"{case.prompt}\n{case.held}"
    if any(tag.casefold() not in known.casefold() for tag in _TAG.findall(case.added)):
        return True
    told, had, rest = _rows(case.instruction), _rows(known), _rows(case.rest)
    return bool((_rows(case.added) & told) - had - rest)


def _rows(text: str) -> set[tuple[str, ...]]:
    """Every row of words of the length that counts."""
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + _WORDS]) for at in range(len(words) - _WORDS + 1)}


def _repeats(case: Case) -> bool:
    """Whether the beginning of the answer, or its end before the joint, comes again soon behind the joint."""
    held, added, rest = (" ".join(text.split()) for text in (case.held, case.added, case.rest))
    told = {held[:_REPEATED], held[-_REPEATED:]}
    return any(
        len(words) == _REPEATED and 0 <= added.find(words) <= _BEHIND and not 0 <= rest.find(words) <= 2 * _BEHIND
        for words in told
    )


def talks(case: Case, text: str) -> bool:
    """Whether a text of the model's apologises, refuses, or talks about the request, as no text of the case does."""
    found = {each[0].casefold() for each in _TALK.finditer(text)}
    honest = f"{case.prompt}\n{case.uncut}".casefold()
    return any(words not in honest for words in found)


def _adds_nothing(case: Case) -> bool:
    goes_on = bool(case.rest.strip()) or not case.ended
    return goes_on and not case.added.strip() and looks_unfinished(case.held)


def _is_halved(case: Case) -> bool:
    cut = is_inside_a_word(case.uncut, len(case.held))
    return cut and bool(case.added) and not case.added[0].isalnum()
