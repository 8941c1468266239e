"""What a message used, as `message_start`, `message_delta` and a whole message tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["TOKEN", "Usage"]

#: Characters in a token. About right for English, and all that the limits need.
TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """What a message used, in tokens.

    Attributes:
        input_tokens: Of the request.
        output_tokens: Of the message.
        thinking_tokens: How many of these were thinking; None: the model was not to think.
        result_tokens: Of what the API's own tools gave the model to read, which the end counts as input too.
        server_tools: The names of the API's own tools that were called, and of those of MCP servers; None: the message
            has none of either.
    """

    input_tokens: int
    output_tokens: int
    thinking_tokens: int | None = None
    result_tokens: int = 0
    server_tools: tuple[str, ...] | None = None

    def at_start(self, written: str, geo: str) -> dict[str, Any]:
        """That of `message_start`, which counts what is written already.

        Args:
            written: That.
            geo: Where the model runs.
        """
        output = {"output_tokens": max(1, min(self.output_tokens, len(written) // TOKEN))}
        return {**self._input(0), **_CREATED, **output, "service_tier": "standard", "inference_geo": geo}

    def at_end(self, *, iterations: bool = False) -> dict[str, Any]:
        """That of `message_delta`.

        Args:
            iterations: Whether each time that the model was run is told by itself; it was run once.
        """
        return {**self._input(self.result_tokens), **self._output(), **self._beside(iterations)}

    def whole(self, geo: str, *, iterations: bool = False) -> dict[str, Any]:
        """That of a message that is not streamed. The arguments are those above."""
        told = {**self._input(self.result_tokens), **_CREATED, **self._output()}
        return {**told, "service_tier": "standard", "inference_geo": geo, **self._beside(iterations)}

    def _input(self, read: int) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens + read,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        }

    def _output(self) -> dict[str, Any]:
        output: dict[str, Any] = {"output_tokens": self.output_tokens}
        if self.thinking_tokens is not None:
            output["output_tokens_details"] = {"thinking_tokens": self.thinking_tokens}
        return output

    def _beside(self, iterations: bool) -> dict[str, Any]:
        beside: dict[str, Any] = {}
        if self.server_tools is not None:
            counts = {f"{name}_requests": self.server_tools.count(name) for name in ("web_search", "web_fetch")}
            beside["server_tool_use"] = counts
        if iterations:
            once = {**self._input(self.result_tokens), "output_tokens": self.output_tokens, **_CREATED}
            beside["iterations"] = [{**once, "type": "message"}]
        return beside


_CREATED: Final = {"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}}
