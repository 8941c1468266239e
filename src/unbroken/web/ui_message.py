"""A message as the chunks of the AI SDK's UI message stream, version 1 (`ai` 7.0, `uiMessageChunkSchema`).

The chunks are a function of the events alone: chunk n is chunk n wherever it is made. So a reader that has n chunks
from one worker gets the rest from another by that number.

| event                              | chunks                                                                         |
|------------------------------------|--------------------------------------------------------------------------------|
| `message_start`                    | `start` with the message's id, `start-step`                                    |
| a text block                       | `text-start`, `text-delta`, `text-end`                                         |
| a citation in it                   | `source-url` or `source-document`                                              |
| a thinking block                   | `reasoning-start`, `-delta`, `-end` with its signature                         |
| a call                             | `tool-input-start`, `-delta`, `-available`; `-error` where its input is cut    |
| a result of a server-side tool     | `tool-output-available`, or `tool-output-error`                                |
| any other block                    | `custom`, as `anthropic.<type>`                                                |
| `message_stop`                     | `finish-step`, `finish`                                                        |
| stopped by somebody                | `abort`, `finish-step`, `finish`: a reader that waits for `finish` is not left |
| failed                             | `error`                                                                        |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..core.wire.decoded import Event
from .problem import REWOUND, Problem
from .ui_blocks import Calls, Chunk, ShownBlock, shown
from .wire import REWIND

__all__ = ["Chunk", "UIMessageChunks"]

#: As `@ai-sdk/anthropic` has it (4.0, `map-anthropic-stop-reason.ts`).
_FINISH_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool-calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content-filter",
}


class UIMessageChunks:
    """The events of one stream, from the first one on, to chunks.

    Attributes:
        over: Whether the last chunk was given.
    """

    def __init__(self) -> None:
        self.over: bool = False
        self._message: Mapping[str, Any] | None = None
        self._blocks: dict[int, ShownBlock] = {}  # those that are open
        self._calls = Calls()
        self._stopped: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}

    def push(self, event: Event) -> Iterator[Chunk]:
        """Take the next event; the chunks are to be taken before the next call."""
        match event.get("type"):
            case "content_block_delta":
                if (block := self._blocks.get(event["index"])) is not None:
                    yield from block.grow(event["delta"])
            case "content_block_start":
                yield from self._start(event["index"], event["content_block"])
            case "content_block_stop":
                if (block := self._blocks.pop(event["index"], None)) is not None:
                    yield from block.stop()
            case "message_start":
                yield from self._begin(event["message"])
            case "message_delta":
                self._stopped |= {name: each for name, each in (event.get("delta") or {}).items() if each is not None}
                self._count(event.get("usage"))
            case "message_stop":
                yield from self._finish()
            case other:
                if other == REWIND and self._message is not None:
                    # Chunks that were shown cannot be taken back under the numbers that they have.
                    yield from self.fail(REWOUND)

    def end(self) -> Iterator[Chunk]:
        """The stream is complete. A message may end without `message_stop`."""
        if not self.over and self._message is not None:
            yield from self._finish()
        self.over = True

    def fail(self, problem: Problem) -> Iterator[Chunk]:
        """The stream ends without having become whole. What is open is closed, so that nothing seems to go on."""
        yield from self._give_up_blocks()
        yield from self._calls.give_up()
        self.over = True
        if not problem.cancelled:
            yield {"type": "error", "errorText": problem.text}
            return
        yield {"type": "abort", "reason": problem.text}
        if self._message is not None:
            yield {"type": "finish-step"}
        yield {"type": "finish", "finishReason": "other"}

    def _begin(self, message: Mapping[str, Any]) -> Iterator[Chunk]:
        self._message = message
        self._count(message.get("usage"))
        yield {"type": "start", "messageId": str(message.get("id"))}
        yield {"type": "start-step"}
        for index, block in enumerate(message.get("content") or ()):
            whole = shown(index, block, self._calls)
            yield from whole.start()
            yield from whole.stop()

    def _start(self, index: int, start: dict[str, Any]) -> Iterator[Chunk]:
        # One block is written at a time: what is open now was given up. Half a call never gets its stop.
        yield from self._give_up_blocks()
        self._blocks[index] = shown(index, start, self._calls)
        yield from self._blocks[index].start()

    def _give_up_blocks(self) -> Iterator[Chunk]:
        for block in self._blocks.values():
            yield from block.give_up()
        self._blocks.clear()

    def _finish(self) -> Iterator[Chunk]:
        message = self._message or {}
        reason = self._stopped.get("stop_reason") or message.get("stop_reason")
        yield from self._give_up_blocks()
        if reason != "pause_turn":  # after which results come in the next message
            yield from self._calls.give_up()
        self.over = True
        metadata = {"model": message.get("model"), "stopReason": reason, "usage": self._usage}
        if (sequence := self._stopped.get("stop_sequence")) is not None:
            metadata["stopSequence"] = sequence
        yield {"type": "finish-step"}
        yield {
            "type": "finish",
            "finishReason": _FINISH_REASONS.get(str(reason), "other"),
            "messageMetadata": metadata,
        }

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        self._usage |= {name: count for name, count in (usage or {}).items() if count is not None}
