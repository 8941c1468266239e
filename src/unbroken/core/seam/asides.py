"""What a model says about the request instead of going on: that it is sorry, that it cannot, that all was said.

Such a sentence is no part of the answer, wherever it stands. It is told by its wording, so only where nothing else
vouches for it (it does not join), or right behind a joint, where an answer that merely speaks of such things would have
to go on in just these words: it has to begin a sentence there, and to speak of the model itself or of the request.
"""

from __future__ import annotations

import re
from typing import Final, Literal

__all__ = ["Aside", "aside_at_start", "could_open_an_aside"]

#: `"refusal"`: an apology, or that it cannot; `"instruction"`: talk of the request; `"done"`: that nothing is missing.
Aside = Literal["refusal", "instruction", "done"]

#: How far an aside is looked at, in characters: a long sentence.
LONGEST: Final = 240

_REPEAT: Final = r"(?:repeat|continue|go on|carry on|resume|pick up|proceed|finish|complete|keep)"
_ANSWER: Final = r"(?:answer|response|message|reply|text|list|sentence|code|story|output|content)"
_CANNOT: Final = (
    r"(?:can(?:no|['’])?t|can not|could(?: not|n['’]t)|am unable|['’]m unable|am not able|['’]m not able|won['’]t)"
)
_DO: Final = (
    rf"(?:to )?(?:{_REPEAT}|provide|assist|help (?:you )?with|fulfil+|comply|respond|reply|answer|generate|create|"
    r"process|access|do that|recall|remember|see)"
)
_AS_AN_AI: Final = r"as an? (?:ai\b|artificial|(?:large )?language model|text-based|assistant\b|virtual)"

_REFUSALS: Final = re.compile(
    rf"(?:i['’]m|i am|we are|we['’]re)(?: very| so| really| truly)? sorry\b[^\n]{{0,120}}?"
    rf"(?:confusion|inconvenience|misunderstanding|{_CANNOT}\s+{_DO}|{_AS_AN_AI})"
    rf"|(?:i )?(?:do )?apologi[sz]e(?: for|,? but)[^\n]{{0,120}}?"
    rf"(?:confusion|interruption|misunderstanding|{_CANNOT}\s+{_DO}|{_AS_AN_AI}|any inconvenience)"
    rf"|(?:(?:my )?apologies|sorry(?:,| about| for)?)[^\n]{{0,120}}?"
    rf"(?:confusion|interruption|misunderstanding|{_CANNOT}\s+{_DO}|{_AS_AN_AI})"
    rf"|(?:i|we)\s*{_CANNOT}\s+{_DO}[^\n]{{0,60}}?"
    rf"(?:request|question|last words|{_ANSWER}|from where|that|this|you)\b"
    rf"|{_AS_AN_AI}"
)
_COPY: Final = r"(?:repeat|copy|reproduce|write|keep|continue|start|go on|begin)\b[^\n]{0,40}?"
_OURS: Final = r"(?:answer|response|message|reply|text)"
_INSTRUCTIONS: Final = re.compile(
    r"(?:and )?(?:i will|i['’]ll|i am going to|i['’]m going to|i shall|let me|please|do not|don['’]t"
    r"|you (?:want|asked)|sure[,!.]? i(?: will|['’]ll))[^\n]{0,80}?"
    rf"(?:{_COPY}\b(?:the|these|those|your|my) (?:very )?last words|(?:repeat|copy|reproduce)[^\n]{{0,40}}?these words"
    r"|(?:repeat|copy|reproduce|write)\b[^\n]{0,60}?exactly as (?:they|it|you|i)\b"
    r"|your (?:last|previous) (?:message|response|words|sentence)"
    r"|where (?:i|you|it|we) (?:left off|stopped(?=[.,;:!?]| and\s))"
    rf"|one seamless {_OURS}|(?:code block|list|fence)[^\n]{{0,30}}? already open"
    rf"|(?:{_OURS}|connection) (?:was|got|has been) (?:cut off|interrupted|dropped))"
    rf"|(?:your|my) (?:last |previous )?{_ANSWER} (?:was|got|has been) (?:cut off|interrupted|dropped)"
    rf"|your {_ANSWER} (?:should|must) be (?:complete\b|exact|repeated|seamless)"
    r"|(?:i am|i['’]m) here to (?:help|assist) you"
    r"|(?:the )?last words (?:(?:are|were) ?(?:[:\"'“]|these|as follows)|that (?:reached|you|i)\b)"
)
_DONE: Final = re.compile(
    rf"(?:yes[,.] )?(?:(?:my|your) (?:previous |last |full |whole )?{_ANSWER}|(?:the|this|that) (?:previous {_ANSWER}"
    rf"|(?:last |full |whole )?{_OURS}(?: above)?)) (?:was|is) (?:already |now |indeed )?"
    r"(?:complete|finished|whole|done)"
    rf"|this is (?:a|the|my) (?:complete|full|whole|final|end of (?:the|my)) {_OURS}"
    r"|(?:there is|there['’]s|i have) nothing (?:more |else |further |left )?to (?:add|continue)"
    r"(?=[.!]|,? so\s| to (?:my|the|this)\s)"
    r"|(?:no response requested|nothing to add|no further (?:text|content|response|continuation))"
    r"|(?:i|we) (?:have )?already (?:completed|finished|given|provided)"
    rf" (?:my|the|this) (?:full |whole |complete )?{_ANSWER}"
)

