"""The streams that the wires are tested with: their entries, and how each ends.

Whole messages are those of `corpus/grammar.py`, as the fault server writes them; beside them stand those that a resumed
stream has and no single answer does: blocks that were given up, calls whose result never came, ends without a stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

from builders import (
    block_start,
    block_stop,
    delta,
    ending,
    message_delta,
    message_start,
    open_text,
    open_tool,
    text_block,
    thinking_block,
    tool_block,
)
from tests.corpus.grammar import SHAPES, random_answer, request_for

from unbroken.core.message.partial import Partial
from unbroken.core.wire.decoded import Event
from unbroken.testing import Answer, RawBlock, ServerTool, Thinking
from unbroken.testing.claude.carried import Carried
from unbroken.testing.claude.model import reply

__all__ = ["STREAMS", "Recorded", "entries_of", "events_of", "random_stream"]

#: How a stream ends.
Ending = Literal["complete", "cancelled", "failed"]


@dataclass(frozen=True)
class Recorded:
    """One stream, as a reader who asks for every event as it came gets it.

    Attributes:
        entries: Positions and events.
        end: How it ends.
    """

    entries: Sequence[tuple[str, Event]]
    end: Ending = "complete"

    @property
    def text(self) -> str:
        """All of its text."""
        partial = Partial()
        for _, event in self.entries:
            partial.apply(event)
        return partial.text


def events_of(answer: Answer, *, seed: int = 1, **request: Any) -> list[Event]:
    """The events of an answer, as the fault server writes them."""
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "When was the lighthouse at Rua Point lit?"}],
        "thinking": {"type": "adaptive", "display": "summarized"},
        **request_for(answer),
        **request,
    }
    return list(reply(body, Carried(answer), Random(seed), id=f"msg_web{seed}").events())


def entries_of(events: Sequence[Event], *, fence: int = 1, first: int = 3) -> list[tuple[str, Event]]:
    """The events with positions. Other entries stand between them: the numbers have holes, and another fence begins."""
    half = len(events) // 2
    found = []
    for at, event in enumerate(events):
        behind = at >= half
        found.append((f"{fence + behind}-{first + at + 3 * behind}", event))
    return found


def random_stream(rng: Random) -> Recorded:
    """Some stream that is complete."""
    return Recorded(entries_of(events_of(random_answer(rng, mcp=True, future=True), seed=rng.randrange(100))))


def _short(answer: Answer) -> Answer:
    return Answer(answer.content, stop_reason=answer.stop_reason, container=answer.container, pieces=(12, 40))


def _cut(events: Sequence[Event], type: str) -> list[Event]:
    """The events up to the first of that type, without it."""
    return list(events[: next(at for at, event in enumerate(events) if event["type"] == type)])


_SEARCH: Final = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
_FOUND: Final = [{"type": "web_search_result", "url": "https://example.com/0", "title": "Page 0", "page_age": None}]

#: What only a stream of several attempts, or of another server, has.
_RESUMED: Final[Mapping[str, Sequence[Event]]] = {
    "thinking given up": [
        message_start(),
        block_start(0, "thinking"),
        delta(0, "thinking_delta", "When was it"),
        block_stop(0),
        *thinking_block("When was it lit?", index=1),
        *text_block("In March.", index=2),
        *ending(),
    ],
    "a call given up": [
        message_start(),
        *text_block("I look. "),
        *open_tool('{"wh', index=1),
        {
            **block_start(2, "tool_use"),
            "content_block": {"type": "tool_use", "id": "toolu_2", "name": "w", "input": {}},
        },
        delta(2, "input_json_delta", '{"when": "March"}'),
        block_stop(2),
        *ending("tool_use"),
    ],
    "a call given up at the end": [message_start(), *text_block("I look. "), *open_tool('{"wh', index=1), *ending()],
    "a call that max_tokens cut": [message_start(), *tool_block('{"when": "Mar', index=0), *ending("max_tokens")],
    "a call with an input at once": [
        message_start(),
        block_start(0, "tool_use", input={"when": "March"}),
        block_stop(0),
        *ending("tool_use"),
    ],
    "a call without an input": [message_start(), *tool_block("", index=0), *ending("tool_use")],
    "a search without a result": [
        message_start(),
        *tool_block('{"query": "rua"}', index=0, type="server_tool_use"),
        *text_block("I could not search.", index=1),
        *ending(),
    ],
    "a pause": [
        message_start(),
        *tool_block('{"query": "rua"}', index=0, type="server_tool_use"),
        *ending("pause_turn"),
    ],
    "a result that comes first": [
        message_start(),
        block_start(0, "web_search_tool_result", content=_FOUND),
        block_stop(0),
        *text_block("In March.", index=1),
        *ending(),
    ],
    "a result given up": [
        message_start(),
        *tool_block('{"query": "rua"}', index=0, type="server_tool_use"),
        block_start(1, "web_search_tool_result", content=_FOUND),
        *text_block("In March.", index=2),
        *ending(),
    ],
    "a block of a compaction": [
        message_start(),
        block_start(0, "compaction", content=None),
        delta(0, "compaction_delta", "They spoke of lighthouses."),
        block_stop(0),
        *text_block("In March.", index=1),
        *ending(),
    ],
    "a fallback": [
        message_start(),
        *text_block("In "),
        block_start(1, "fallback", to={"model": "claude-sonnet-5-5"}, **{"from": {"model": "claude-opus-5-5"}}),
        block_stop(1),
        *text_block("March.", index=2),
        *ending(),
    ],
    "no stop": [message_start(), *text_block("In March."), message_delta()],
    "whole in its start": [
        {
            **message_start(),
            "message": {
                **message_start()["message"],
                "content": [{"type": "text", "text": "In March."}, {**_SEARCH, "input": {"query": "rua"}}],
                "stop_reason": "end_turn",
            },
        },
        {"type": "message_stop"},
    ],
    "events that nobody knows": [
        message_start(),
        *open_text("In "),
        {"type": "weather", "wind": "north"},
        delta(0, "text_delta", "March."),
        {"type": "content_block_delta", "index": 0, "delta": {"type": "colour_delta", "colour": "grey"}},
        block_stop(0),
        *ending(),
    ],
}

_TEXT: Final = _short(SHAPES["text"])
_MCP: Final = Answer(
    [
        ServerTool("count", {"of": "lamps"}, [{"type": "text", "text": "Seven."}], server="tally"),
        ServerTool("count", {"of": "keys"}, [{"type": "text", "text": "No keys."}], server="tally", is_error=True),
        "Seven lamps.",
    ],
    pieces=(12, 40),
)
_NEW: Final = Answer([RawBlock({"type": "hologram", "id": "holo_1", "shape": {"sides": 3}}), "Look."], pieces=(12, 40))


def _streams() -> Iterator[tuple[str, Recorded]]:
    for name, answer in SHAPES.items():
        yield name, Recorded(entries_of(events_of(_short(answer))))
    yield "tools of a server", Recorded(entries_of(events_of(_MCP)))
    yield "a block that nobody knows", Recorded(entries_of(events_of(_NEW)))
    yield "a stop sequence", Recorded(entries_of(events_of(_TEXT, stop_sequences=[" in March"])))
    yield "max_tokens", Recorded(entries_of(events_of(_TEXT, max_tokens=5)))
    yield (
        "thinking that is not shown",
        Recorded(
            entries_of(
                events_of(Answer([Thinking("When?"), "In March."]), thinking={"type": "adaptive", "display": "omitted"})
            )
        ),
    )
    for name, events in _RESUMED.items():
        yield name, Recorded(entries_of(events))
    for name, shape in {
        "text": _TEXT,
        "thinking": _short(SHAPES["thinking"]),
        "a call": _short(SHAPES["a call"]),
        "a search": _short(SHAPES["a search"]),
    }.items():
        whole = events_of(shape)
        inside = whole[: max(at for at, event in enumerate(whole) if event["type"] == "content_block_delta")]
        yield f"{name}, stopped", Recorded(entries_of(inside), "cancelled")
        yield f"{name}, failed", Recorded(entries_of(inside), "failed")
    yield "stopped between blocks", Recorded(entries_of(_cut(events_of(_TEXT), "message_delta")), "cancelled")
    yield "stopped before anything", Recorded([], "cancelled")
    yield "failed before anything", Recorded([], "failed")


#: By name.
STREAMS: Final[Mapping[str, Recorded]] = dict(_streams())
