"""A message that the model wrote, as the events of a stream and as the body of a plain response."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from unbroken.testing.blocks import RawBlock

__all__ = ["Reply", "folded"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A message, ready to be sent whole or as a stream.

    Attributes:
        id: The message's id.
        model: The model's name, as the request has it.
        blocks: Its blocks, cut into deltas.
        stop_reason: As in the API.
        stop_sequence: The one that was met, or None.
        input_tokens: Of the request.
        output_tokens: Of the message.
        stop_details: As in the API; None: left out.
        container: The container that code ran in; None: left out.
    """

    id: str
    model: str
    blocks: tuple[RawBlock, ...]
    stop_reason: str
    stop_sequence: str | None
    input_tokens: int
    output_tokens: int
    stop_details: Mapping[str, Any] | None = None
    container: Mapping[str, Any] | None = None

    def events(self) -> Iterator[dict[str, Any]]:
        """The events of the stream, with the one ping that the API sends after the first block's start."""
        usage = {**self._usage(), "output_tokens": 1}
        yield {"type": "message_start", "message": {**self._message(), "usage": usage}}
        for index, block in enumerate(self.blocks):
            yield {"type": "content_block_start", "index": index, "content_block": dict(block.start)}
            if index == 0:
                yield {"type": "ping"}
            for delta in block.deltas:
                yield {"type": "content_block_delta", "index": index, "delta": dict(delta)}
            yield {"type": "content_block_stop", "index": index}
        end_usage = {"output_tokens": self.output_tokens, **self._server_tools()}
        yield {"type": "message_delta", "delta": self._end(), "usage": end_usage}
        yield {"type": "message_stop"}

    def message(self) -> dict[str, Any]:
        """The body of a response that is not streamed."""
        return {
            **self._message(),
            "content": [folded(block) for block in self.blocks],
            **self._end(),
            "usage": {**self._usage(), **self._server_tools()},
        }

    def _message(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _end(self) -> dict[str, Any]:
        end: dict[str, Any] = {"stop_reason": self.stop_reason, "stop_sequence": self.stop_sequence}
        if self.stop_details is not None:
            end["stop_details"] = dict(self.stop_details)
        if self.container is not None:
            end["container"] = dict(self.container)
        return end

    def _usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": self.output_tokens,
            "service_tier": "standard",
        }

    def _server_tools(self) -> dict[str, Any]:
        called = [block.start.get("name") for block in self.blocks if block.start["type"] == "server_tool_use"]
        counts = {f"{name}_requests": called.count(name) for name in ("web_search", "web_fetch")}
        return {"server_tool_use": counts} if any(counts.values()) else {}


def folded(block: RawBlock) -> dict[str, Any]:
    """A block with its deltas put together."""
    whole = dict(block.start)
    json_input = ""
    for delta in block.deltas:
        match delta["type"]:
            case "text_delta":
                whole["text"] += delta["text"]
            case "thinking_delta":
                whole["thinking"] += delta["thinking"]
            case "signature_delta":
                whole["signature"] = delta["signature"]
            case "citations_delta":
                whole["citations"] = [*(whole.get("citations") or ()), delta["citation"]]
            case "compaction_delta":
                whole |= {name: value for name, value in delta.items() if name != "type"}
            case "input_json_delta":
                json_input += delta["partial_json"]
    if json_input:
        try:
            whole["input"] = json.loads(json_input)
        except (ValueError, RecursionError):
            whole["input"] = {}  # cut by max_tokens
    return whole
