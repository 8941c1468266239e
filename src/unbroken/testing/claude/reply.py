"""A message that the model wrote, as the events of a stream and as the body of a plain response.

Both have the fields that the Claude API sends today, in its order; a platform that sends fewer leaves some out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unbroken.core.models.table import lookup
from unbroken.core.wire.deltas import DELTAS
from unbroken.testing.claude.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from unbroken.testing.script.blocks import RawBlock

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
        usage: What it used.
        stop_details: As in the API; None: there are none.
        container: The container that code ran in; None: there is none.
        edits: Whether the request has a part in the beta of context management, and is told what was edited: nothing.
    """

    id: str
    model: str
    blocks: tuple[RawBlock, ...]
    stop_reason: str
    stop_sequence: str | None
    usage: Usage
    stop_details: Mapping[str, Any] | None = None
    container: Mapping[str, Any] | None = None
    edits: bool = False

    def events(self) -> Iterator[dict[str, Any]]:
        """The events of the stream, without its pings."""
        usage = self.usage.at_start(self._written_first(), self._geo)
        unknown = {"stop_reason": None, "stop_sequence": None, "stop_details": None, "container": None}
        yield {"type": "message_start", "message": self._message([], unknown, usage)}
        for index, block in enumerate(self.blocks):
            yield {"type": "content_block_start", "index": index, "content_block": dict(block.start)}
            for delta in block.deltas:
                yield {"type": "content_block_delta", "index": index, "delta": dict(delta)}
            yield {"type": "content_block_stop", "index": index}
        end = {name: value for name, value in self._end().items() if name != "container" or self._has_container}
        usage = self.usage.at_end(iterations=self.edits)
        yield {"type": "message_delta", "delta": end, "usage": usage, **self._edited()}
        yield {"type": "message_stop"}

    def message(self) -> dict[str, Any]:
        """The body of a response that is not streamed."""
        usage = self.usage.whole(self._geo, iterations=self.edits)
        return {**self._message([folded(block) for block in self.blocks], self._end(), usage), **self._edited()}

    @property
    def _is_newest(self) -> bool:
        # The models of 5.5 and later, which are those that refuse a forced tool_choice: theirs alone were seen with
        # `container` and `diagnostics` that are null.
        return not lookup(self.model).forced_tool_choice

    @property
    def _has_container(self) -> bool:
        return self._is_newest or self.container is not None

    @property
    def _geo(self) -> str:
        # Of the models up to 4.5, which are those that accept a prefill, the API does not say where they ran.
        return "not_available" if lookup(self.model).prefill else "global"

    def _message(self, content: list[Any], end: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {
            "model": self.model,
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "content": content,
        }
        if self._is_newest or end["container"] is not None:
            message["container"] = end["container"]
        message |= {name: value for name, value in end.items() if name != "container"}
        message["usage"] = usage
        return {**message, "diagnostics": None} if self._is_newest else message

    def _end(self) -> dict[str, Any]:
        return {
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "stop_details": None if self.stop_details is None else dict(self.stop_details),
            "container": None if self.container is None else dict(self.container),
        }

    def _edited(self) -> dict[str, Any]:
        return {"context_management": {"applied_edits": []}} if self.edits else {}

    def _written_first(self) -> str:
        """What is written already when the stream begins: the first piece."""
        deltas = (delta for block in self.blocks for delta in block.deltas)
        pieces = (delta.get("text") or delta.get("thinking") or delta.get("partial_json") for delta in deltas)
        return next(filter(None, pieces), "")


def folded(block: RawBlock) -> dict[str, Any]:
    """A block with its deltas put together."""
    whole = dict(block.start)
    json_input = ""
    for delta in block.deltas:
        known = DELTAS.get(delta["type"])
        match delta["type"]:
            case "input_json_delta":
                json_input += delta["partial_json"]
            case "citations_delta":
                whole["citations"] = [*(whole.get("citations") or ()), delta["citation"]]
            case _ if known is None:
                pass  # as the SDK does
            case _ if known.field is None:
                whole |= {name: value for name, value in delta.items() if name != "type"}
            case _ if known.is_written:
                whole[known.field] += delta[known.field]
            case _:
                whole[known.field] = delta[known.field]
    if json_input:
        try:
            whole["input"] = json.loads(json_input)
        except (ValueError, RecursionError):
            whole["input"] = {}  # cut by max_tokens
    return whole
