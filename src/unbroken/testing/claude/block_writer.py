"""What the scripted model writes, as the blocks of a message: in pieces, signed, and within the request's limits."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, assert_never

from unbroken.core.models.table import lookup
from unbroken.testing.claude.signatures import (
    after_thinking,
    conversation,
    redacted,
    sealed_id,
    sign,
    stamped_citation,
    stamped_result,
)
from unbroken.testing.claude.usage import TOKEN
from unbroken.testing.script.blocks import (
    RawBlock,
    RedactedThinking,
    ServerToolResult,
    ServerToolUse,
    Text,
    Thinking,
    ToolUse,
    Unit,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from unbroken.testing.claude.carried import Carried

__all__ = ["BlockWriter"]

#: The largest piece that was recorded; half of them have up to nine characters, and one in twenty has fifty or more.
_LARGEST: Final = 216
_USUAL: Final = math.log(9)
_SPREAD: Final = 1.05
#: Who calls a tool where no code of the model's does.
_DIRECT: Final = {"type": "direct"}
_CALLED: Final = ("web_search_tool_result", "web_fetch_tool_result")


class BlockWriter:
    """Writes the units down as blocks.

    Args:
        body: The request.
        rng: Decides the pieces.
        size: The least and the most characters in one of them; None: as many as the API's have.
        id: The message's id.
        carried: What the request carries of the answer.
    """

    def __init__(
        self, body: dict[str, Any], rng: Random, size: tuple[int, int] | None, id: str, carried: Carried
    ) -> None:
        info = lookup(body["model"])
        display = (body.get("thinking") or {}).get("display") or ("summarized" if info.shows_thinking else "omitted")
        self.limits: Limits = Limits(body["max_tokens"] * TOKEN, tuple(body.get("stop_sequences") or ()))
        self.blocks: list[RawBlock] = []
        self.thought: int = 0
        self._rng = rng
        self._size = size
        self._shown = display != "omitted"
        self._model = info.name
        self._before = conversation(body, body["messages"])
        # Two servers number their messages alike; what they were asked tells their calls apart.
        self._place = f"{id[4:]}{self._before[:6]}"
        self._calls: dict[int, str] = dict(carried.done)

    def write(self, index: int, unit: Unit) -> None:
        """Add a unit, or as much of it as the limits leave.

        Args:
            index: Its number in the answer.
            unit: What to write.
        """
        start: dict[str, Any]
        deltas: list[dict[str, Any]]
        match unit:
            case Text(text=text, citations=citations):
                written = self.limits.text(text)
                if self.limits.met and not written:
                    return  # a limit that is met at once leaves no block behind
                place = f"{self._place}x{len(self.blocks)}"
                stamped = [stamped_citation(each, f"{place}x{n}") for n, each in enumerate(citations)]
                deltas = [{"type": "citations_delta", "citation": each} for each in stamped]
                deltas += [{"type": "text_delta", "text": piece} for piece in self._cut(written)]
                start = {"type": "text", "text": ""}
                self.blocks.append(RawBlock({"citations": [], **start} if citations else start, deltas))
            case Thinking(thinking=thinking):
                self._think(thinking)
            case RedactedThinking():
                start = {"type": "redacted_thinking", "data": redacted(self._model, self._before)}
                self._before = after_thinking(self._before, start)
                self.blocks.append(RawBlock(start))
            case ToolUse(name=name, input=input):
                made = sealed_id("toolu", f"{self._place}x{index}", {"name": name, "input": input})
                start = {"type": "tool_use", "id": unit.id or made, "name": name, "input": {}, "caller": _DIRECT}
                self._call(start, input)
            case ServerToolUse(tool=tool):
                known: list[Any] = [{"name": tool.name, "input": tool.input}]
                if tool.result is not None:
                    known.append(stamped_result(tool.result))
                kind, prefix = ("server_tool_use", "srvtoolu") if tool.server is None else ("mcp_tool_use", "mcptoolu")
                self._calls[index] = sealed_id(prefix, f"{self._place}x{index}", *known)
                start = {"type": kind, "id": self._calls[index], "name": tool.name, "input": {}}
                self._call(start if tool.server is None else {**start, "server_name": tool.server}, tool.input)
            case ServerToolResult(tool=tool, use=use):
                content = stamped_result(tool.result)
                start = {"type": tool.result_type, "tool_use_id": self._calls.get(use, "")}
                error = {} if tool.server is None else {"is_error": tool.is_error}
                # Of the API's own tools only these two say in their results who called them.
                caller = {"caller": _DIRECT} if start["type"] in _CALLED else {}
                self.blocks.append(RawBlock({**start, **error, "content": content, **caller}))
            case RawBlock():
                self.blocks.append(unit)
            case _:
                assert_never(unit)

    def _think(self, thinking: str) -> None:
        written = self.limits.plain(thinking)
        self.thought += len(written)
        shown = written if self._shown else ""
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in self._cut(shown)]
        if not self.limits.met:
            signature = sign(self._model, shown, self._before)
            deltas.append({"type": "signature_delta", "signature": signature})
            self._before = after_thinking(self._before, {"signature": signature})
        self.blocks.append(RawBlock({"type": "thinking", "thinking": "", "signature": ""}, deltas))

    def _call(self, start: dict[str, Any], input: Mapping[str, Any]) -> None:
        written = self.limits.plain(json.dumps(input, ensure_ascii=False))
        pieces = ["", *self._cut(written)] if input else [""]
        self.blocks.append(RawBlock(start, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]))

    def _cut(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            if self._size is None:
                step = min(_LARGEST, max(1, round(self._rng.lognormvariate(_USUAL, _SPREAD))))
            else:
                step = self._rng.randint(*self._size)
            yield text[at : at + step]
            at += step


class Limits:
    """How much may be written: `max_tokens` and `stop_sequences`."""

    def __init__(self, characters: int, stop_sequences: tuple[str, ...]) -> None:
        self.written: int = 0
        self.met: str | None = None if characters else "max_tokens"
        self.stop_sequence: str | None = None
        self._left = characters
        self._stop_sequences = stop_sequences

    def text(self, text: str) -> str:
        """As much of `text` as may be written, up to the first stop sequence."""
        found = [(text.find(each), each) for each in self._stop_sequences if each in text]
        at, stop_sequence = min(found, default=(len(text), None))
        if at > self._left or stop_sequence is None:
            return self.plain(text)
        self.met, self.stop_sequence = "stop_sequence", stop_sequence
        self.written += at
        return text[:at]

    def plain(self, text: str) -> str:
        """As much of `text` as may be written."""
        kept = text[: self._left]
        if len(kept) < len(text):
            self.met = "max_tokens"
        self._left -= len(kept)
        self.written += len(kept)
        return kept
