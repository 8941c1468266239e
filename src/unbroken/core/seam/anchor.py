"""Where to cut what is sent back, so that the joint can be found again.

A request that resumes a cut answer carries a prefix of it, `sent`, which ends *before* the end of what was delivered.
What was delivered after it, the `key`, we know, and the model has to write it once more. The key is the shortest tail
of the held text that stands there only once, so it marks one place. However the model goes on (at the exact character,
with the echo, from the start of the word, of the sentence or of the whole answer), it writes some tail of `sent`, then
the key, then what is new: the first place where the key stands is the joint, and `seam.py` looks for it.

Texts are compared *squeezed* (`squeezed.py`), and cut where words end (`cuts.py`).

The held text is a stranger's, of any length and of any make. What goes over all of it is a few passes inside `str`:
squeezing it, and some searches for a tail of at most 2,000 characters (`str.find`, which is linear; `str.rfind` is
not). All else looks at a bounded end of it, mostly some hundred characters, whatever they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from .cuts import ANYWHERE, REACH, boundary, cuts
from .leadin import LONGEST_HEAD, LeadInReader
from .squeezed import periods, squeeze, unique_tail

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Anchor", "DeliveredText", "choose_anchor", "is_what_comes_next"]

# In characters; the keys' lengths in squeezed ones.
_ECHO: Final = 40  # six to eight words: too long to be an accident, short enough to be copied without a slip
_LONGEST_ECHO: Final = 160  # two lines: what is still copied without a slip, where forty characters prove nothing
_KEY: Final = 4  # another word that begins with the same four letters joins well too
_LONGEST_KEY: Final = 2_000  # what a model may be made to write twice; text that repeats more is sent whole
_QUOTED_KEY: Final = 160  # a longer key is not spelt out in the instruction
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


def _key_start(delivered: DeliveredText) -> int | None:
    """Return where the key begins, 0 if nothing can be left before it; None: no key is short enough."""
    held, least = delivered.text, max(_KEY, delivered.unique)
    if least > _LONGEST_KEY:
        return None
    first = next(islice(_INK.finditer(held[::-1]), least - 1, None), None)
    start = boundary(held, len(held) - first.end()) if first else 0
    # A key longer than any head cannot stand in one, whatever it is made of.
    reader, end, size = LeadInReader(), len(held), 0
    while start and (size := size + len(piece := squeeze(held[start:end]))) <= LONGEST_HEAD:
        reader.prepend(piece)
        if not reader.could_be_lead_in:
            break
        end, start = start, boundary(held, start - 1)
    return start


def _echo(sent: str) -> str:
    start = len(sent) - _ECHO
    if start <= 0:
        return sent.lstrip()
    word = _WORD.search(sent, start, start + _ECHO // 2)
    if word:
        return sent[word.start() :]
    anywhere = start if start > REACH else 0
    return sent[next(cuts(ANYWHERE, sent, start, start - REACH), anywhere) :].lstrip()


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
    found = periods(end)
    telling = [one for one in _echoes(sent, echo) if not any(_goes_on(end, period, one) for period in found)]
    return next((one for one in telling if len(squeeze(one)) >= unique), telling[0] if telling else echo)


def _echoes(sent: str, echo: str) -> Iterator[str]:
    """Yield the echo and others to choose from: from the start of a word or else of a character, longer or shorter."""
    yield echo
    default, farthest = len(sent) - len(echo), len(sent) - _LONGEST_ECHO
    nearest = len(sent) - len(echo) // 2
    words = [found.start() for found in _WORD.finditer(sent, max(farthest, 0), nearest)]
    characters = [at for at in cuts(ANYWHERE, sent, nearest, farthest) if not sent[at].isspace()]
    for places in (words[::-1], characters):
        yield from (sent[at:] for at in places if at < default)
        yield from (sent[at:] for at in reversed(places) if at > default)


def is_what_comes_next(squeezed: str, echo: str) -> bool:
    """Whether a text that repeats itself may go on with that squeezed echo, so that it proves nothing."""
    end = squeezed[-_LONGEST_KEY:]
    return any(_goes_on(end, period, echo) for period in periods(end))


def _goes_on(end: str, period: int, echo: str) -> bool:
    """Whether a squeezed text that goes on with its period writes the echo first."""
    squeezed = squeeze(echo)
    return (end[-period:] * (len(squeezed) // period + 1)).startswith(squeezed)
