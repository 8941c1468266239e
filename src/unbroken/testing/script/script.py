"""What a fault server does: which answer its model wants to write, and what goes wrong with each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from unbroken.core.models.table import lookup
from unbroken.testing.manners.manners import Manner
from unbroken.testing.script.batches import Batches
from unbroken.testing.script.blocks import Block, Text, Unit, units
from unbroken.testing.script.faults import Fault, Point, Refuse, Step
from unbroken.testing.script.faults.fault import ResponseFault
from unbroken.testing.script.poison import Poison

if TYPE_CHECKING:
    import os

__all__ = ["DEFAULT_TEXT", "Answer", "Script", "as_faults", "of_response"]

#: What the model says when nothing else was scripted.
DEFAULT_TEXT: Final = (
    "A stream is a promise kept in pieces. The first piece says that somebody is there; the last one says "
    "that nothing is missing. Between the two, anything may happen: the network may go away, the server may "
    "be overloaded, the reader may look elsewhere for a minute.\n\nWhat arrived is not lost. It is held, and "
    "the rest is asked for, and the two are joined where the first one ended."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wants to write, from its first character to its last.

    Attributes:
        content: A text, or blocks in order; a `str` among them is a text block.
        manner: How the model goes on when a request carries a part of this answer. After a prefill every
            model goes on exactly.
        stop_reason: None: `tool_use` after a tool call, else `end_turn`. `max_tokens` and `stop_sequence`
            come by themselves when the request's limits are met. After `pause_turn` the next answer belongs to
            the same turn.
        pieces: The least and the most characters in one delta; None: as many as the API sends, which is one to 216, and
            up to nine in half of them.
        pace: Seconds between two events.
        prefill: What the caller's own prefill is, when it is not the beginning of `content`; None: found out.
        stop_details: As in the API; None: what the API says of a refusal that it does not explain, or nothing.
        container: The container that code ran in; None: there is none. A request that names one gets it back.
        headers: Headers of its response beside the API's own, such as the `retry-after` that successes had at times.
    """

    content: str | Sequence[Block | str] = DEFAULT_TEXT
    manner: Manner = Manner.ECHO
    stop_reason: str | None = None
    pieces: tuple[int, int] | None = None
    pace: float = 0.0
    prefill: str | None = None
    stop_details: Mapping[str, Any] | None = None
    container: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """`content` as blocks."""
        content = (self.content,) if isinstance(self.content, str) else self.content
        return tuple(Text(block) if isinstance(block, str) else block for block in content)

    @property
    def units(self) -> list[Unit]:
        """`blocks` one by one as they are sent."""
        return units(self.blocks)

    @property
    def text(self) -> str:
        """The text of all text blocks, joined."""
        return "".join(block.text for block in self.blocks if isinstance(block, Text))


@dataclass(frozen=True, slots=True)
class Script:
    """What a `FaultServer` does, request by request.

    Attributes:
        answers: What the model writes: one answer, or one for each turn of a conversation (the last one
            stays). A request that carries the beginning of an answer gets its continuation.
        faults: What goes wrong, a step for each request to `POST /v1/messages` that the API would accept.
            None, or an empty sequence, lets that request go well.
        then: What goes wrong with every request after those.
        lookups: What goes wrong with every call that only asks: the Models API, and the counting of tokens.
        poison: What goes wrong with every request whose content is of some kind; the first that strikes counts.
        batches: How message batches fare.
        models: Scripts for single models, by name. A model named here has its own steps, which the other
            models' requests do not use up, and its own answers and poison if it names any.
        seed: Where the answers are cut into pieces, where pings fall and how each event is padded, and what `Manner`
            leaves open, follow from it.

    Raises:
        ValueError: If a `Refuse` stands where it cannot work (in `then`, beside another fault, in a model's
            own script), or a fault that needs an event stands before the headers.
    """

    answers: Answer | str | Sequence[Answer | str] = ()
    faults: Sequence[Step] = ()
    then: Step = None
    lookups: Step = None
    poison: Poison | Sequence[Poison] = ()
    batches: Batches = field(default_factory=Batches)
    models: Mapping[str, Script] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        for step in (*self.faults, self.then):
            faults = as_faults(step)
            if any(isinstance(fault, Refuse) for fault in faults) and (len(faults) > 1 or step is self.then):
                raise ValueError("Refuse is a step by itself, and not one that lasts")
            of_response([fault for fault in faults if not isinstance(fault, Refuse)])
        elsewhere = [self.lookups, *(step for steps in self.batches.steps for step in steps)]
        elsewhere += (poison.fault for poison in self.poisons)
        for step in elsewhere:
            of_response(step)
        for script in self.models.values():
            if script.models or script.lookups or script.batches != Batches():
                raise ValueError("a model's own script names no models, no lookups and no batches")
            if any(isinstance(fault, Refuse) for step in script.faults for fault in as_faults(step)):
                raise ValueError(
                    "a connection is refused before its model is known: Refuse belongs in the script itself"
                )

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Script:
        """Read a script from a TOML file.

        The file has the same names as the classes: `seed`, `answer` or `[[answers]]`, `[[faults]]` with
        `do` naming the fault in snake case, `[then]`, and `[models."name"]`. A place is a landmark (`at =
        "message_start"`) or a count (`at = {characters = 120}`). What is not there, `lookups`, `poison` and
        `batches`, is said in Python.

        Raises:
            ValueError: In one sentence, with the place in the file, if it cannot be read as a script.
            OSError: If the file cannot be opened.
        """
        from unbroken.testing.script.toml_file import load

        return load(path, Script, Answer)

    @property
    def turns(self) -> tuple[Answer, ...]:
        """The answers, at least one."""
        answers = (self.answers,) if isinstance(self.answers, Answer | str) else self.answers
        return tuple(Answer(answer) if isinstance(answer, str) else answer for answer in answers) or (Answer(),)

    @property
    def poisons(self) -> tuple[Poison, ...]:
        """`poison` as a sequence."""
        return (self.poison,) if isinstance(self.poison, Poison) else tuple(self.poison)

    def step(self, n: int) -> tuple[Fault, ...]:
        """What goes wrong with request `n`, counted from 0."""
        return as_faults(self.faults[n] if n < len(self.faults) else self.then)

    def for_model(self, model: str) -> tuple[str, Script]:
        """The script that holds for `model`, and the name under which its requests are counted."""
        for name in (model, lookup(model).name):
            if name in self.models:
                own = self.models[name]
                parts = ("answers", "poison", "seed")
                return name, replace(own, **{part: getattr(own, part) or getattr(self, part) for part in parts})
        return "", self


def as_faults(step: Step) -> tuple[Fault, ...]:
    """A step as the faults it is made of."""
    if step is None:
        return ()
    return tuple(step) if isinstance(step, Sequence) else (step,)


def of_response(step: Step) -> tuple[ResponseFault, ...]:
    """A step as the faults of one response.

    Raises:
        ValueError: If one of them is none, or stands where it cannot be played.
    """
    faults: list[ResponseFault] = []
    for fault in as_faults(step):
        if isinstance(fault, Refuse):
            raise ValueError("Refuse belongs in `faults`: a connection is refused before its request is known")
        if not fault.before_headers and fault.at.point is Point.RESPONSE:
            raise ValueError(f"{type(fault).__name__} cannot come before the headers")
        faults.append(fault)
    return tuple(faults)
