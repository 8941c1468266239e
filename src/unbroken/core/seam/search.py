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

from .anchor import Anchor, DeliveredText
from .evidence import Evidence, Form
from .fence import ends_in_a_fence
from .leadin import HEAD_ENDS, LONGEST_HEAD, find_any_head, find_head, is_one_lead_in
from .squeezed import in_order, raw_length, squeeze

__all__ = ["Form", "Joint", "Search"]

# In squeezed characters.
_SLIP: Final = 8  # how much longer or shorter an echo may come out that was not copied faithfully
_DIGITS: Final = 32  # how many more the numbers of a replay may have that are other ones
_PATIENCE: Final = 100  # how long to wait for a lead-in to end: a line of 80, and a fence line
_MARKS: Final = 32  # combining marks of one character that are put in order
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
        self._proof = proof = Evidence.of(delivered, anchor, form)
        self._target, self._key, self._mark = proof.target, proof.key, proof.mark
        self._before = anchor.sent
        self._ends_in_a_fence: bool | None = None
        self._readings = [_Reading(0, proof.least)]
        self._pieces: list[str] = []  # what was read, squeezed
        self._length = 0
        self._recent = ""  # the end of it, as far as a mark may have begun there
        self._first = ""  # the beginning of it
        self._head = ""  # the same with its white space, up to `LONGEST_HEAD`
        self._patience = max(_PATIENCE, proof.quote + _SLIP)
        self._next_look = self._patience
        self._trials = self._comparisons = 0

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
                at += self._take(rest[: raw_length(rest, self._next_look - self._length)])
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
            recent, self._first = in_order(recent), in_order(self._first)
        self._pieces.append(piece)
        self._length += len(piece)
        seen = len(self._recent)
        at = self._next_place(recent, before, max(0, seen - len(self._mark) + 1)) if self._mark and piece else -1
        while at >= 0:
            end = at + len(self._mark)
            self._decide(before + end)
            if self.found or self.hopeless:
                used = raw_length(text, end - seen)
                self.read += used
                return used
            at = self._next_place(recent, before, at + 1)
        keep = len(self._mark) - 1
        self._recent = recent[-keep:] if keep else ""
        self.read += len(text)
        return len(text)

    def _next_place(self, recent: str, before: int, start: int) -> int:
        """Where the mark stands next, from `start` on, and before a place where a reading can end; -1: nowhere."""
        if not self._proof.decisive:
            end = before + start + len(self._mark)
            ends = (self._first_end(reading, end) for reading in self._readings)
            start = min((at for at in ends if at <= before + len(recent)), default=-1) - before - len(self._mark)
        return recent.find(self._mark, start) if start >= 0 else -1

    def _first_end(self, reading: _Reading, end: int) -> int:
        """The first place from `end` on where this reading can end, by its length."""
        echoed, alone = reading.after + self._proof.telling, max(end, reading.after + self._proof.alone)
        return min(echoed, alone) if self._proof.telling and end <= echoed else alone

    def _decide(self, end: int) -> None:
        """The mark stands before `end`: whether it is the joint."""
        self._trials += len(self._readings)
        if not self._proof.decisive and self._trials > _MOST_TRIALS:
            self.hopeless = True
            return
        whole = [reading for reading in self._readings if self._repeats_the_end(reading, end)]
        if whole:
            # What was asked for, put in quotation marks, may also be read as a tail that begins with such a mark.
            quoted = (each for each in whole if each.closer and end - each.after == self._proof.quote)
            reading = next(quoted, whole[0])
            self.found = Joint(self._kind_of(end - reading.after), reading.closer)
        elif (
            self._proof.tail and abs(end - self._proof.quote) <= _SLIP and self._so_far(end).endswith(self._proof.tail)
        ):
            self.found = Joint("echo", "")
        else:
            self.hopeless = self._proof.decisive

    def _repeats_the_end(self, reading: _Reading, end: int) -> bool:
        """Whether the output from there to `end` is a tail of the held text."""
        length = end - reading.after
        start = len(self._target) - length
        if length < reading.least or start < 0 or not (reading.sure or self._key):
            return False
        if length != self._proof.telling and length < self._proof.alone:
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
        return in_order(whole)[:end]

    def _kind_of(self, replayed: int) -> Literal["exact", "echo", "overlap", "replay"]:
        beyond = replayed - (len(self._target) - self._proof.sent)
        if self._proof.sent and beyond == 0:
            return "exact"
        if self._proof.sent and beyond == self._proof.echo:
            return "echo"
        return "replay" if replayed == len(self._target) else "overlap"

    def _look_for_a_head(self) -> None:
        """Open another reading if all that was read can stand before the continuation."""
        if self._proof.follows_no_head:
            # "**" comes again soon, to close what it has opened, and so may "A", "**A" or "1.": behind other words none
            # of them is an echo. "Results:**" is no lead-in and a replay, nor is "...A" in front of "nother".
            return
        known = find_head(self._head, fenced=self._fenced, sure=False)
        if known.length == self.read:
            sure = bool(self._key) or (
                find_head(self._head, fenced=self._fenced, sure=True) == known and is_one_lead_in(self._first)
            )
            least = self._proof.least if sure else self._proof.after_unsure
            self._open(_Reading(self._length, least, known.closer, sure=sure))
        elif head := find_any_head(self._head, fenced=self._fenced):
            self._open(_Reading(self._length, self._proof.after_unsure, head.closer, sure=False))

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
        echoed = max(self._proof.end_of_replay(squeezed, reading.after) for reading in self._readings)
        return max(head, raw_length(output, echoed) if echoed else 0)