_WHO: Final = ("i'm", "i am", "we're", "we are")
_SAID: Final = (
    "answer",
    "response",
    "message",
    "reply",
    "text",
    "list",
    "sentence",
    "previous",
    "last",
    "full",
    "whole",
)
#: How an aside may begin, in lower case and with straight apostrophes: while a text may still become one of these it
#: is kept back. What an alternative above begins with has to stand here.
_OPENINGS: Final = (
    *(f"{who} {how}sorry" for who in _WHO for how in ("", "very ", "so ", "really ", "truly ")),
    *("i apolog", "apolog", "i do apolog", "my apologies", "sorry", "i can't", "i cannot", "i can not", "i could not"),
    *("i couldn't", "i am unable", "i'm unable", "i am not able", "i'm not able", "i won't", "we can't", "we cannot"),
    *("as an ai", "as a text", "as a language", "as a large", "as an assistant", "as an artificial", "as a virtual"),
    *("i will", "i'll", "i am going to", "i'm going to", "i shall", "let me", "please", "do not", "don't", "you want"),
    *("you asked", "sure", "and i will", "and i'll", "and please", "this is a", "this is the", "i'm here to"),
    *("i am here to", "last words", "the last words", "there is nothing", "there's nothing", "i have nothing"),
    *("i have already", "i already", "we already", "no response", "nothing to", "no further", "yes, my", "yes. my"),
    *(f"{whose} {what}" for whose in ("my", "the", "this", "your", "that") for what in _SAID),
)
_SPACE: Final = re.compile(r"\s+")
_SENTENCE_END: Final = re.compile(r"[.!?:](?:\s|$)")


def could_open_an_aside(text: str) -> bool:
    """Whether a text that begins a sentence may turn out to be an aside; False once it has become another text."""
    begun = _plain(text)
    if not begun:
        return True
    if len(begun) > LONGEST or not any(begun.startswith(o) or o.startswith(begun) for o in _OPENINGS):
        return False
    sentence = _SENTENCE_END.search(text.lstrip())
    return sentence is None or aside_at_start(text, ended=False) is not None


def aside_at_start(text: str, *, ended: bool = True) -> Aside | None:
    """What kind of aside the text begins with; None: with none.

    Args:
        text: From the beginning of a sentence. No more than 240 characters of it are looked at.
        ended: Whether that is all of it; else its last word may still become another.
    """
    begun = _plain(text)
    kinds: tuple[tuple[Aside, re.Pattern[str]], ...] = (
        ("refusal", _REFUSALS),
        ("done", _DONE),
        ("instruction", _INSTRUCTIONS),
    )
    for kind, wordings in kinds:
        found = wordings.match(begun[:LONGEST])
        if found and (ended or found.end() < len(begun)):
            return kind
    return None


def _plain(text: str) -> str:
    """In lower case, with straight apostrophes and single spaces, and without what marks it up."""
    head = text[: LONGEST * 2].lstrip(" \t\r\n*_>#\"'“‘([-").casefold().replace("’", "'")
    return _SPACE.sub(" ", head)
