"""The scripted model: from a request and the answers it wants to give, to the message that it writes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from unbroken.core.models.table import THINKING_TYPES, lookup
from unbroken.testing.claude.offers import offers, output_format
from unbroken.testing.claude.reply import Reply, folded
from unbroken.testing.claude.signing import (
    after_thinking,
    conversation,
    redacted,
    sealed_id,
    sign,
    stamped_citation,
    stamped_result,
)
from unbroken.testing.claude.usage import TOKEN, Usage
from unbroken.testing.manners.manners import STOPPING, Manner, continue_answer
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
    from collections.abc import Collection, Iterator, Mapping
    from random import Random

    from unbroken.testing.claude.carried import Carried

__all__ = ["count_tokens", "reply"]

#: The largest piece that was recorded; half of them have up to nine characters, and one in twenty has fifty or more.
_LARGEST: Final = 216
_USUAL: Final = math.log(9)
_SPREAD: Final = 1.05
#: Who calls a tool where no code of the model's does.
_DIRECT: Final = {"type": "direct"}
_CALLED: Final = ("web_search_tool_result", "web_fetch_tool_result")
#: What the API says of a refusal that it does not explain.
_REFUSAL: Final = {"type": "refusal", "category": None, "explanation": None}


def count_tokens(body: dict[str, Any]) -> int:
    """Roughly how many tokens a request has."""
    told = [body.get("system"), body.get("tools"), body.get("messages")]
    files = sum(map(len, _files(told)))
    return (len(json.dumps(told, ensure_ascii=False)) - files) // TOKEN + 1


def _files(told: Any) -> Iterator[str]:
    """The base64 of images and documents, which is no text; what they count is not estimated."""
    if isinstance(told, list):
        for each in told:
            yield from _files(each)
    elif isinstance(told, dict):
        if told.get("type") == "base64" and isinstance(told.get("data"), str):
            yield told["data"]
        elif "content" in told or "source" in told:
            yield from _files([told.get("content"), told.get("source")])


def reply(
    body: dict[str, Any],
    asked: Carried,
    rng: Random,
    *,
    id: str,
    known: Collection[str] = (),
    betas: Collection[str] = (),
) -> Reply:
    """What the model writes.

    Args:
        body: A request that was found valid.
        asked: What it asks for.
        rng: Decides the pieces, and what the manner leaves open.
        id: The message's id.
        known: The tools that the conversation's requests have offered. One of them which this request does not
            offer is not called; a tool that no request ever spoke of is called without that.
        betas: The betas that the request names.
    """
    answer = asked.answer
    units = {
        index: unit
        for index, unit in enumerate(answer.units)
        if _may_write(body, unit, known) and index not in asked.done
    }
    pen = _Pen(body, rng, answer.pieces, id, asked)
    manner = _manner(body, asked)
    for index, unit in _to_write(asked, units, manner, rng):
        if pen.limits.met:
            break
        pen.write(index, unit)
    called = bool(pen.blocks) and pen.blocks[-1].start["type"] == "tool_use"
    ended, details = (None, None) if manner in STOPPING else (answer.stop_reason, answer.stop_details)
    stop_reason = pen.limits.met or ended or ("tool_use" if called else "end_turn")
    return Reply(
        id=id,
        model=body["model"],
        blocks=tuple(pen.blocks),
        stop_reason=stop_reason,
        stop_sequence=pen.limits.stop_sequence,
        usage=_usage(body, pen),
        stop_details=(details or _REFUSAL) if stop_reason == "refusal" else details,
        container=_container(body, answer.container),
        edits="context_management" in body or any(beta.startswith("context-management-") for beta in betas),
    )


def _usage(body: Mapping[str, Any], pen: _Pen) -> Usage:
    """What was used: the end counts what the API's own tools gave to read, beside the request."""
    whole = [folded(block) for block in pen.blocks]
    kinds = [str(block["type"]) for block in whole]
    results = [block.get("content") for block, kind in zip(whole, kinds, strict=True) if kind.endswith("_tool_result")]
    called = [str(block.get("name")) for block in whole if block["type"] == "server_tool_use"]
    by_the_api = results or called or "mcp_tool_use" in kinds
    return Usage(
        input_tokens=count_tokens(dict(body)),
        output_tokens=_tokens(pen.limits.written),
        thinking_tokens=_tokens(pen.thought, least=0) if _thinks(body) else None,
        result_tokens=_tokens(len(json.dumps(results, ensure_ascii=False)), least=0) if results else 0,
        server_tools=tuple(called) if by_the_api else None,
    )


