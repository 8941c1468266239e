"""Content blocks as the chunks of the AI SDK's UI messages: one class for each way in which a block is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from ..core.message.block import Block
from ..core.message.blocks import CALLS, SERVER_USES, is_result
from ..core.wire.json_text import loads
from .ui_sources import source_of

__all__ = ["Chunk", "ShownBlock", "shown"]

#: One chunk, as JSON has it.
Chunk = dict[str, Any]

_INCOMPLETE: Final = "The call was given up before it was whole."
_NO_JSON: Final = "The input of the call is not whole."
_NO_RESULT: Final = "The call was given up before its result came."


class ShownBlock(Protocol):
    """One block on its way to the front end. Each method gives the chunks to send."""

    def start(self) -> Iterator[Chunk]:
        """It has begun."""
        ...

    def grow(self, delta: dict[str, Any], /) -> Iterator[Chunk]:
        """It gets a delta."""
        ...

    def stop(self) -> Iterator[Chunk]:
        """It is whole."""
        ...

    def give_up(self) -> Iterator[Chunk]:
        """It will never be."""
        ...


class Calls:
    """The calls of server-side tools, and which of them have their results."""

    def __init__(self) -> None:
        self._open: dict[str, bool] = {}

    def begin(self, id: str) -> None:
        """A call is shown."""
        self._open[id] = True

    def end(self, id: str) -> bool:
        """A call has its result; whether it is shown."""
        return self._open.pop(id, False)

    def give_up(self) -> Iterator[Chunk]:
        """No more results will come."""
        for call in self._open:
            yield _failed(call, _NO_RESULT)
        self._open.clear()


def shown(index: int, start: dict[str, Any], calls: Calls) -> ShownBlock:
    """How a block is shown.

    Args:
        index: Of the block in the message.
        start: The `content_block` of its `content_block_start`.
        calls: Of the message.
    """
    type_ = str(start.get("type"))
    if type_ == "text":
        return _Text(index, start)
    if type_ in ("thinking", "redacted_thinking"):
        return _Thinking(index, start)
    if type_ in (*CALLS, *SERVER_USES):
        return _Call(start, calls)
    if is_result(type_):
        return _Result(start, calls)
    return _Other(start)


class _Text:
    def __init__(self, index: int, start: Mapping[str, Any]) -> None:
        self._id = str(index)
        self._begun_with = start
        self._sources = 0

    def start(self) -> Iterator[Chunk]:
        yield {"type": "text-start", "id": self._id}
        yield from self._text(self._begun_with.get("text"))
        for citation in self._begun_with.get("citations") or ():
            yield from self._source(citation)

    def grow(self, delta: dict[str, Any], /) -> Iterator[Chunk]:
        if delta.get("type") == "text_delta":
            yield from self._text(delta["text"])
        elif delta.get("type") == "citations_delta":
            yield from self._source(delta["citation"])

    def stop(self) -> Iterator[Chunk]:
        yield {"type": "text-end", "id": self._id}

    give_up = stop

    def _text(self, text: str | None) -> Iterator[Chunk]:
        if text:
            yield {"type": "text-delta", "id": self._id, "delta": text}

    def _source(self, citation: object) -> Iterator[Chunk]:
        if isinstance(citation, dict):
            yield source_of(f"{self._id}.{self._sources}", citation)
            self._sources += 1


class _Thinking:
    def __init__(self, index: int, start: Mapping[str, Any]) -> None:
        self._id = str(index)
        self._begun_with = start
        self._signature = start.get("signature")

    def start(self) -> Iterator[Chunk]:
        redacted = self._begun_with.get("data")
        yield {"type": "reasoning-start", "id": self._id, **_metadata({"redactedData": redacted} if redacted else {})}
        yield from self._thought(self._begun_with.get("thinking"))

    def grow(self, delta: dict[str, Any], /) -> Iterator[Chunk]:
        if delta.get("type") == "thinking_delta":
            yield from self._thought(delta["thinking"])
        elif delta.get("type") == "signature_delta":
            self._signature = delta["signature"]

    def stop(self) -> Iterator[Chunk]:
        signed = {"signature": self._signature} if self._signature else {}
        yield {"type": "reasoning-end", "id": self._id, **_metadata(signed)}

    give_up = stop

    def _thought(self, thinking: str | None) -> Iterator[Chunk]:
        if thinking:
            yield {"type": "reasoning-delta", "id": self._id, "delta": thinking}


class _Call:
    """A call of a tool, of the caller's or of the server's. The front end may not know it: so it is `dynamic`."""

    def __init__(self, start: dict[str, Any], calls: Calls) -> None:
        self._id, self._name = str(start.get("id")), str(start.get("name"))
        self._input = start.get("input")
        self._written: list[str] = []
        self._calls = calls
        self._by_server = start.get("type") in SERVER_USES
        self._tool: dict[str, Any] = {"toolCallId": self._id, "toolName": self._name, **_where(self._by_server)}
        if "server_name" in start:
            self._tool |= _metadata({"type": "mcp-tool-use", "serverName": start["server_name"]})

    def start(self) -> Iterator[Chunk]:
        yield {"type": "tool-input-start", **self._tool}

    def grow(self, delta: dict[str, Any], /) -> Iterator[Chunk]:
        if delta.get("type") == "input_json_delta" and (piece := delta["partial_json"]):
            self._written.append(piece)
            yield {"type": "tool-input-delta", "toolCallId": self._id, "inputTextDelta": piece}

    def stop(self) -> Iterator[Chunk]:
        written = "".join(self._written)
        parsed = self._input
        if written.strip():
            try:
                parsed = loads(written)
                # What JavaScript cannot read is no input either: Python takes NaN for a number.
                json.dumps(parsed, allow_nan=False)
            except ValueError:
                yield {"type": "tool-input-error", **self._tool, "input": written, "errorText": _NO_JSON}
                return
        if self._by_server:
            self._calls.begin(self._id)
        yield {"type": "tool-input-available", **self._tool, "input": {} if parsed is None else parsed}

    def give_up(self) -> Iterator[Chunk]:
        yield {"type": "tool-input-error", **self._tool, "input": "".join(self._written), "errorText": _INCOMPLETE}


class _Result:
    """What a server-side tool has brought. It is shown when it is whole: half a result is asked for anew."""

    def __init__(self, start: dict[str, Any], calls: Calls) -> None:
        self._result = start
        self._calls = calls

    def start(self) -> Iterator[Chunk]:
        return iter(())

    def grow(self, _delta: dict[str, Any], /) -> Iterator[Chunk]:
        return iter(())

    def stop(self) -> Iterator[Chunk]:
        call, content = str(self._result.get("tool_use_id")), self._result.get("content")
        if not self._calls.end(call):
            # Its call is in an earlier message, which the front end may not have; a result without one would stop it.
            name = str(self._result.get("type")).removesuffix("_tool_result")
            tool = {"toolCallId": call, "toolName": name, **_where(by_server=True)}
            yield {"type": "tool-input-available", **tool, "input": {}}
        error = _error_in(content) or (json.dumps(content) if self._result.get("is_error") else None)
        if error is not None:
            yield _failed(call, error)
        else:
            yield {"type": "tool-output-available", "toolCallId": call, "output": content, **_where(by_server=True)}

    def give_up(self) -> Iterator[Chunk]:
        return iter(())


class _Other:
    """What the AI SDK has no part for, and what nobody knows yet: whole, as the API has it."""

    def __init__(self, start: dict[str, Any]) -> None:
        self._block = Block(start)

    def start(self) -> Iterator[Chunk]:
        return iter(())

    def grow(self, delta: dict[str, Any], /) -> Iterator[Chunk]:
        self._block.take(delta)
        return iter(())

    def stop(self) -> Iterator[Chunk]:
        fields = {name: value for name, value in self._block.content().items() if name != "type"}
        yield {"type": "custom", "kind": f"anthropic.{self._block.type}", **_metadata(fields)}

    def give_up(self) -> Iterator[Chunk]:
        return iter(())


def _where(by_server: bool) -> dict[str, Any]:
    return {"dynamic": True, "providerExecuted": True} if by_server else {"dynamic": True}


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    return {"providerMetadata": {"anthropic": fields}} if fields else {}


def _failed(id: str, text: str) -> Chunk:
    return {"type": "tool-output-error", "toolCallId": id, "errorText": text, **_where(by_server=True)}


def _error_in(content: object) -> str | None:
    """The code of an error that a tool of the API's has instead of a result; None: it has a result."""
    if isinstance(content, dict) and str(content.get("type")).endswith("_error"):
        return str(content.get("error_code") or "error")
    return None
