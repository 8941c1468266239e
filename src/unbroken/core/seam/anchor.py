"""Where to cut what is sent back, so that the joint can be found again.

A request that resumes a cut answer carries a prefix of it, `sent`, which ends *before* the end of what was delivered.
What was delivered after it, the `key`, we know, and the model has to write it once more. The key is the shortest tail
of the held text that stands there only once, so it marks one place. However the model goes on (at the exact character,
with the echo, from the start of the word, of the sentence or of the whole answer), it writes some tail of `sent`, then
the key, then what is new: the first place where the key stands is the joint, and `seam.py` looks for it.

Texts are compared *squeezed*: without white space and with straight quotes, which is what models change in copying.

The held text is a stranger's, of any length and of any make. What goes over all of it is a few passes inside `str`:
squeezing it, and some searches for a tail of at most 2,000 characters (`str.find`, which is linear; `str.rfind` is
not). All else looks at a bounded end of it, mostly some hundred characters, whatever they are.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from .leadin import LONGEST_HEAD, LeadInReader

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "STRAIGHT",
    "Anchor",
    "DeliveredText",
    "choose_anchor",
    "is_what_comes_next",
    "squeeze",
    "unique_tail",
]

#: Typographic quotes and what they are compared as.
STRAIGHT: Final = {**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’‚‛", "'")}

# In characters; the keys' lengths in squeezed ones.
_ECHO: Final = 40  # six to eight words: too long to be an accident, short enough to be copied without a slip
_LONGEST_ECHO: Final = 160  # two lines: what is still copied without a slip, where forty characters prove nothing
_KEY: Final = 4  # another word that begins with the same four letters joins well too
_LONGEST_KEY: Final = 2_000  # what a model may be made to write twice; text that repeats more is sent whole
_QUOTED_KEY: Final = 160  # a longer key is not spelt out in the instruction
_REACH: Final = 40  # how far to look for the start of a word; minified JSON and base64 have none
_BLANKS: Final = 4_000  # how far to look for what stands before white space
_FLAG_HALVES: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_FLAGS: Final = 600  # longer than a row of all the flags there are, in halves

# Scripts that are written without spaces, and pictographs: Thai and Lao, Burmese, Khmer, symbols and dingbats, Chinese
# and Japanese and Yi, full-width forms, rare ideographs.
_SPACELESS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2600-\u27bf\u2e80-\ua4cf\uf900-\ufaff\uff00-\uffef\U0001f000-\U0010ffff"
)
#: Where a word ends: before white space, or on either side of a character that needs none.
_BETWEEN_WORDS: Final = re.compile(rf"(?=[\s{_SPACELESS}])|(?<=[{_SPACELESS}])(?!\Z)")
_BESIDE_A_MARK: Final = re.compile(r"(?<=[^\W_])(?=[\W_])|(?<=[\W_])(?=[^\W_])")
_ANYWHERE: Final = re.compile(r"(?!\Z)")
_WORD: Final = re.compile(r"(?<!\S)(?=\S)")
_INK: Final = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a resuming request sends back, what it asks to be repeated, and what it expects.

    Attributes:
        sent: The prefix of the held text to send as the assistant turn. It never ends in white space. Empty: there
            is nothing to send, and the request is to be made afresh (the form *restart*).
        echo: The last 40 characters or so of `sent`, from the start of a word where there is one. Without a key, up to
            160, if fewer stand in it twice, or are what comes next in a text that repeats itself.
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


class DeliveredText:
    """A text that was delivered, with what is asked of it more than once; each answer is found once, when asked for.

    Args:
        text: All of it.
    """

    __slots__ = ("_anchors", "_squeezed", "_unique", "text")

    def __init__(self, text: str) -> None:
        self.text: str = text
        self._squeezed: str | None = None
        self._unique: int | None = None
        self._anchors: dict[bool, Anchor] = {}

    @property
    def squeezed(self) -> str:
        """The text as it is compared (`squeeze`)."""
        if self._squeezed is None:
            self._squeezed = squeeze(self.text)
        return self._squeezed

    @property
    def unique(self) -> int:
        """How long its shortest tail is that stands in it once, squeezed; 2,001 for a longer one."""
        if self._unique is None:
            self._unique = unique_tail(self.squeezed, _LONGEST_KEY)
        return self._unique

    def anchor(self, *, whole: bool = False) -> Anchor:
        """Where to cut it, as `choose_anchor` does."""
        if whole not in self._anchors:
            self._anchors[whole] = _anchor(self, whole=whole)
        return self._anchors[whole]


def choose_anchor(held: str, *, whole: bool = False) -> Anchor:
    """Choose where to cut the held text.

    Args:
        held: All of the text that was delivered.
        whole: Leave nothing out: for a second request, when what came of the first had no key in it (a model may
            choose another word). A held text whose last 2,000 characters stand in it twice is sent whole as well.

    It costs a few passes inside `str` over the held text, and a number of steps that does not grow with it.
    """
    return _anchor(DeliveredText(held), whole=whole)


def _anchor(delivered: DeliveredText, *, whole: bool) -> Anchor:
    held = delivered.text
    if not delivered.squeezed:
        return Anchor("", "", held)
    start = None if whole else _key_start(delivered)
    if start is None:
        sent = held.rstrip()
        return Anchor(sent, _telling_echo(sent, delivered.squeezed), "")
    sent = held[:start]
    return Anchor(sent, _echo(sent), held[start:]) if sent else Anchor("", "", held)


def squeeze(text: str) -> str:
    """Take all white space out (no-break spaces too), make quotes straight, and take characters apart.

    Canonically equal text is the same text (Unicode, UAX #15), so all of it is compared in the form NFD, in which each
    character's form does not depend on its neighbours but for the order of its marks.
    """
    # Most white space goes before the text is split, and quotes one by one: on long texts several times as fast.
    squeezed = "".join(text.replace(" ", "").replace("\n", "").split())
    if squeezed.isascii():
        return squeezed
    for quote, straight in STRAIGHT.items():
        squeezed = squeezed.replace(quote, straight)
    return unicodedata.normalize("NFD", squeezed)


def unique_tail(text: str, longest: int) -> int:
    """Return the length of the shortest tail that stands once in `text`, or `longest` + 1 if that is longer.

    If a tail stands there twice, so do its own tails. Hence lengths are doubled until one stands once, then the
    interval is halved; no search begins before the first place of the tail that was found last. The number of searches
    grows with the logarithm of `longest`, and each is one pass at most: `str.find` is linear in CPython, not `rfind`.
    """
    low, high = 0, min(longest + 1, len(text))
    first = 0  # where the tail of `low` characters stands
    while high - low > 1:
        middle = min(2 * low + _KEY, (low + high) // 2)
        found = text.find(text[-middle:], max(first + low - middle, 0))
        if found < len(text) - middle:
            low, first = middle, found
        else:
            high = middle
    return high


def _key_start(delivered: DeliveredText) -> int | None:
    """Return where the key begins, 0 if nothing can be left before it; None: no key is short enough."""
    held, least = delivered.text, max(_KEY, delivered.unique)
    if least > _LONGEST_KEY:
        return None
    first = next(islice(_INK.finditer(held[::-1]), least - 1, None), None)
    start = _boundary(held, len(held) - first.end()) if first else 0
    # A key longer than any head cannot stand in one, whatever it is made of.
    reader, end, size = LeadInReader(), len(held), 0
    while start and (size := size + len(piece := squeeze(held[start:end]))) <= LONGEST_HEAD:
        reader.prepend(piece)
        if not reader.could_be_lead_in:
            break
        end, start = start, _boundary(held, start - 1)
    return start


def _boundary(held: str, start: int) -> int:
    """Return the nearest sensible place for a cut at or before `start`; 0 when there is none."""
    if held[start - 1 : start].isspace():  # white space belongs to the key's head, all of it
        blanks = held[max(start - _BLANKS, 0) : start]
        start -= len(blanks) - len(blanks.rstrip())
    kinds = (_BETWEEN_WORDS,) if start <= _REACH else (_BETWEEN_WORDS, _BESIDE_A_MARK, _ANYWHERE)
    return next((at for kind in kinds for at in _cuts(kind, held, start, start - _REACH)), 0)


def _cuts(kind: re.Pattern[str], text: str, start: int, beyond: int) -> Iterator[int]:
    """Yield the places of that kind from `start` back to the one after `beyond` that leave each character whole."""
    places = [found.start() for found in kind.finditer(text, max(beyond, 0) + 1, start + 1)]
    return (at for at in reversed(places) if _between_graphemes(text, at))


def _between_graphemes(text: str, at: int) -> bool:
    """Whether a cut at `at` leaves what the reader takes for one character in one piece."""
    before, after = text[at - 1], text[at]
    if before.isspace() or after.isspace():
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
    # In pairs from where their row begins; a row without an end is taken to begin at an even place.
    halves = text[max(at - at % 2 - _FLAGS, 0) : at]
    return (len(halves) - len(halves.rstrip(_FLAG_HALVES))) % 2 == 0


def _echo(sent: str) -> str:
    start = len(sent) - _ECHO
    if start <= 0:
        return sent.lstrip()
    word = _WORD.search(sent, start, start + _ECHO // 2)
    if word:
        return sent[word.start() :]
    anywhere = start if start > _REACH else 0
    return sent[next(_cuts(_ANYWHERE, sent, start, start - _REACH), anywhere) :].lstrip()


def _telling_echo(sent: str, squeezed: str) -> str:
    """Return an echo that marks the joint without a key: nothing else does then.

    It must not be what the model writes when it goes on at the exact character instead. In a text that repeats itself
    (equal table rows, a blank form, "ha ha ha") that begins with the period, and an echo of whole periods begins so
    too: rows that were never delivered would be cut as if they had been. So the echo begins elsewhere in the period, at
    the start of a word or else inside one; where the period is one character there is no elsewhere. And it should stand
    nowhere else in the text, so that it is told from a replay of another place: it is as long as that takes, up to 160
    characters.
    """
    echo = _echo(sent)
    unique = unique_tail(squeezed, _LONGEST_ECHO)
    if 2 * unique <= len(squeeze(echo)):  # a text with that echo as its period would have half of it twice
        return echo
    end = squeezed[-_LONGEST_KEY:]
    periods = _periods(end)
    telling = [one for one in _echoes(sent, echo) if not any(_goes_on(end, period, one) for period in periods)]
    return next((one for one in telling if len(squeeze(one)) >= unique), telling[0] if telling else echo)


def _echoes(sent: str, echo: str) -> Iterator[str]:
    """Yield the echo and others to choose from: from the start of a word or else of a character, longer or shorter."""
    yield echo
    default, farthest = len(sent) - len(echo), len(sent) - _LONGEST_ECHO
    nearest = len(sent) - len(echo) // 2
    words = [found.start() for found in _WORD.finditer(sent, max(farthest, 0), nearest)]
    characters = [at for at in _cuts(_ANYWHERE, sent, nearest, farthest) if not sent[at].isspace()]
    for places in (words[::-1], characters):
        yield from (sent[at:] for at in places if at < default)
        yield from (sent[at:] for at in reversed(places) if at > default)


def is_what_comes_next(squeezed: str, echo: str) -> bool:
    """Whether a text that repeats itself may go on with that squeezed echo, so that it proves nothing."""
    end = squeezed[-_LONGEST_KEY:]
    return any(_goes_on(end, period, echo) for period in _periods(end))


def _goes_on(end: str, period: int, echo: str) -> bool:
    """Whether a squeezed text that goes on with its period writes the echo first."""
    squeezed = squeeze(echo)
    return (end[-period:] * (len(squeezed) // period + 1)).startswith(squeezed)


def _periods(end: str) -> list[int]:
    """Return each length of which the last characters stand there twice in a row, but for multiples of another."""
    periods: list[int] = []
    for size in range(1, len(end) // 2 + 1):
        if end[-size:] == end[-2 * size : -size] and not any(
            size % root == 0 and end[-2 * size :] == end[-root:] * (2 * size // root) for root in periods
        ):
            periods.append(size)
    return periods
