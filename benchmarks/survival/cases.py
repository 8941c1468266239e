"""The faults, and the answers that they befall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from benchmarks.survival.judge import Call, Truth
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_MESSAGE_START,
    Answer,
    CutFrame,
    EndOfFile,
    ErrorEvent,
    Manner,
    Pings,
    Reset,
    Script,
    Silence,
    Slow,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_characters,
    after_events,
)
from unbroken.testing.script.faults import Step
from unbroken.testing.wire.http import frame

__all__ = ["CASES", "PAIRS", "Case", "Kind", "Pair"]

Kind = Literal["text", "thinking", "call"]

#: Seconds from asking, after which whoever has come to no end hangs: more than every limit that the peers are given,
#: and than what they wait between their tries.
PATIENCE: Final = 60.0
#: The limits that the peers are given, where they take them: seconds without a byte, without content, and in all.
SILENCE: Final = 2.0
STALL: Final = 4.0
TOTAL: Final = 15.0
#: Seconds between two events of the answer that crawls. Far below `SILENCE`, and the whole of it below `TOTAL`.
CRAWL: Final = 0.08
MAX_TOKENS: Final = 4096

PROMPT: Final = "What is known of the lighthouse at Rua Point?"
TEXT: Final = (
    "The lighthouse at Rua Point was lit on the ninth of March, and has gone out twice since.\n\n"
    "The first time was in the great storm, when the sea came over the gallery and into the lamp room. Inês, who kept "
    "the light with her father, rowed across at dawn with a can of oil between her knees; by the evening it burned "
    "again. The second time nobody noticed. The lamp had been made to wind itself, the keeper's house was let to "
    "summer guests, and three nights went by before a fisherman from São Brás asked in the café why the point was "
    "dark.\n\n"
    "Today a clock lights it, and a second clock watches the first. What is left of the old days is a row of 112 "
    "steps, a brass bell, and the habit of those who live below to look up once before they close the shutters."
)
THOUGHT: Final = (
    "They ask for what is known. The storm, the second failure, and the present state are enough, in order."
)
CALL: Final = Call("look_up", {"place": "Rua Point", "years": [1897, 1931], "kind": "lighthouse", "notes": True})
LEAD: Final = "I look it up in the register. "
TOOL: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "name": CALL.name,
        "description": "Looks a place up in the register.",
        "input_schema": {
            "type": "object",
            "properties": {
                "place": {"type": "string"},
                "years": {"type": "array", "items": {"type": "integer"}},
                "kind": {"type": "string"},
                "notes": {"type": "boolean"},
            },
            "required": ["place"],
        },
    }
)

#: What the model writes, by kind. The text's pieces are long in the answer with a call, so that events can be counted.
ANSWERS: Final[Mapping[Kind, Answer]] = {
    "text": Answer(TEXT),
    "thinking": Answer([Thinking(THOUGHT), Text(TEXT)]),
    "call": Answer([Text(LEAD), ToolUse(CALL.name, CALL.input)], pieces=(10, 10)),
}
TRUTHS: Final[Mapping[Kind, Truth]] = {
    "text": Truth(TEXT),
    "thinking": Truth(TEXT),
    "call": Truth(LEAD, [CALL]),
}
#: `message_start`, a ping, the start of a block and a few deltas: inside the thinking, which comes first.
IN_THINKING: Final = after_events(6)
#: The text's start, ping, deltas and stop, then the call's start and half of its input.
IN_CALL: Final = after_events(12)


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary and its fallback.

    Attributes:
        name: Of the pair.
        title: What it is, in a heading.
        models: The primary, and its fallback.
        thinking: The `thinking` of a request that wants some.
    """

    name: str
    title: str
    models: tuple[str, str]
    thinking: Mapping[str, Any]


