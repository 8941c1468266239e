"""Answers that no two streams share, and that server and judge both know from the question alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.corpus.texts import TEXTS

from unbroken.core.seam.ending import Ending, ending_of
from unbroken.testing.manners.manners import FAITHFUL, Manner

__all__ = ["MODELS", "PIECES", "Soaked", "question", "soaked", "stamps_asked", "story_asked"]

#: The first two are resumed by a user turn that asks to go on, the last one by a prefill.
MODELS: Final = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")
#: How a model goes on: in a manner that leads to the same answer. In order, which a set of names has not.
MANNERS: Final = tuple(manner for manner in Manner if manner in FAITHFUL)
#: The least and the most characters in one event, about those of a token.
PIECES: Final = (1, 8)

#: The first that makes a text a whole one: none, a sentence, or a sentence behind a block of code.
_ENDS: Final = ("", "\n\nThe end.", "\n```\n\nThe end.")
_PER_PIECE: Final = sum(PIECES) / 2
_STORY: Final = re.compile(r"Write story (\d+) in (\d+) pieces\.")
_STAMPS: Final = re.compile(r"Write (\d+) stamps\.")


@dataclass(frozen=True, slots=True)
class Soaked:
    """One answer of the soak.

    Attributes:
        number: Which one.
        pieces: In about how many events it comes.
        model: Who is asked.
        manner: How the model goes on when it is asked to resume.
        text: What it says.
    """

    number: int
    pieces: int
    model: str
    manner: Manner
    text: str

    @property
    def question(self) -> str:
        """What to ask for it."""
        return f"Write story {self.number} in {self.pieces} pieces."


def soaked(number: int, pieces: int, seed: int) -> Soaked:
    """The answer of that number: the same whoever makes it.

    It puts the texts that are hard to join one after the other in an order of its own, each under a heading of its
    own, until it is long enough.
    """
    rng = Random(f"{seed} {number}")
    model, manner = rng.choice(MODELS), rng.choice(MANNERS)
    length = round(pieces * _PER_PIECE)
    text, part = "", 0
    while len(text) < length:
        part += 1
        text += f"№ {number}.{part} – {rng.getrandbits(32):08x}\n\n{rng.choice(tuple(TEXTS.values()))}\n\n"
    return Soaked(number, pieces, model, manner, _ended(text[:length].rstrip()))


def _ended(text: str) -> str:
    """The text with an end, as an answer has one: half of one that nothing is added to is an honest failure."""
    return next(text + end for end in _ENDS if ending_of(text + end) is Ending.FINISHED)


def story_asked(prompt: str, seed: int) -> Soaked | None:
    """The answer that a question asks for; None if it is none of these."""
    found = _STORY.fullmatch(prompt)
    return soaked(int(found[1]), int(found[2]), seed) if found else None


def question(stamps: int) -> str:
    """What to ask for so many stamps (`stamps.py`)."""
    return f"Write {stamps} stamps."


def stamps_asked(prompt: str) -> int | None:
    """How many stamps a question asks for; None if it asks for none."""
    found = _STAMPS.fullmatch(prompt)
    return int(found[1]) if found else None
