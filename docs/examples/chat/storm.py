"""What the fault server plays when there is no API key: an answer for every question, and most of them are broken."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Final

from unbroken.testing import (
    AFTER_MESSAGE_START,
    Answer,
    EndOfFile,
    ErrorEvent,
    Fault,
    Reset,
    Script,
    Silence,
    Status,
    after_fraction,
)

__all__ = ["ANSWER", "storm"]

ANSWER: Final = """\
This answer comes from a server on your own machine that plays the Claude API on a bad day. Most answers that it \
gives are broken somewhere: by an overload in the middle of a sentence, by a connection that is reset, or by an end \
that comes too early and looks like any other. Each time, what had arrived was kept, the rest was asked for, and the \
two were joined at the very character. If you did not watch the line below, you would not have noticed.

Try the rest too. Two processes serve this page, and one of them is writing this. Kill it, with the button that sends \
kill -9: the other one takes the answer up where the journal ends, and this same paragraph goes on. Kill that one as \
well; by then the first has been replaced. Restart both, one after the other, as a deploy does. It costs a pause.

Close this tab while an answer is coming and open it again: the answer went on without you. Open the same address in \
a second tab, and both show it, to the last word. Press Stop in either of them: what had come stays, in both, and the \
request to the model is closed, whichever process had sent it.

With an API key in ANTHROPIC_API_KEY, the same program asks Claude.
"""


def storm(*, pace: float = 0.06, pause: float = 1.5) -> Script:
    """The script of a bad day.

    Args:
        pace: Seconds between two pieces of the answer.
        pause: Seconds for which the model says nothing before it goes on after a fault.
    """
    late = Silence(pause, at=AFTER_MESSAGE_START)
    day: list[Fault] = [
        ErrorEvent("overloaded_error", at=after_fraction(0.4)),
        late,
        Reset(at=after_fraction(0.6)),
        late,
        Status(529),
        EndOfFile(at=after_fraction(0.5)),
        late,
    ]
    return Script(Answer(ANSWER, pace=pace), faults=list(chain.from_iterable(repeat(day, 1000))))
