"""What the demo plays: one long answer, four ways in which its stream dies, and two races for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ...testing import (
    AFTER_MESSAGE_START,
    Answer,
    At,
    EndOfFile,
    ErrorEvent,
    Manner,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    after_characters,
)

__all__ = ["ANSWER", "QUESTION", "Act", "acts", "from_script", "races"]

QUESTION: Final = "What does a lighthouse keeper do in a storm?"

ANSWER: Final = """\
## What a lighthouse keeper does in a storm

Before the wind comes she trims the lamp, fills the oil, and writes the fall of the barometer in the log: *29.1, and \
sinking*. Then it is night, and the whole of the work is to keep going.

1. **Every hour she climbs.** 168 steps, a can of oil in each hand, to see that the flame stands straight and the \
glass is clear of salt.
2. **She winds the clockwork.** A light that stops turning is worse than none: a captain who counts the flashes would \
take it for some other rock.
3. **She writes down what happened.** The hour, the wind, each ship that passed, and every minute in which the lamp \
was out.

If the lamp fails, she does not begin the night again. She lights it with what is at hand, turns the lens by arm until \
morning, and lets the beam come round on the very second it was due. From the sea there is nothing to notice: a \
flash, ten seconds of dark, the next flash.

> The storm is not hers to stop. The light is hers to keep.

At dawn the log has three lines in a shaky hand, and every ship is where it meant to be.
"""

#: Seconds between two pieces of the answer: about four for all of it, a pace that the eye can follow.
PACE: Final = 0.016
HURRIED: Final = 0.001


@dataclass(frozen=True, slots=True)
class Act:
    """One way to die.

    Attributes:
        title: What happens, in a few words.
        script: What the server does; each of the two has a server of its own, with the same script.
        truth: The answer that the model wants to write.
        killed_at: How many characters are shown when the process that streams is killed; None: it is left alone.
    """

    title: str
    script: Script
    truth: str
    killed_at: int | None = None


def acts(*, fast: bool) -> list[Act]:
    """The four acts of the demo."""

    def answer(manner: Manner) -> Answer:
        return Answer(ANSWER, manner=manner, pace=HURRIED if fast else PACE)

    overload = Script(answer(Manner.ECHO), faults=[ErrorEvent("overloaded_error", at=_inside("barometer", 5))])
    # The model is talkative when it goes on: "Continuing from where I left off:", and the last words once more.
    silent_half = Script(answer(Manner.PREAMBLE_ECHO), faults=[EndOfFile(at=_inside("nothing to notice", 12))])
    failover = Script(answer(Manner.ECHO), faults=[Reset(at=_inside("captain", 4)), Status(529), Status(529)])
    # Where the server waits, a machine that is slow to kill gets no further.
    kill = Script(answer(Manner.ECHO), faults=[Silence(at=_inside("come round", 10))])
    return [
        Act("overloaded in mid-answer", overload, ANSWER),
        Act("a clean end, too early", silent_half, ANSWER),
        Act("reset, then 529, then 529", failover, ANSWER),
        Act("kill -9 in mid-answer", kill, ANSWER, killed_at=ANSWER.index("begin the night again") + 9),
    ]


def races(models: Sequence[str], *, fast: bool) -> list[Act]:
    """The two acts of the race between these models, in rank order; at least two.

    What a model does is the same however often it is asked, but for the first one's cut: so the acts go well with any
    delay between the models.
    """
    first, *others = models
    second = others[0]
    # How long it takes until a model writes, in seconds: for the eye, or long enough for the others to be asked.
    quick, steady, every = (0.1, 0.2, 0.05) if fast else (0.5, 1.0, 0.2)
    answer = Answer(ANSWER, pace=HURRIED if fast else PACE)
    only_pings = Script(then=Pings(every=every, at=AFTER_MESSAGE_START))
    overloaded = Script(then=ErrorEvent("overloaded_error", at=AFTER_MESSAGE_START))
    well = Script(then=Silence(steady, at=AFTER_MESSAGE_START))
    cut_once = (Silence(quick, at=AFTER_MESSAGE_START), Reset(at=_inside("captain", 4)))
    healthy_last = dict.fromkeys(others, only_pings) | {first: overloaded, others[-1]: well}
    dies = dict.fromkeys(others, only_pings) | {first: Script(faults=[cut_once], then=Status(529)), second: well}
    return [
        Act("one overloaded, one that only pings, one well", Script(answer, models=healthy_last), ANSWER),
        Act("the winner dies in mid-answer", Script(answer, models=dies), ANSWER),
    ]


def from_script(script: Script, *, title: str, model: str, fast: bool) -> Act:
    """One act with the faults of the user's own script, and with its answer if it has one."""
    pace = HURRIED if fast else PACE
    turns = script.turns if script.answers else (Answer(ANSWER),)
    played = replace(script, answers=[replace(turn, pace=turn.pace or pace) for turn in turns])
    return Act(title, played, played.for_model(model)[1].turns[0].text)


def _inside(words: str, characters: int) -> At:
    """The place in the answer so many characters into these words."""
    return after_characters(ANSWER.index(words) + characters)
