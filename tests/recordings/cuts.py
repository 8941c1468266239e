"""Where recordings are cut, by which fault, and how they are gone on with."""

from __future__ import annotations

from itertools import cycle
from random import Random
from typing import Final, Literal

from playback import FAULTS, Cut

from corpus import Recording
from unbroken.testing import Manner

__all__ = ["every_cut", "sample"]

#: The forms of a resume, and how a model goes on after each. After a prefill it is exact, whatever its manner.
_WAYS: Final[tuple[tuple[Literal["auto", "continue"], Manner], ...]] = (
    ("auto", Manner.ECHO),
    ("continue", Manner.ECHO),
    ("auto", Manner.RESTART_ANSWER),
    ("continue", Manner.REPEAT_WORDS),
    ("auto", Manner.PREAMBLE_ECHO),
    ("continue", Manner.RESTART_ANSWER),
    ("auto", Manner.EXACT),
    ("continue", Manner.RESTART_WORD),
    ("continue", Manner.RESTART_SENTENCE),
    ("continue", Manner.PREAMBLE_ECHO),
    ("continue", Manner.EXACT),
)
#: Deltas in a row, from which on a run of them is long.
_LONG: Final = 40
#: Cuts of each recording that every run plays.
_SAMPLED: Final = 3
#: Recordings that have no uncut message to be held against.
_NOT_CUT: Final = frozenset(
    {
        "rec-164",  # it ends in an `error` event
        "rec-165",  # so does this
        "rec-229",  # the input of its call is no JSON
        "rec-230",  # a block ends before the message begins
    }
)


def every_cut(recording: Recording) -> list[Cut]:
    """Between blocks after every frame, by each fault, and inside of it; in a run of deltas one after the other.

    Of a long run, every third: what happens in one word happens in the next.
    """
    if recording.id in _NOT_CUT:
        return []
    rng = Random(recording.id)
    faults, ways = cycle(FAULTS), cycle(_WAYS)
    for _ in range(rng.randrange(len(_WAYS))):
        next(ways)
    cuts: list[Cut] = []
    run = 0
    for n, (type_, frame) in enumerate(zip(recording.types, recording.frames, strict=True)):
        run = run + 1 if type_ == "content_block_delta" else 0
        inside = rng.randrange(1, len(frame))
        if run < 3:
            places = [(0, fault) for fault in FAULTS] + [(inside, next(faults))]
        elif run < _LONG or run % 3 == 0:
            places = [((0, inside)[run % 2], next(faults))]
        else:
            places = []
        for where, fault in places:
            form, manner = next(ways)
            cuts.append(Cut(n, where, fault, manner, form))
    return cuts


def sample(recording: Recording) -> list[Cut]:
    """A few of them, the same ones each time."""
    cuts = every_cut(recording)
    return Random(f"{recording.id}/sample").sample(cuts, min(_SAMPLED, len(cuts)))
