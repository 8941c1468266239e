"""The fault matrix that every client is put through: an agent's two turns, what breaks, and what the application saw.

Each client has a coroutine function `play`, which asks as its users ask and tells a `Told` whatever reaches the
application, as it comes. It knows nothing of faults: the client that it is given has the middleware, or has not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import anyio

from harness import CONTINUE, PREFILL
from unbroken import Policy, ResilienceMiddleware
from unbroken.testing import (
    BEFORE_MESSAGE_START,
    Answer,
    Block,
    EndOfFile,
    ErrorEvent,
    Fault,
    FaultServer,
    Pings,
    Reset,
    Script,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_blocks,
    after_events,
)

__all__ = [
    "ARGUMENTS",
    "CELLS",
    "FALLBACK",
    "FINAL",
    "LEAD",
    "MODELS",
    "OVERLOADED",
    "PROMPT",
    "RESULT",
    "THINKING",
    "THOUGHT",
    "WHOLE",
    "Cell",
    "Told",
    "all_struck",
    "middleware",
    "outcome",
    "script",
]

PROMPT: Final = "When was the lighthouse at Rua Point lit?"
ARGUMENTS: Final[Mapping[str, Any]] = {"place": "Rua Point", "years": [1897, 1931], "notes": "both, if there are any"}
RESULT: Final = "Lit on 9 March 1897; dark for three nights in 1931."
THOUGHT: Final = "They ask for a date. The register has it, and it has to be looked up."
LEAD: Final = "I look the lighthouse up in the register, with both years. "
FINAL: Final = (
    "It was lit on the ninth of March 1897.\n\n- It went out once, in 1931.\n- Inês, who kept it, rowed across."
)
WHOLE: Final = "whole"

#: The model that is asked, and how it is asked to think. One goes on from a prefill, and one has to be asked to.
MODELS: Final = (PREFILL, CONTINUE)
THINKING: Final[Mapping[str, Mapping[str, Any]]] = {
    PREFILL: {"type": "enabled", "budget_tokens": 2048},
    CONTINUE: {"type": "adaptive", "display": "summarized"},
}
FALLBACK: Final = "claude-sonnet-5-5"

#: More than the SDK's own two retries survive, and without their waits. In milliseconds.
OVERLOADED: Final = Status(529, headers={"retry-after-ms": "1"})
#: Seconds of pings without content after which the middleware gives a stream up, in the cell that needs it.
_PROGRESS: Final = 1.0
_AT_ONCE: Final = Policy(initial_backoff=0)
#: Seconds after which a client that has come to no end hangs: what is played here ends in milliseconds, or never.
_PATIENCE: Final = 120.0
_HANGS_AFTER: Final = 0.5


@dataclass(frozen=True, slots=True)
class Cell:
    """What breaks.

    Attributes:
        faults: Request by request. Those after the first are for who survives it: the rest of the first turn, None,
            comes before the second turn.
        then: What goes wrong with every later request to the model that is asked.
        thinks: Whether the model is asked to think.
        policy: What the middleware is given.
        hangs: Whether a client by itself comes to no end.
        fallback: Who is asked when the model does not come back; None: nobody.
    """

    faults: Sequence[Fault | None]
    then: Fault | None = None
    thinks: bool = False
    policy: Policy = _AT_ONCE
    hangs: bool = False
    fallback: str | None = None


#: The events of the first turn: `message_start`, the text's start, deltas and stop, then the call's start, and some of
#: its input; the pings are few enough. Pieces of ten characters make them countable.
_PIECES: Final = (10, 10)
_IN_CALL: Final = after_events(2 + 2 + -(-len(LEAD) // 10) + 5)
#: `message_start`, the start of the thinking block, and two or three pieces of it.
_IN_THINKING: Final = after_events(5)

#: The first turn breaks, and so does the second, which goes on after the tool's result.
CELLS: Final[Mapping[str, Cell]] = {
    "nothing": Cell([]),
    "529 first": Cell([OVERLOADED] * 3),
    "error event first": Cell([ErrorEvent(at=BEFORE_MESSAGE_START), None, ErrorEvent(at=BEFORE_MESSAGE_START)]),
    "error event in text": Cell([ErrorEvent(), None, ErrorEvent()]),
    "error event in the second turn": Cell([None, ErrorEvent()]),
    "reset in text": Cell([Reset(), None, Reset()]),
    "clean end in text": Cell([EndOfFile(), None, EndOfFile()]),
    "clean end in the second turn": Cell([None, EndOfFile()]),
    "clean end inside a call": Cell([EndOfFile(_IN_CALL), None, EndOfFile()]),
    "error event inside a call": Cell([ErrorEvent(at=_IN_CALL), None, ErrorEvent()]),
    "reset after the call": Cell([Reset(after_blocks(2)), Reset()]),
    "reset in thinking": Cell([Reset(_IN_THINKING), None, Reset()], thinks=True),
    "reset after thinking": Cell([Reset(), None, Reset()], thinks=True),
    "pings in text": Cell(
        [Pings(every=0.1), None, Pings(every=0.1)], policy=replace(_AT_ONCE, progress_timeout=_PROGRESS), hangs=True
    ),
    "529 for ever after a cut": Cell([Reset()], then=OVERLOADED, fallback=FALLBACK),
}


@dataclass(slots=True)
class Told:
    """What reached the application, as it came."""

    pieces: list[str] = field(default_factory=list)
    calls: list[Mapping[str, Any]] = field(default_factory=list)

    def text(self, piece: object) -> None:
        """A piece of text was shown."""
        self.pieces.append(str(piece))

    def call(self, **arguments: Any) -> str:
        """The tool was run; its result."""
        self.calls.append(arguments)
        return RESULT


def script(cell: Cell, model: str, *, lead: str = LEAD, final: str = FINAL) -> Script:
    """What the server does: two turns, of which the fallback's are never broken.

    Args:
        cell: What breaks.
        model: Which model is asked.
        lead: What is written before the call; empty: nothing.
        final: What is written after the tool's result.
    """
    first: list[Block | str] = [
        *([Thinking(THOUGHT)] if cell.thinks else []),
        *([Text(lead)] if lead else []),
        ToolUse("look_up", ARGUMENTS),
    ]
    answers = [Answer(first, pieces=_PIECES), Answer(final, pieces=_PIECES)]
    return Script(answers, models={model: Script(faults=cell.faults, then=cell.then)})


def middleware(cell: Cell) -> list[ResilienceMiddleware]:
    """The one line."""
    return [ResilienceMiddleware(policy=cell.policy, fallback_models=[cell.fallback] if cell.fallback else [])]


async def outcome(play: Callable[[Told], Awaitable[None]], *, hangs: bool = False, text: str = LEAD + FINAL) -> str:
    """What an application sees of one run: `WHOLE`, or how it broke.

    Args:
        play: Asks as an application does.
        hangs: Whether it is expected to come to no end.
        text: What is to be shown in all.
    """
    told = Told()
    said = ""
    with anyio.move_on_after(_HANGS_AFTER if hangs else _PATIENCE) as scope:
        try:
            await play(told)
        except Exception as error:  # whatever a client raises
            said = f"error: {type(error).__name__}: {error}"
    if scope.cancelled_caught:
        return "hangs"
    return said or _broken(told, text) or WHOLE


def all_struck(server: FaultServer, cell: Cell) -> bool:
    """Whether each fault of the cell has befallen a request."""
    return sum(bool(request.faults) for request in server.requests) >= sum(fault is not None for fault in cell.faults)


def _broken(told: Told, text: str) -> str:
    """What is wrong with what an application was told; empty if nothing is."""
    shown = "".join(told.pieces)
    if told.calls != [ARGUMENTS]:
        return f"calls: {told.calls}"
    if shown == text:
        return ""
    return f"cut: {shown!r}" if text.startswith(shown) else f"not the text: {shown!r}"
