"""Where to cut what is sent back, so that the joint can be found again.

A request that resumes a cut answer carries a prefix of it, `sent`, which ends *before* the end of what was delivered.
What was delivered after it, the `key`, we know, and the model has to write it once more. The key is the shortest tail
of the held text that stands there only once, so it marks one place. However the model goes on (at the exact character,
with the echo, from the start of the word, of the sentence or of the whole answer), it writes some tail of `sent`, then
the key, then what is new: the first place where the key stands is the joint, and `seam.py` looks for it.

Texts are compared *squeezed*: without white space and with straight quotes, which is what models change in copying.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from .leadin import could_be_lead_in

__all__ = ["STRAIGHT", "Anchor", "choose_anchor", "squeeze", "unique_tail"]

#: Typographic quotes and what they are compared as.
STRAIGHT: Final = {**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’‚‛", "'")}

# In characters; the keys' lengths in squeezed ones.
_ECHO: Final = 40  # six to eight words: too long to be an accident, short enough to be copied without a slip
_KEY: Final = 4  # another word that begins with the same four letters joins well too
_LONGEST_KEY: Final = 2_000  # what a model may be made to write twice; text that repeats more is sent whole
_QUOTED_KEY: Final = 160  # a longer key is not spelt out in the instruction
_FLAG_HALVES: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_REACH: Final = 40  # how far to look for the start of a word; minified JSON and base64 have none


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a resuming request sends back, what it asks to be repeated, and what it expects.

    Attributes:
        sent: The prefix of the held text to send as the assistant turn. It never ends in white space. Empty: there
            is nothing to send, and the request is to be made afresh (the form *restart*).
        echo: The last 40 characters or so of `sent`, from the start of a word where there is one.
        key: What was delivered after `sent`; the model has to write it again. Empty: `sent` is the whole held text,
            but for white space at its end, and the echo alone marks the joint.
    """

    sent: str
    echo: str
    key: str

    @property
    def quote(self) -> str:
        """What the instruction should quote, to be repeated first.

        The echo and the key, unless that is long: told the words of the key, a model cannot choose others.
        """
        return self.echo if len(self.key) > _QUOTED_KEY else (self.echo + self.key).rstrip()


def choose_anchor(held: str, *, whole: bool = False) -> Anchor:
    """Choose where to cut the held text.

    Args:
        held: All of the text that was delivered.
        whole: Leave nothing out: for a second request, when what came of the first had no key in it (a model may
            choose another word). A held text whose last 2,000 characters stand in it twice is sent whole as well.
    """
    sent = held.rstrip()
    start = None if whole else _key_start(held)
    if start is not None:
        sent = held[:start]
    if not sent:
        return Anchor("", "", held)
    return Anchor(sent, _echo(sent), "" if start is None else held[start:])


def squeeze(text: str) -> str:
    """Take all white space out (no-break spaces too), make quotes straight, and take characters apart.

    Canonically equal text is the same text (Unicode, UAX #15), so all of it is compared in the form NFD, in which each
    character's form does not depend on its neighbours but for the order of its marks.
    """
    squeezed = "".join(text.split())
    if squeezed.isascii():
        return squeezed
    for quote, straight in STRAIGHT.items():  # eight passes of `str`, several times faster than one `translate`
        squeezed = squeezed.replace(quote, straight)
    return unicodedata.normalize("NFD", squeezed)


def unique_tail(text: str, longest: int) -> int:
    """Return the length of the shortest tail that stands once in `text`, or `longest` + 1 if that is longer."""
    low, high = 0, min(longest + 1, len(text))
    while high - low > 1:  # if a tail stands there twice, so do its own tails; halve the interval
        middle = (low + high) // 2
        if text.find(text[-middle:]) < len(text) - middle:
            low = middle
        else:
            high = middle
    return high


def _key_start(held: str) -> int | None:
    """Return where the key begins, 0 if nothing can be left before it; None: no key is short enough."""
    squeezed = squeeze(held)
    least = max(_KEY, unique_tail(squeezed, _LONGEST_KEY))
    if least > _LONGEST_KEY:
        return None
    start = len(held)
    while start and least:
        start -= 1
        least -= not held[start].isspace()
    start = 0 if least else _boundary(held, start)
    while start and could_be_lead_in(squeeze(held[start:])):
        start = _boundary(held, start - 1)
    return start


def _boundary(held: str, start: int) -> int:
    """Return the nearest sensible place for a cut at or before `start`; 0 when there is none."""
    nearest = range(start, max(start - _REACH, 0), -1)
    kinds = (_between_words,) if start <= _REACH else (_between_words, _beside_a_mark, _between_graphemes)
    return next((at for kind in kinds for at in nearest if kind(held, at)), 0)


def _between_words(text: str, at: int) -> bool:
    """Whether a word ends at `at`: before white space, or on either side of a character that needs none."""
    before, after = text[at - 1], text[at]
    if after.isspace():
        return not before.isspace()
    return (_spaceless(before) or _spaceless(after)) and _between_graphemes(text, at)


def _beside_a_mark(text: str, at: int) -> bool:
    return text[at - 1].isalnum() != text[at].isalnum() and _between_graphemes(text, at)


def _between_graphemes(text: str, at: int) -> bool:
    """Whether a cut at `at` leaves what the reader takes for one character in one piece."""
    before, after = text[at - 1], text[at]
    if before.isspace() or after.isspace():  # white space belongs to the key's head, all of it
        return not before.isspace()
    if before in "\u200d\u200c" or after in "\u200d\u200c" or unicodedata.combining(before) == 9:
        return False  # joiners, and the virama of Indic conjuncts
    if unicodedata.category(after).startswith("M") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False  # combining marks, variation selectors, skin tones
    if after == "\u0e33" or after == "\u0eb3" or "\U000e0020" <= after <= "\U000e007f":
        return False  # Thai and Lao AM, the tags of regional flags
    if "\u1160" <= after <= "\u11ff":
        return False  # Hangul vowels and finals
    if after not in _FLAG_HALVES:
        return True
    return (at - len(text[:at].rstrip(_FLAG_HALVES))) % 2 == 0


def _spaceless(character: str) -> bool:
    """Whether it is of a script that is written without spaces, or a pictograph."""
    return (
        "\u0e00" <= character <= "\u0eff"  # Thai, Lao
        or "\u1000" <= character <= "\u109f"  # Burmese
        or "\u1780" <= character <= "\u17ff"  # Khmer
        or "\u2600" <= character <= "\u27bf"  # symbols, dingbats
        or "\u2e80" <= character <= "\ua4cf"  # Chinese, Japanese, Yi
        or "\uf900" <= character <= "\ufaff"
        or "\uff00" <= character <= "\uffef"  # full-width forms
        or character >= "\U0001f000"  # pictographs, rare ideographs
    )


def _echo(sent: str) -> str:
    start = len(sent) - _ECHO
    if start <= 0:
        return sent.lstrip()
    for at in range(start, start + _ECHO // 2):
        if sent[at - 1].isspace() and not sent[at].isspace():
            return sent[at:]
    while start and not _between_graphemes(sent, start):
        start -= 1
    return sent[start:].lstrip()
