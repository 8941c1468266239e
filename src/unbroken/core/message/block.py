"""One content block, as far as it was delivered.

Its deltas are kept as pieces and joined when somebody looks, so that the cost of one does not grow with the length of
the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from ..wire.deltas import DELTAS, FIELDS_OF_BLOCKS
from ..wire.json_text import loads
from .blocks import is_known

__all__ = ["Block"]

#: How many pieces stand by themselves before they are joined.
_LOOSE: Final = 64

#: The deltas with which what is written of a block comes, by its type.
_WRITTEN_BY: Final = {block: name for name, type_ in DELTAS.items() if type_.is_written for block in type_.blocks}


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
    #: The type of the deltas that bring `pieces`; None: it has none. Looked at with each delta.
    written_by: str | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.written_by = _WRITTEN_BY.get(self.type)
        if self.written_by is None and "input" in self.start and not is_known(self.type):
            self.written_by = "input_json_delta"

    def take(self, delta: dict[str, Any]) -> None:
        """Take a delta, as the SDK does: one of a type that the block does not have changes nothing."""
        kind = str(delta.get("type"))
        known = DELTAS.get(kind)
        if kind == self.written_by and known is not None:
            self.grow(delta[str(known.field)])
        elif known is None or known.field is None or not is_known(self.type):
            self.deltas.append(delta)
        elif self.type in known.blocks:
            # What is written went another way: it is a signature, or a citation.
            if kind == "signature_delta":
                self.signature = delta["signature"]
            else:
                self.citations.append(delta["citation"])

    def grow(self, piece: str) -> None:
        """Append a piece. Pieces are joined now and then: many short strings take more memory than a long one."""
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
        """The text that it started with, and that of its deltas behind it."""
        if len(self.pieces) > 1:
            # It stays joined: when an attempt has died, all that decide what is asked next look at it.
            self.pieces[:] = ["".join(self.pieces)]
            self._loose = 0
        written = self.pieces[0] if self.pieces else ""
        started_with = self.start.get(FIELDS_OF_BLOCKS.get(self.type, ""), "")
        return f"{started_with}{written}" if started_with else written

    def content(self) -> dict[str, Any]:
        """The block as the API has it in a message."""
        block = deepcopy(self.start)
        if self.type in FIELDS_OF_BLOCKS:
            block[FIELDS_OF_BLOCKS[self.type]] = self.text
            if self.signature is not None:
                block["signature"] = self.signature
            if self.citations:
                block["citations"] = [*(block.get("citations") or []), *deepcopy(self.citations)]
        elif self.written_by == "input_json_delta" and (grown := "".join(self.pieces)):
            try:
                block["input"] = loads(grown)
            except ValueError:
                block["input"] = {}
        elif self.type == "compaction":
            # As the SDK does it: a later delta over an earlier one.
            for delta in self.deltas:
                block.update((name, value) for name, value in delta.items() if name != "type")
        return block

    def grown(self) -> Iterator[dict[str, Any]]:
        """The fewest deltas that make it what it is."""
        if self.written_by is not None and (grown := "".join(self.pieces)):
            yield {"type": self.written_by, str(DELTAS[self.written_by].field): grown}
        yield from self.deltas
        for citation in self.citations:
            yield {"type": "citations_delta", "citation": citation}
        if self.signature is not None:
            yield {"type": "signature_delta", "signature": self.signature}

    def copy(self) -> Block:
        """A copy that later deltas do not change."""
        grown = "".join(self.pieces)
        return Block(
            start=deepcopy(self.start),
            pieces=[grown] if grown else [],
            signature=self.signature,
            citations=deepcopy(self.citations),
            deltas=deepcopy(self.deltas),
            closed=self.closed,
            abandoned=self.abandoned,
        )