def _tokens(characters: int, *, least: int = 1) -> int:
    return max(least, -(-characters // TOKEN))


def _may_write(body: dict[str, Any], unit: Unit, known: Collection[str]) -> bool:
    match unit:
        case Thinking() | RedactedThinking():
            return _thinks(body)
        case ToolUse(name=name):
            return name not in known or offers(body, name)
        case ServerToolUse(tool=tool) | ServerToolResult(tool=tool):
            return (tool.server or tool.name) not in known or offers(body, tool.name, tool.server)
        case _:
            return True


def _thinks(body: Mapping[str, Any]) -> bool:
    kind = (body.get("thinking") or {}).get("type")
    return lookup(body["model"]).thinks_by_default if kind is None else kind in _THINKS


_THINKS: Final = THINKING_TYPES - {"disabled"}


def _container(body: Mapping[str, Any], answers: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    asked = body.get("container")
    name = asked.get("id") if isinstance(asked, dict) else asked
    return {**answers, "id": name} if answers is not None and name else answers


def _manner(body: dict[str, Any], asked: Carried) -> Manner | None:
    """How the model goes on with what the request carries; None if it begins its answer."""
    if not asked.begun or (output_format(body) is not None and not asked.prefill):
        # Whoever must write a document of some form cannot begin in the middle of one.
        return None
    return Manner.EXACT if asked.prefill else asked.answer.manner


def _to_write(asked: Carried, left: dict[int, Unit], manner: Manner | None, rng: Random) -> Iterator[tuple[int, Unit]]:
    """The answer's units, or what is left of them after what the request carries, with their numbers."""
    if manner is None:
        yield from ((index, unit) for index, unit in enumerate(asked.answer.units) if index in left)
        return
    if manner is Manner.EMPTY:
        return
    place, end = _open_text(asked)
    pending = [(i, u) for i, u in left.items() if i < place and _is_ahead(asked, i, u)]
    opened = asked.answer.units[place] if place < len(asked.answer.units) and not pending else None
    behind = [*pending, *((i, u) for i, u in left.items() if i > place or (i == place and opened is None))]
    if manner is Manner.STRAIGHT_TO_TOOL:
        call = next((n for n, (_, unit) in enumerate(behind) if _is_call(unit)), None)
        manner, behind = (Manner.EXACT, behind) if call is None else (manner, behind[call:])
    # A model that may think does so again before it goes on.
    yield from [(i, u) for i, u in left.items() if i < place and isinstance(u, Thinking | RedactedThinking)][:1]
    text = asked.answer.text[: end if opened is not None else len(asked.sent)]
    rest = continue_answer(text, asked.sent, echo=asked.echo, manner=manner, rng=rng, ask=asked.ask)
    stops = manner in STOPPING
    if rest:
        yield place, Text(rest, opened.citations if isinstance(opened, Text) and not stops else ())
    yield from () if stops else behind


def _is_call(unit: Unit) -> bool:
    raw = isinstance(unit, RawBlock) and str(unit.start.get("type")).endswith("tool_use")
    return raw or isinstance(unit, ToolUse | ServerToolUse)


def _is_ahead(asked: Carried, index: int, unit: Unit) -> bool:
    """Whether a unit that the request does not carry is still to be written, and was not passed over."""
    behind = sum(len(each.text) for each in asked.answer.units[:index] if isinstance(each, Text))
    return not isinstance(unit, Text | Thinking | RedactedThinking) and behind >= len(asked.sent)


def _open_text(asked: Carried) -> tuple[int, int]:
    """The unit with which the text goes on, and where it ends in the answer's text.

    It is the text block that was cut or, if what is carried ends with a whole block, the next one. A place behind
    the last unit means that no text is left.
    """
    last, end = max(asked.done, default=-1), 0
    for index, unit in enumerate(asked.answer.units):
        if isinstance(unit, Text):
            end += len(unit.text)
            if end >= len(asked.sent) and index > last:
                return index, end
    return len(asked.answer.units), end


class _Pen:
    """Writes the units down as blocks.

    Args:
        body: The request.
        rng: Decides the pieces.
        size: The least and the most characters in one of them; None: as many as the API's have.
        id: The message's id.
        asked: What the request carries of the answer.
    """

    def __init__(
        self, body: dict[str, Any], rng: Random, size: tuple[int, int] | None, id: str, asked: Carried
    ) -> None:
        info = lookup(body["model"])
        display = (body.get("thinking") or {}).get("display") or ("summarized" if info.shows_thinking else "omitted")
        self.limits = _Limits(body["max_tokens"] * TOKEN, tuple(body.get("stop_sequences") or ()))
        self.blocks: list[RawBlock] = []
        self.thought = 0
        self._rng = rng
        self._size = size
        self._shown = display != "omitted"
        self._model = info.name
        self._before = conversation(body, body["messages"])
        # Two servers number their messages alike; what they were asked tells their calls apart.
        self._place = f"{id[4:]}{self._before[:6]}"
        self._calls: dict[int, str] = dict(asked.done)

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
