"""What a block grows by: which field a delta carries it in, and what a delta is asked for on its way.

A text delta goes through a dozen places between the socket and the reader, and there are some two hundred thousand of
them in a long answer. So what those places want to know is found out once, where the frame is read.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .decoded import Event, Malformed

__all__ = ["DELTAS", "FIELDS_OF_BLOCKS", "Delta", "DeltaType", "as_delta"]


class DeltaType(NamedTuple):
    """What the deltas of one type are.

    Attributes:
        field: The field that carries what the block grows by. None: all but `type` are the block's own fields.
        blocks: The types of the blocks that grow by it.
        is_written: Whether it is a piece of what the model writes, a string that is appended to those before it.
    """

    field: str | None
    blocks: tuple[str, ...]
    is_written: bool = False


#: Every type of delta that this version knows.
DELTAS: Final[dict[str, DeltaType]] = {
    "text_delta": DeltaType("text", ("text",), is_written=True),
    "thinking_delta": DeltaType("thinking", ("thinking",), is_written=True),
    "input_json_delta": DeltaType("partial_json", ("tool_use", "server_tool_use", "mcp_tool_use"), is_written=True),
    "signature_delta": DeltaType("signature", ("thinking",)),
    "citations_delta": DeltaType("citation", ("text",)),
    "compaction_delta": DeltaType(None, ("compaction",)),
}

#: The field of a block that begins with a text which its deltas are appended to, by the block's type.
FIELDS_OF_BLOCKS: Final = {"text": "text", "thinking": "thinking"}

#: By type, the field of the deltas that are written.
_WRITTEN: Final = {name: type_.field for name, type_ in DELTAS.items() if type_.is_written}


class Delta(dict[str, Any]):
    """A `content_block_delta`, as the wire has it, and what is asked of it on its way.

    It is a `dict`, because the event goes on to the caller, to the SDK's types and into JSON as it came. It is not
    changed once it is made: one that is to be different is made anew (`as_delta`).

    Attributes:
        index: Of its block.
        kind: The `type` of its delta, such as `"text_delta"`.
        field: Of its delta, the field that holds the piece; None: it brings nothing that is written.
        piece: What the model wrote with it: text, thinking, or JSON of a tool's input. Empty where it brings none.
        length: Of the piece, in characters. Of a delta whose type is not known, of all texts in it: they were written.
        others: How many of those are not ASCII: they take more of a token.
    """

    __slots__ = ("field", "index", "kind", "length", "others", "piece")

    index: int
    kind: str
    field: str | None
    length: int
    others: int
    piece: str


def as_delta(event: Event) -> Delta:
    """A `content_block_delta` with what is asked of it; its index is a number already.

    Raises:
        Malformed: It has no type, or not what its type has to have.
    """
    if isinstance(event, Delta):
        return event
    brought = event.get("delta")
    if not isinstance(brought, dict) or not isinstance(kind := brought.get("type"), str):
        raise Malformed("a delta has no type")
    made = Delta(event)
    made.index, made.kind = event["index"], kind
    made.field = field = _WRITTEN.get(kind)
    written: Any
    if field is None:
        _check(kind, brought)
        written = "" if kind in DELTAS else _texts(brought)
        made.piece = ""
    else:
        written = brought.get(field)
        if not isinstance(written, str):
            raise Malformed(f"a {kind} has no {field}")
        made.piece = written
    made.length = length = len(written)
    made.others = 0 if written.isascii() else length - len(written.encode("ascii", "ignore"))
    return made


def _texts(delta: dict[str, Any]) -> str:
    return "".join(value for name, value in delta.items() if name != "type" and isinstance(value, str))


def _check(kind: str, brought: dict[str, Any]) -> None:
    if kind == "citations_delta" and "citation" not in brought:
        raise Malformed("a citations_delta has no citation")
    if kind == "signature_delta" and not isinstance(brought.get("signature"), str):
        raise Malformed("a signature_delta has no signature")
