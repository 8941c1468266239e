"""What of a message each platform sends: the newest fields are those of the Claude API alone.

After what was recorded of Bedrock until April 2026, of Vertex AI and Foundry in November 2025.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from unbroken.core.wire.counters import INPUT_TOKENS
from unbroken.testing.claude.signatures import message_id

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BEDROCK_SHAPE", "FOUNDRY_SHAPE", "NEWEST_SHAPE", "VERTEX_SHAPE", "Shape"]

#: What stands there as null on the Claude API, and nowhere else.
_NULLS: Final = ("container", "stop_details", "diagnostics")
_DIRECT: Final = {"type": "direct"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a message a platform sends.

    Attributes:
        prefix: How the ids of its messages begin.
        is_newest: Whether it sends fields that are null, and who called a tool where the model itself did.
        usage: What it leaves out of every `usage`.
        end_usage: What it leaves out of that of `message_delta` too.
    """

    prefix: str = "msg_"
    is_newest: bool = True
    usage: frozenset[str] = frozenset()
    end_usage: frozenset[str] = frozenset()

    def message_id(self, number: object) -> str:
        """The id of a message, the same for the same number."""
        return message_id(self.prefix, number)

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event of a stream, as the platform sends it."""
        match event["type"]:
            case "message_start":
                return {**event, "message": self.message(event["message"])}
            case "content_block_start":
                return {**event, "content_block": self._block(event["content_block"])}
            case "message_delta":
                usage = _without(event["usage"], self.usage | self.end_usage)
                return {**event, "delta": self._nulls(event["delta"]), "usage": usage}
            case _:
                return dict(event)

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message, as the platform sends it."""
        content = [self._block(block) for block in message["content"]]
        return {**self._nulls(message), "content": content, "usage": _without(message["usage"], self.usage)}

    def _nulls(self, told: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in told.items() if self.is_newest or value is not None or key not in _NULLS}

    def _block(self, block: Mapping[str, Any]) -> dict[str, Any]:
        return _without(block, frozenset() if self.is_newest or block.get("caller") != _DIRECT else {"caller"})


def _without(told: Mapping[str, Any], names: frozenset[str] | set[str]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in names}


_NEW: Final = frozenset({"inference_geo", "output_tokens_details"})
_INPUT: Final = frozenset(INPUT_TOKENS)

NEWEST_SHAPE: Final = Shape()
FOUNDRY_SHAPE: Final = Shape(is_newest=False, usage=_NEW)
BEDROCK_SHAPE: Final = Shape("msg_bdrk_", is_newest=False, usage=_NEW | {"service_tier"})
VERTEX_SHAPE: Final = Shape("msg_vrtx_", is_newest=False, usage=_NEW | {"service_tier"}, end_usage=_INPUT)
