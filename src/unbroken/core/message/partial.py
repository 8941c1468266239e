"""What has been received: a fold over the events that the reader was given.

It holds plain data only; `to_dict` and `from_dict` take it to JSON and back (`partial_json.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

from ..wire.decoded import Event
from ..wire.deltas import DELTAS, Delta, as_delta
from . import partial_json
from .block import Block
from .blocks import CALLS, SERVER_USES, THINKING, is_known, used_by

if TYPE_CHECKING:
    from anthropic.types import Message

__all__ = ["Block", "Partial"]


@dataclass(slots=True)
class Partial:
    """The message so far: everything that was delivered, by whichever model.

    Attributes:
        message: The `message` of the `message_start` that was delivered; None before it.
        blocks: The content blocks, by delivered index.
        ending: The `message_delta` that was delivered, without its `type`; later ones over earlier ones.
        stopped: Whether `message_stop` was delivered.
        sequence: How many events were delivered.
    """

    message: dict[str, Any] | None = None
    blocks: list[Block] = field(default_factory=list)
    ending: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    sequence: int = 0

    def apply(self, event: Event) -> None:
        """Fold one delivered event in."""
        self.sequence += 1
        if isinstance(event, Delta) and 0 <= event.index < len(self.blocks):
            # Most of what comes: asked of it is what it was read with, and nothing else.
            block = self.blocks[event.index]
            if event.kind == block.written_by:
                block.grow(event.piece)
            else:
                block.take(event["delta"])
            return
        match event.get("type"):
            case "content_block_delta":
                if self._has(event["index"]):
                    self.blocks[event["index"]].take(event["delta"])
            case "content_block_start":
                self.blocks.append(Block(event["content_block"]))
            case "content_block_stop":
                if self._has(event["index"]):
                    self.blocks[event["index"]].closed = True
            case "message_start":
                self._begin(event["message"])
            case "message_delta":
                for name, value in event.items():
                    if name != "type":
                        earlier = self.ending.get(name)
                        merge = isinstance(value, dict) and isinstance(earlier, dict)
                        self.ending[name] = {**cast("dict[str, Any]", earlier), **value} if merge else value
            case "message_stop":
                self.stopped = True

    def _has(self, index: int) -> bool:
        # A stop or a delta for a block that never started is passed through, as the SDK does, and changes nothing.
        return 0 <= index < len(self.blocks)

    def _begin(self, message: dict[str, Any]) -> None:
        """Take a `message_start`. It may have blocks and a stop reason itself, for which no further events come."""
        self.message = message
        self.blocks += [Block(dict(block), closed=True) for block in message.get("content") or ()]

    @property
    def usage(self) -> dict[str, Any]:
        """The token counts so far, later ones over earlier ones."""
        started_with = (self.message or {}).get("usage") or {}
        later = self.ending.get("usage") or {}
        return {**started_with, **{name: count for name, count in later.items() if count is not None}}

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped; None while it has not."""
        reason: str | None = (self.ending.get("delta") or {}).get("stop_reason")
        if reason or self.message is None:
            return reason
        # Of a message that is whole as it starts. One that goes on with blocks of its own has not ended there.
        whole = len(self.message["content"]) == len(self.blocks) > 0
        return self.message.get("stop_reason") if whole or self.stopped else None

    @property
    def complete(self) -> bool:
        """Whether the model is known to have finished: a `stop_reason` or `message_stop` was seen."""
        return self.stopped or self.stop_reason is not None

    @property
    def open_block(self) -> Block | None:
        """The block that has started and not stopped; None between blocks."""
        last = self.blocks[-1] if self.blocks else None
        return last if last is not None and not last.closed else None

    @property
    def text(self) -> str:
        """All of the text that was delivered, in characters."""
        return "".join(block.text for block in self._kept() if block.type == "text")

    @property
    def trailing_text(self) -> str:
        """The text after the last finished block that is neither text nor thinking: where a resume goes on."""
        texts: list[str] = []
        for block in reversed(list(self._kept())):
            if block.type == "text":
                texts.append(block.text)
            elif block.type not in THINKING:
                break
        return "".join(reversed(texts))

    def _kept(self) -> Iterator[Block]:
        """The blocks that count: the finished ones, and the open one if it is text."""
        return (b for b in self.blocks if not b.abandoned and (b.closed or b.type == "text"))

    @property
    def content(self) -> list[dict[str, Any]]:
        """The blocks that count, as the API has them; an empty text block is none."""
        return [b.content() for b in self._kept() if b.type != "text" or b.text]

    def whole(self, *types: str) -> list[Block]:
        """The finished blocks of these types."""
        return [block for block in self.blocks if block.closed and not block.abandoned and block.type in types]

    @property
    def whole_calls(self) -> list[Block]:
        """The finished calls of the caller's own tools."""
        return self.whole(*CALLS)

    @property
    def server_uses(self) -> list[Block]:
        """The finished calls of server-side tools."""
        return self.whole(*SERVER_USES)

    @property
    def orphans(self) -> list[Block]:
        """The finished calls of server-side tools that have no result."""
        answered = {used_by(b.start) for b in self._kept() if b.type not in SERVER_USES}
        return [block for block in self.server_uses if used_by(block.start) not in answered]

    @property
    def has_unknown(self) -> bool:
        """Whether it holds something of a type that this version does not know."""
        return any(
            not is_known(block.type) or any(delta.get("type") not in DELTAS for delta in block.deltas)
            for block in self._kept()
        )

    @property
    def is_written(self) -> bool:
        """Whether all that counts is text and thinking: only that can be written anew, and nothing comes twice."""
        return all(block.type in (*THINKING, "text") for block in self._kept())

    def to_message(self) -> Message:
        """The message so far as the SDK's type. Raises `ValueError` when nothing was delivered yet."""
        if self.message is None:
            raise ValueError("nothing has been delivered yet, so there is no message")
        from anthropic.types import Message

        ending: dict[str, Any] = self.ending.get("delta") or {}
        return Message.construct(**{**self.message, **ending, "content": self.content, "usage": self.usage})

    def events(self) -> Iterator[Event]:
        """The shortest sequence of events that folds to this partial, but for `sequence` and for what was abandoned."""
        if self.message is None:
            return
        yield {"type": "message_start", "message": self.message}
        came_whole = len(self.message.get("content") or ())
        for index, block in enumerate(self.blocks[came_whole:], came_whole):
            yield {"type": "content_block_start", "index": index, "content_block": block.start}
            for delta in block.grown():
                yield as_delta({"type": "content_block_delta", "index": index, "delta": delta})
            if block.closed:
                yield {"type": "content_block_stop", "index": index}
        if self.ending:
            yield {"type": "message_delta", **self.ending}
        if self.stopped:
            yield {"type": "message_stop"}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, with `"version": 1`."""
        return partial_json.plain(self.message, self.blocks, self.ending, stopped=self.stopped, sequence=self.sequence)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` gave. Raises `ValueError` for another version."""
        return cls(**partial_json.fields(data))

    def to_json(self) -> str:
        """`to_dict` as JSON text, which any encoding takes."""
        return partial_json.text_of(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` gave. Raises `ValueError` for anything else."""
        return cls.from_dict(partial_json.data_of(text))

    def copy(self) -> Partial:
        """A copy that later events do not change."""
        return Partial(
            message=deepcopy(self.message),
            blocks=[block.copy() for block in self.blocks],
            ending=deepcopy(self.ending),
            stopped=self.stopped,
            sequence=self.sequence,
        )
