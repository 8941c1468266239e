"""The scripted model: from a request and the answers it wants to give, to the message that it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from unbroken.core.models import lookup
from unbroken.testing.manners import Manner, continue_answer
from unbroken.testing.script import Block, RawBlock, Text, Thinking, ToolUse
from unbroken.testing.signing import conversation, sign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from unbroken.testing.carried import Carried

__all__ = ["Reply", "count_tokens", "reply"]

#: Characters in a token. About right for English, and all that the limits need.
_TOKEN: Final = 4


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
    """

    id: str
    model: str
    blocks: tuple[RawBlock, ...]
    stop_reason: str
    stop_sequence: str | None
    input_tokens: int
    output_tokens: int

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
        end = {"stop_reason": self.stop_reason, "stop_sequence": self.stop_sequence}
        yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": self.output_tokens}}
        yield {"type": "message_stop"}

    def message(self) -> dict[str, Any]:
        """The body of a response that is not streamed."""
        return {
            **self._message(),
            "content": [_folded(block) for block in self.blocks],
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "usage": self._usage(),
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

    def _usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": self.output_tokens,
            "service_tier": "standard",
        }


def count_tokens(body: dict[str, Any]) -> int:
    """Roughly how many tokens a request has."""
    told = [body.get("system"), body.get("tools"), body.get("messages")]
    return len(json.dumps(told, ensure_ascii=False)) // _TOKEN + 1


def reply(body: dict[str, Any], asked: Carried, rng: Random, *, id: str) -> Reply:
    """What the model writes.

    Args:
        body: A request that was found valid.
        asked: What it asks for.
        rng: Decides the pieces, and what the manner leaves open.
        id: The message's id.
    """
    limits = _Limits(body["max_tokens"] * _TOKEN, tuple(body.get("stop_sequences") or ()))
    signature = _Signature(body)
    low, high = asked.answer.pieces
    blocks: list[RawBlock] = []
    for number, block in enumerate(_to_write(body, asked, rng)):
        if limits.met:
            break
        blocks.append(_raw(block, limits, signature, rng, (low, high), f"{id[4:]}_{number}"))
    called = bool(blocks) and blocks[-1].start["type"] == "tool_use"
    stop_reason = limits.met or asked.answer.stop_reason or ("tool_use" if called else "end_turn")
    return Reply(
        id=id,
        model=body["model"],
        blocks=tuple(blocks),
        stop_reason=stop_reason,
        stop_sequence=limits.stop_sequence,
        input_tokens=count_tokens(body),
        output_tokens=max(1, -(-limits.written // _TOKEN)),
    )


def _to_write(body: dict[str, Any], asked: Carried, rng: Random) -> list[Block]:
    """The answer's blocks, or what is left of them after the text that the request carries."""
    answer = asked.answer
    blocks = [block for block in answer.blocks if not isinstance(block, Thinking) or _thinks(body)]
    if not asked.sent:
        return blocks
    end = 0
    for number, block in enumerate(blocks):
        if not isinstance(block, Text):
            continue
        end += len(block.text)
        if end >= len(asked.sent):
            manner = Manner.EXACT if asked.prefill else answer.manner
            rest = continue_answer(answer.text[:end], asked.sent, echo=asked.echo, manner=manner, rng=rng)
            # A model that may think does so again before it goes on.
            again = [each for each in blocks[:number] if isinstance(each, Thinking)][:1]
            left = [each for each in blocks[number + 1 :] if _id(each) not in asked.blocks]
            return [*again, *([Text(rest, block.citations)] if rest else []), *left]
    raise AssertionError("what was sent is longer than the answer")


def _id(block: Block) -> str | None:
    match block:
        case ToolUse(id=id):
            return id
        case RawBlock(start=start):
            return start.get("id") or start.get("tool_use_id")
        case _:
            return None


def _thinks(body: dict[str, Any]) -> bool:
    kind = (body.get("thinking") or {}).get("type")
    return lookup(body["model"]).thinks_by_default if kind is None else kind in ("enabled", "adaptive")


class _Signature:
    """What a thinking block of this response looks like."""

    def __init__(self, body: dict[str, Any]) -> None:
        info = lookup(body["model"])
        # The newest models, which are those that refuse a forced tool_choice, keep their thinking to
        # themselves.
        display = (body.get("thinking") or {}).get("display") or (
            "summarized" if info.forced_tool_choice else "omitted"
        )
        self.shown = display != "omitted"
        self._model = info.name
        self._before = conversation(body, body["messages"])

    def of(self, thinking: str) -> str:
        return sign(self._model, thinking, self._before)


class _Limits:
    """How much may be written: `max_tokens` and `stop_sequences`."""

    def __init__(self, characters: int, stop_sequences: tuple[str, ...]) -> None:
        self.written = 0
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


def _raw(block: Block, limits: _Limits, signature: _Signature, rng: Random, size: tuple[int, int], id: str) -> RawBlock:
    deltas: list[dict[str, Any]]
    match block:
        case Text(text=text, citations=citations):
            deltas = [{"type": "text_delta", "text": piece} for piece in _cut(limits.text(text), rng, size)]
            deltas += [{"type": "citations_delta", "citation": dict(each)} for each in citations]
            return RawBlock({"type": "text", "text": ""}, deltas)
        case Thinking(thinking=thinking):
            written = limits.plain(thinking)
            shown = written if signature.shown else ""
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _cut(shown, rng, size)]
            if not limits.met:
                deltas.append({"type": "signature_delta", "signature": signature.of(shown)})
            return RawBlock({"type": "thinking", "thinking": "", "signature": ""}, deltas)
        case ToolUse(name=name, input=input):
            written = limits.plain(json.dumps(input, ensure_ascii=False))
            pieces = ["", *_cut(written, rng, size)] if input else [""]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            start = {"type": "tool_use", "id": block.id or f"toolu_{id}", "name": name, "input": {}}
            return RawBlock(start, deltas)
        case RawBlock():
            return block


def _cut(text: str, rng: Random, size: tuple[int, int]) -> Iterator[str]:
    at = 0
    while at < len(text):
        step = rng.randint(*size)
        yield text[at : at + step]
        at += step


def _folded(block: RawBlock) -> dict[str, Any]:
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
                whole["citations"] = [*whole.get("citations", ()), delta["citation"]]
            case "input_json_delta":
                json_input += delta["partial_json"]
    if json_input:
        try:
            whole["input"] = json.loads(json_input)
        except ValueError:
            whole["input"] = {}  # cut by max_tokens
    return whole