PAIRS: Final = (
    Pair(
        "modern",
        "Models that accept no prefill",
        ("claude-opus-5-5", "claude-sonnet-5-5"),
        {"type": "adaptive", "display": "summarized"},
    ),
    Pair(
        "prefill",
        "Models that accept a prefill",
        ("claude-opus-4-5", "claude-haiku-4-5"),
        {"type": "enabled", "budget_tokens": 2048},
    ),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, or one row of them.

    Attributes:
        name: Of the case.
        says: What happens, in a few words.
        faults: What goes wrong with the primary, request by request; it is well after that.
        then: What goes wrong with every later request to the primary; None: nothing.
        kind: What the answer is made of.
        manner: How the model goes on with what it has begun; None: as well as the request's wording lets it.
    """

    name: str
    says: str
    faults: Sequence[Step] = field(default=())
    then: Step = None
    kind: Kind = "text"
    manner: Manner | None = None

    def script(self, pair: Pair, best: Manner) -> Script:
        """What the server does; the fallback is always well.

        Args:
            pair: Whom it plays.
            best: How a model goes on that does all that it is asked for.
        """
        written = replace(ANSWERS[self.kind], manner=self.manner or best)
        return Script(written, models={pair.models[0]: Script(faults=self.faults, then=self.then)})

    def order(self, pair: Pair, url: str) -> dict[str, Any]:
        """What the runner is told, as JSON."""
        return {
            "url": url,
            "primary": pair.models[0],
            "fallback": pair.models[1],
            "prompt": PROMPT,
            "max_tokens": MAX_TOKENS,
            "thinking": dict(pair.thinking) if self.kind == "thinking" else None,
            "tools": [dict(TOOL)] if self.kind == "call" else [],
            "silence": SILENCE,
            "stall": STALL,
            "total": TOTAL,
        }


def _inside_a_character() -> CutFrame:
    """The connection ends after the first byte of a letter of two, in the middle of the text."""
    letter = "ã"
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": letter}}
    keep = frame(delta).index(letter.encode()) + 1
    return CutFrame(after_characters(TEXT.index(letter)), keep=keep, end="drop")


#: Between a word and the space after it, so that there is a space to lose.
_BETWEEN: Final = ErrorEvent(at=after_characters(TEXT.index(" ", len(TEXT) // 2)))

CASES: Final = (
    Case("none", "nothing"),
    Case("529", "529, once", [Status(529)]),
    Case("529 twice", "529, twice", [Status(529)] * 2),
    Case("529 always", "529, always", then=Status(529)),
    Case("500", "500, once", [Status(500)]),
    Case("429", "429 with `retry-after: 1`, once", [Status(429, headers={"retry-after": "1"})]),
    Case("error first", "`overloaded_error` as first event", [ErrorEvent(at=BEFORE_MESSAGE_START)]),
    Case("silent start", "silence before the first content", [Silence(at=AFTER_MESSAGE_START)]),
    Case("error", "`overloaded_error` after half", [ErrorEvent()]),
    Case("reset", "connection reset after half", [Reset()]),
    Case("end", "clean end of file after half", [EndOfFile()]),
    Case("silence", "silence after half", [Silence()]),
    Case("pings", "only pings after half", [Pings(every=0.5)]),
    Case("character", "closed inside a UTF-8 character", [_inside_a_character()]),
    Case("frame", "clean end of file inside a frame", [CutFrame()]),
    Case("gone", "reset after half, then 529 always", [Reset()], then=Status(529)),
    Case("thinking", "reset during thinking", [Reset(IN_THINKING)], kind="thinking"),
    Case("call", "reset during a tool call", [Reset(IN_CALL)], kind="call"),
    Case("call end", "clean end of file during a tool call", [EndOfFile(IN_CALL)], kind="call"),
    Case("crawl", "a crawl, but whole", then=Slow(CRAWL)),
    Case("words", "error after half; words repeated", [_BETWEEN], manner=Manner.REPEAT_WORDS),
    Case("sentence", "error after half; sentence repeated", [_BETWEEN], manner=Manner.RESTART_SENTENCE),
    Case("answer", "error after half; all repeated", [_BETWEEN], manner=Manner.RESTART_ANSWER),
    Case("lead-in", "error after half; a lead-in", [_BETWEEN], manner=Manner.PREAMBLE),
    Case("space", "error after half; a space lost", [_BETWEEN], manner=Manner.LOST_SPACE),
)
