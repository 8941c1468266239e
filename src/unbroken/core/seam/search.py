"""Looks for the joint in what a model writes when it is asked to go on.

A *reading* takes the output from some place on for a replay of a tail of the held text: from its beginning, or from
behind a lead-in. All of them end at the joint, and just before it stands the *mark*: the key, or without one a tail of
the echo. So the work is to find the mark, and only where it stands is a reading held against the held text.

Where the mark stands once in the held text, its first place in the output decides. Where it stands there more often,
a reading is tried at each place of it where its length makes it evidence, as often as `_MOST_TRIALS` says.

Cost: one search for the mark over the output; at each place a comparison with the end of the held text; and a look
whether the output still repeats the held text at lengths that grow by a quarter each time. All of it is done by `str`,
whose searches are linear, so it comes to some twenty passes over both texts at most, whatever they are. Only the first
160 characters, where a lead-in may end, are gone through one by one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from .anchor import Anchor, DeliveredText, is_what_comes_next, squeeze
from .leadin import HEAD_ENDS, LONGEST_HEAD, ends_in_a_fence, find_any_head, find_head, is_one_lead_in

__all__ = ["Form", "Joint", "Search"]

Form = Literal["prefill", "continue", "restart"]

# In squeezed characters.
_LONG: Final = 24  # a tail as long as this, found nowhere else in the held text, is no accident where it is expected
_ECHOED: Final = 12  # of an echo whose key did not follow, as much as this is cut when all is joined as it is
_TELLING: Final = 12  # a text that is shorter comes again by accident: it is an echo only where the output begins
_SLIP: Final = 8  # how much longer or shorter an echo may come out that was not copied faithfully
_DIGITS: Final = 32  # how many more the numbers of a replay may have that are other ones
_PATIENCE: Final = 100  # how long to wait for a lead-in to end: a line of 80, and a fence line
_MARKS: Final = 32  # combining marks of one character that are put in order
_LONGEST_MARK: Final = 2_000
_GLANCE: Final = 64  # as much of a reading is compared before all of it is
_NUMBER: Final = re.compile(r"\d+")
#: How often a mark that stands in the held text more than once may be tried; each costs some ten steps.
_MOST_TRIALS: Final = 10_000
_MOST_COMPARISONS: Final = 64


@dataclass(frozen=True, slots=True)
class Joint:
    """Where it was found.

    Attributes:
        kind: How the model went on.
        closer: What closes the quotation that the model put the echo in; "" for none.
    """

    kind: Literal["exact", "echo", "overlap", "replay"]
    closer: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """The output from some place on, taken for a replay.

    Attributes:
        after: Squeezed characters that stand before it.
        least: Squeezed characters that it has to have to be told from an accident.
        closer: See `Joint`.
        sure: Whether what stands before it is certain to be no text.
    """

    after: int
    least: int
    closer: str = ""
    sure: bool = True


class Search:
    """Reads a continuation.

    Args:
        delivered: All of the text that was delivered before.
        anchor: What the request was built from.
        form: How the request was made.

    Attributes:
        read: Characters read so far.
        found: Where the joint is, when the last character that was read stands before it; None while it was not found.
        hopeless: Whether nothing that may still come can match.
    """

    def __init__(self, delivered: DeliveredText, anchor: Anchor, form: Form) -> None:
        self.read: int = 0
        self.found: Joint | None = None
        self.hopeless: bool = False
        self._target = target = delivered.squeezed
        self._sent = 0 if form == "restart" else len(target) - len(squeeze(delivered.text[len(anchor.sent) :]))
        self._echo = len(squeeze(anchor.echo))
        self._quote = len(squeeze(anchor.quote))
        self._before = anchor.sent
        self._ends_in_a_fence: bool | None = None
        self._key = target[self._sent :]
        wordless = not any(map(str.isalnum, target))
        bare = not (self._sent and self._key)  # nothing but the text itself marks the joint
        self._follows_no_head = wordless or (bare and len(target) < _TELLING)
        unique = delivered.unique
        self._tail = target[-max(_LONG, unique) :] if self._sent and self._key and len(target) >= _LONG else ""
        self._mark, least = self._choose_mark(unique)
        self._decisive = bool(self._key) and unique <= len(self._mark)
        # Without a key, a tail that stands twice can be what comes next. Then only the echo is evidence, if that could
        # not come next itself, and else all of the text.
        self._alone = least if self._key else unique if unique <= _LONGEST_MARK else len(target)
        tells = not self._key and bool(self._echo) and not is_what_comes_next(target, target[-self._echo :])
        self._telling = self._echo if tells else 0
        self._after_unsure = len(target) - max(0, self._sent - self._echo)
        self._readings = [_Reading(0, least)]
        self._least = least
        self._pieces: list[str] = []  # what was read, squeezed
        self._length = 0
        self._recent = ""  # the end of it, as far as a mark may have begun there
        self._first = ""  # the beginning of it
        self._head = ""  # the same with its white space, up to `LONGEST_HEAD`
        self._patience = max(_PATIENCE, self._quote + _SLIP)
        self._next_look = self._patience
        self._trials = self._comparisons = 0

    def _choose_mark(self, unique: int) -> tuple[str, int]:
        """What stands before the joint in any reading, and the least that a reading from the beginning has to have."""
        if self._key:
            return self._key[-_LONGEST_MARK:], len(self._key)
        # Without a key nothing but the echo is evidence, or so much of it that it can be no accident: a tail that
        # stands nowhere else. Rows that are equal have no such tail, and there it is the whole echo.
        least = min(max(_LONG, unique), self._echo)
        return self._target[len(self._target) - least :], least

    @property
    def _fenced(self) -> bool:
        """Whether the model may have opened a code fence again: asked only when something stands before the replay."""
        if self._ends_in_a_fence is None:
            self._ends_in_a_fence = ends_in_a_fence(self._before)
        return self._ends_in_a_fence

    # -- reading

    def feed(self, text: str) -> int:
        """Read on; return how many characters of `text` were read when it was found or became hopeless."""
        at = 0
        while at < len(text) and not (self.found or self.hopeless):
            if self.read < LONGEST_HEAD:
                at += self._take(text[at])
                if self.read <= LONGEST_HEAD and self._head[-1] in HEAD_ENDS and not (self.found or self.hopeless):
                    self._look_for_a_head()
                self._look_whether_it_is_alive()
            else:
                rest = text[at:]
                at += self._take(rest[: _raw_length(rest, self._next_look - self._length)])
                self._look_whether_it_is_alive()
        return at

    def _take(self, text: str) -> int:
        """Read a piece; the number of its characters, up to the joint if it is in there."""
        piece = squeeze(text)
        if self.read < LONGEST_HEAD:
            self._head += text
        recent = self._recent + piece
        before = self._length - len(self._recent)
        if len(self._first) < LONGEST_HEAD + _GLANCE:
            self._first += piece
        if piece and not piece.isascii() and unicodedata.combining(piece[0]):
            # Marks that came in two pieces, put in order.
            recent, self._first = _ordered(recent), _ordered(self._first)
        self._pieces.append(piece)
        self._length += len(piece)
        seen = len(self._recent)
        at = self._next_place(recent, before, max(0, seen - len(self._mark) + 1)) if self._mark and piece else -1
        while at >= 0:
            end = at + len(self._mark)
            self._decide(before + end)
            if self.found or self.hopeless:
                used = _raw_length(text, end - seen)
                self.read += used
                return used
            at = self._next_place(recent, before, at + 1)
        keep = len(self._mark) - 1
        self._recent = recent[-keep:] if keep else ""
        self.read += len(text)
        return len(text)

    def _next_place(self, recent: str, before: int, start: int) -> int:
        """Where the mark stands next, from `start` on, and before a place where a reading can end; -1: nowhere."""
        if not self._decisive:
            end = before + start + len(self._mark)
            ends = (self._first_end(reading, end) for reading in self._readings)
            start = min((at for at in ends if at <= before + len(recent)), default=-1) - before - len(self._mark)
        return recent.find(self._mark, start) if start >= 0 else -1

    def _first_end(self, reading: _Reading, end: int) -> int:
        """The first place from `end` on where this reading can end, by its length."""
        echoed, alone = reading.after + self._telling, max(end, reading.after + self._alone)
        return min(echoed, alone) if self._telling and end <= echoed else alone

    def _decide(self, end: int) -> None:
        """The mark stands before `end`: whether it is the joint."""
        self._trials += len(self._readings)
        if not self._decisive and self._trials > _MOST_TRIALS:
            self.hopeless = True
            return
        whole = [reading for reading in self._readings if self._repeats_the_end(reading, end)]
        if whole:
            # What was asked for, put in quotation marks, may also be read as a tail that begins with such a mark.
            quoted = (each for each in whole if each.closer and end - each.after == self._quote)
            reading = next(quoted, whole[0])
            self.found = Joint(self._kind_of(end - reading.after), reading.closer)
        elif self._tail and abs(end - self._quote) <= _SLIP and self._so_far(end).endswith(self._tail):
            self.found = Joint("echo", "")
        else:
            self.hopeless = self._decisive

    def _repeats_the_end(self, reading: _Reading, end: int) -> bool:
        """Whether the output from there to `end` is a tail of the held text."""
        length = end - reading.after
        start = len(self._target) - length
        if length < reading.least or start < 0 or not (reading.sure or self._key):
            return False
        if length != self._telling and length < self._alone:
            return False
        glance = self._first[reading.after : reading.after + min(_GLANCE, length)]
        if not self._target.startswith(glance, start):
            return False
        self._comparisons += 1
        if self._comparisons > _MOST_COMPARISONS:
            self.hopeless = True
            return False
        output = self._so_far(end)
        return self._target.endswith(output[reading.after :]) and not self._renumbers(output, reading.after)

    def _renumbers(self, output: str, after: int) -> bool:
        """Whether what stands in `output` before the replay is no lead-in, but what is held there with other numbers.

        Then the model has begun a list anew with a number that the list does not have there, and counts on from that. A
        number that alone is other in the echo is a slip: a small model has made it, and gone on well (recorded).
        """
        if not after:
            return False
        head, start = output[:after], len(self._target) - (len(output) - after)
        before = self._target[max(0, start - after - _DIGITS) : start]
        return not before.endswith(head) and _NUMBER.sub("0", before).endswith(_NUMBER.sub("0", head))

    def _so_far(self, end: int) -> str:
        whole = "".join(self._pieces)
        self._pieces = [whole]
        return _ordered(whole)[:end]

    def _kind_of(self, replayed: int) -> Literal["exact", "echo", "overlap", "replay"]:
        beyond = replayed - (len(self._target) - self._sent)
        if self._sent and beyond == 0:
            return "exact"
        if self._sent and beyond == self._echo:
            return "echo"
        return "replay" if replayed == len(self._target) else "overlap"

    def _look_for_a_head(self) -> None:
        """Open another reading if all that was read can stand before the continuation."""
        if self._follows_no_head:
            # "**" comes again soon, to close what it has opened, and so may "A", "**A" or "1.": behind other words none
            # of them is an echo. "Results:**" is no lead-in and a replay, nor is "...A" in front of "nother".
            return
        known = find_head(self._head, fenced=self._fenced, sure=False)
        if known.length == self.read:
            sure = bool(self._key) or (
                find_head(self._head, fenced=self._fenced, sure=True) == known and is_one_lead_in(self._first)
            )
            least = self._least if sure else self._after_unsure
            self._open(_Reading(self._length, least, known.closer, sure=sure))
        elif head := find_any_head(self._head, fenced=self._fenced):
            self._open(_Reading(self._length, self._after_unsure, head.closer, sure=False))

    def _open(self, reading: _Reading) -> None:
        self._readings.append(reading)

    def _look_whether_it_is_alive(self) -> None:
        if self._length < self._next_look or self.found or self.hopeless:
            return
        self._next_look = self._length + self._length // 4 + 1
        self.hopeless = not self.repeats

    # -- what was read

    @property
    def repeats(self) -> bool:
        """Whether something was read, and all of it, or all but a lead-in, stands in what is held."""
        # If the output from some place on stands there, so does the output from any later place on.
        if not self._length:
            return False
        read = self._so_far(self._length)[self._readings[-1].after :]
        end = len(read)
        while end > max(0, len(read) - _MARKS) and unicodedata.combining(read[end - 1]):
            end -= 1  # another mark, still to come, may stand before it
        return read[:end] in self._target

    @property
    def is_blank(self) -> bool:
        """Whether nothing but white space was read."""
        return not self._length

    @property
    def has_key(self) -> bool:
        """Whether the model has to write something that was delivered and not sent back."""
        return bool(self._key)

    def known_head(self, output: str) -> int:
        """How much of an output that did not match is known to be no continuation, in characters.

        A lead-in that speaks for itself, and a replay of all that was sent, behind which other words came.
        """
        head = find_head(output, fenced=self._fenced, sure=True).length
        squeezed = squeeze(output)
        echoed = max((self._replay_of_what_was_sent(reading, squeezed) for reading in self._readings), default=0)
        return max(head, _raw_length(output, echoed) if echoed else 0)

    def _replay_of_what_was_sent(self, reading: _Reading, output: str) -> int:
        """Where in the squeezed output a replay of the end of what was sent ends that begins with the reading."""
        least = _ECHOED if self._key else self._echo
        if not self._key and (not reading.after or output[: reading.after] in self._target):
            return 0  # a title and a text that comes again: not to be told without a key
        begun = output[reading.after : reading.after + least]
        if len(begun) < least or not begun:
            return 0
        sent = self._target[: self._sent]
        at = sent.find(begun, max(0, self._sent - (len(output) - reading.after)))
        for _ in range(_MOST_COMPARISONS):
            if at < 0 or self._sent - at < least:
                return 0
            if output.startswith(sent[at:], reading.after):
                return reading.after + self._sent - at
            at = sent.find(begun, at + 1)
        return 0


def _raw_length(text: str, squeezed: int) -> int:
    """The least number of characters of `text` that are at least so many when they are squeezed; all of it at most."""
    low, high = 0, len(text)
    if squeezed <= 0 or len(squeeze(text)) <= squeezed:
        # All of it, less the white space behind the last that counts.
        return high if squeezed <= 0 or len(squeeze(text)) < squeezed else len(text.rstrip())
    while high - low > 1:
        middle = (low + high) // 2
        if len(squeeze(text[:middle])) < squeezed:
            low = middle
        else:
            high = middle
    return high


def _ordered(text: str) -> str:
    """Its combining marks in the order that Unicode has them, where they came in several pieces."""
    return text if text.isascii() else unicodedata.normalize("NFD", text)
