"""An answer that lasts long enough for something to happen to it."""

from __future__ import annotations

from typing import Final

from unbroken.testing import Answer, Script, Silence, after_events

__all__ = ["HALF", "LONG", "TEXT"]

TEXT: Final = (
    "The lighthouse at Rua Point was lit in March, on the ninth, at a quarter past six. Nobody had asked for it. The "
    "keeper, whose name was Ines, had carried the oil up a hundred and twelve steps, for the third time that week, and "
    "sat down on the last of them. Far out a ferry turned its bow. It had been dark for a year, and now it was not."
)
#: Some eighty events, in half a second or so.
LONG: Final = Answer(TEXT, pieces=(2, 6), pace=0.005)
#: The first request gets no more of it than half. What one append brings is the more, the slower the machine: so nobody
#: has the whole before he is killed.
HALF: Final = Script(LONG, faults=[Silence(at=after_events(40))])
