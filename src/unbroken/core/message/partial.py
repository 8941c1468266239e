"""What has been received: a fold over the events that the reader was given.

The fold keeps deltas as pieces and joins them when somebody looks, so that its cost per event does not grow with the
length of the answer. It holds plain data only; `to_dict` and `from_dict` take it to JSON and back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, cast

from ..wire.decoded import Event
from ..wire.json_text import loads
from ..wire.surrogates import has_surrogates
from .blocks import CALLS, DELTAS, SERVER_USES, THINKING, is_known, used_by

if TYPE_CHECKING:
    from anthropic.types import Message

__all__ = ["Block", "Partial"]

VERSION: Final = 1

#: How many pieces stand by themselves before they are joined.
_LOOSE: Final = 64

_TEXT_OF: Final = {"text": "text", "thinking": "thinking"}

_INPUT: Final = ("input_json_delta", "partial_json")
_NO_GROWTH: Final = (None, "")
#: The deltas that a block grows by, by its type, and the field that they have for it.
_GROWTH: Final[Mapping[str, tuple[str | None, str]]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    **dict.fromkeys((*CALLS, *SERVER_USES), _INPUT),
}
#: The deltas that this version knows.
_DELTAS: Final = frozenset({"text_delta", "thinking_delta", "input_json_delta", "signature_delta", "citations_delta"})


@dataclass(slots=True)
class Block:
    """One content block, as far as it was delivered.

    Attributes:
        start: The `content_block` of its `content_block_start`.
        pieces: Its text, thinking or JSON, in order.
        signature: The signature of a thinking block; None until it arrives.
        citations: Its citations, in order.
        deltas: Its other deltas, in order: those of a compaction, and of types that this version does not know.
        closed: Whether its `content_block_stop` was delivered.
        abandoned: Whether it was given up unfinished: it keeps its index and is no part of the message.
    """

    start: dict[str, Any]
    pieces: list[str] = field(default_factory=list)
    signature: str | None = None
    citations: list[Any] = field(default_factory=list)
    deltas: list[dict[str, Any]] = field(default_factory=list)
    closed: bool = False
    abandoned: bool = False
    _loose: int = field(default=0, repr=False, compare=False)
    _grows_by: str | None = field(init=False, repr=False, compare=False)
    _field: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Looked at with each delta.
        self._grows_by, self._field = _GROWTH.get(self.type, _NO_GROWTH)
        if self._grows_by is None and "input" in self.start and not is_known(self.type):
            self._grows_by, self._field = _INPUT

    def take(self, delta: dict[str, Any]) -> None:
        """Take a delta, as the SDK does: one of a type that the block does not have changes nothing."""
        type_ = delta.get("type")
        if type_ == self._grows_by:
            self.grow(delta[self._field])
        elif type_ not in _DELTAS or not is_known(self.type):
            self.deltas.append(delta)
        elif type_ == "signature_delta" and self.type == "thinking":
            self.signature = delta["signature"]
        elif type_ == "citations_delta" and self.type == "text":
            self.citations.append(delta["citation"])

    def grow(self, piece: str) -> None:
        """Append a piece. A string of four characters takes as much memory as one of fifty: so they are joined."""
        self.pieces.append(piece)
        self._loose += 1
        if self._loose == _LOOSE:
            self.pieces[-_LOOSE:] = ["".join(self.pieces[-_LOOSE:])]
            self._loose = 0

    @property
    def type(self) -> str:
        return str(self.start.get("type"))

    @property
    def text(self) -> str:
        """What its deltas add up to, after what it started with, in characters."""
        started_with = self.start.get(_TEXT_OF.get(self.type, ""), "")
        return f"{started_with}{''.join(self.pieces)}"

    def content(self) -> dict[str, Any]:
        """The block as the API has it in a message."""
        block = deepcopy(self.start)
        if self.type in _TEXT_OF:
            block[_TEXT_OF[self.type]] = self.text
            if self.signature is not None:
                block["signature"] = self.signature
            if self.citations:
                block["citations"] = [*(block.get("citations") or []), *deepcopy(self.citations)]
        elif self._grows_by == "input_json_delta" and (grown := "".join(self.pieces)):
            try:
                block["input"] = loads(grown)
            except ValueError:
                block["input"] = {}
        elif self.type == "compaction":
            # As the SDK does it: a later delta over an earlier one.
            for delta in self.deltas:
                block.update((name, value) for name, value in delta.items() if name != "type")
        return block


@dataclass(slots=True)
class Partial:
    """The message so far: everything that was delivered, whoever wrote it.

    Attributes:
        message: The `message` of the `message_start` that was delivered; None before it.
        blocks: The content blocks, by delivered index.
        ending: The `message_delta` that was delivered, without its `type`; later ones over earlier ones.
        stopped: Whether `message_stop` was delivered.
        sequence: How many events were delivered.
        memo: What was found out about it, and at which `sequence`; not a part of it.
    """

    message: dict[str, Any] | None = None
    blocks: list[Block] = field(default_factory=list)
    ending: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    sequence: int = 0
    memo: tuple[int, Any] | None = field(default=None, repr=False, compare=False)

    def apply(self, event: Event) -> None:
        """Fold one delivered event in."""
        self.sequence += 1
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
        """A message may be whole as it starts: its blocks and its stop reason stand in it, and no event brings them."""
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
            for delta in _deltas(block):
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            if block.closed:
                yield {"type": "content_block_stop", "index": index}
        if self.ending:
            yield {"type": "message_delta", **self.ending}
        if self.stopped:
            yield {"type": "message_stop"}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, with `"version": 1`."""
        return {
            "version": VERSION,
            "message": deepcopy(self.message),
            "blocks": [
                {
                    "start": deepcopy(b.start),
                    "text": "".join(b.pieces),
                    "signature": b.signature,
                    "citations": deepcopy(b.citations),
                    "deltas": deepcopy(b.deltas),
                    "closed": b.closed,
                    "abandoned": b.abandoned,
                }
                for b in self.blocks
            ],
            "ending": deepcopy(self.ending),
            "stopped": self.stopped,
            "sequence": self.sequence,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` gave. Raises `ValueError` for another version."""
        version = data.get("version")
        if version != VERSION:
            raise ValueError(f"this is a partial of version {version!r}; only {VERSION} can be read")
        blocks = [
            Block(
                start=deepcopy(dict(b["start"])),
                pieces=[b["text"]] if b["text"] else [],
                signature=b["signature"],
                citations=deepcopy(list(b["citations"])),
                deltas=deepcopy(list(b["deltas"])),
                closed=b["closed"],
                abandoned=b["abandoned"],
            )
            for b in data["blocks"]
        ]
        return cls(
            message=deepcopy(data["message"]),
            blocks=blocks,
            ending=deepcopy(dict(data["ending"])),
            stopped=data["stopped"],
            sequence=data["sequence"],
        )

    def to_json(self) -> str:
        """`to_dict` as JSON text, which any encoding takes."""
        text = json.dumps(self.to_dict(), ensure_ascii=False)
        # JSON can name half of a character, though it cannot hold it.
        return json.dumps(self.to_dict()) if has_surrogates(text) else text

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` gave. Raises `ValueError` for anything else."""
        try:
            data = json.loads(text)
        except RecursionError:
            raise ValueError("this is no partial of version 1: it is nested too deeply") from None
        if not isinstance(data, dict):
            raise ValueError("this is no partial of version 1: it is no JSON object")
        return cls.from_dict(data)

    def copy(self) -> Partial:
        """A copy that later events do not change."""
        return Partial.from_dict(self.to_dict())


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    grown = "".join(block.pieces)
    if grown:
        match block.type:
            case "text":
                yield {"type": "text_delta", "text": grown}
            case "thinking":
                yield {"type": "thinking_delta", "thinking": grown}
            case _:
                yield {"type": "input_json_delta", "partial_json": grown}
    yield from block.deltas
    for citation in block.citations:
        yield {"type": "citations_delta", "citation": citation}
    if block.signature is not None:
        yield {"type": "signature_delta", "signature": block.signature}
