"""The scripted model: from a request and the answers it wants to give, to the message that it writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, assert_never

from unbroken.core.models.table import THINKING_TYPES, lookup
from unbroken.testing.claude.block_writer import BlockWriter
from unbroken.testing.claude.offers import offers, output_format
from unbroken.testing.claude.reply import Reply, folded
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
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from random import Random

    from unbroken.testing.claude.carried import Carried

__all__ = ["count_tokens", "reply"]

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
    carried: Carried,
    rng: Random,
    *,
    id: str,
    known: Collection[str] = (),
    betas: Collection[str] = (),
) -> Reply:
    """What the model writes.

    Args:
        body: A request that was found valid.
        carried: What it asks for.
        rng: Decides the pieces, and what the manner leaves owriter.
        id: The message's id.
        known: The tools that the conversation's requests have offered. One of them which this request does not
            offer is not called; a tool that no request ever spoke of is called without that.
        betas: The betas that the request names.
    """
    answer = carried.answer
    units = {
        index: unit
        for index, unit in enumerate(answer.units)
        if _may_write(body, unit, known) and index not in carried.done
    }
    writer = BlockWriter(body, rng, answer.pieces, id, carried)
    manner = _manner(body, carried)
    for index, unit in _to_write(carried, units, manner, rng):
        if writer.limits.met:
            break
        writer.write(index, unit)
    called = bool(writer.blocks) and writer.blocks[-1].start["type"] == "tool_use"
    ended, details = (None, None) if manner in STOPPING else (answer.stop_reason, answer.stop_details)
    stop_reason = writer.limits.met or ended or ("tool_use" if called else "end_turn")
    return Reply(
        id=id,
        model=body["model"],
        blocks=tuple(writer.blocks),
        stop_reason=stop_reason,
        stop_sequence=writer.limits.stop_sequence,
        usage=_usage(body, writer),
        stop_details=(details or _REFUSAL) if stop_reason == "refusal" else details,
        container=_container(body, answer.container),
        edits="context_management" in body or any(beta.startswith("context-management-") for beta in betas),
    )


def _usage(body: Mapping[str, Any], writer: BlockWriter) -> Usage:
    """What was used: the end counts what the API's own tools gave to read, beside the request."""
    whole = [folded(block) for block in writer.blocks]
    kinds = [str(block["type"]) for block in whole]
    results = [block.get("content") for block, kind in zip(whole, kinds, strict=True) if kind.endswith("_tool_result")]
    called = [str(block.get("name")) for block in whole if block["type"] == "server_tool_use"]
    by_the_api = results or called or "mcp_tool_use" in kinds
    return Usage(
        input_tokens=count_tokens(dict(body)),
        output_tokens=_tokens(writer.limits.written),
        thinking_tokens=_tokens(writer.thought, least=0) if _thinks(body) else None,
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
        case Text() | RawBlock():
            return True
        case _:
            assert_never(unit)


def _thinks(body: Mapping[str, Any]) -> bool:
    kind = (body.get("thinking") or {}).get("type")
    return lookup(body["model"]).thinks_by_default if kind is None else kind in _THINKS


_THINKS: Final = THINKING_TYPES - {"disabled"}


def _container(body: Mapping[str, Any], answers: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    carried = body.get("container")
    name = carried.get("id") if isinstance(carried, dict) else carried
    return {**answers, "id": name} if answers is not None and name else answers


def _manner(body: dict[str, Any], carried: Carried) -> Manner | None:
    """How the model goes on with what the request carries; None if it begins its answer."""
    if not carried.begun or (output_format(body) is not None and not carried.prefill):
        # A model that must write a document of some form cannot begin in the middle of one.
        return None
    return Manner.EXACT if carried.prefill else carried.answer.manner


def _to_write(
    carried: Carried, left: dict[int, Unit], manner: Manner | None, rng: Random
) -> Iterator[tuple[int, Unit]]:
    """The answer's units, or what is left of them after what the request carries, with their numbers."""
    if manner is None:
        yield from ((index, unit) for index, unit in enumerate(carried.answer.units) if index in left)
        return
    if manner is Manner.EMPTY:
        return
    place, end = _open_text(carried)
    pending = [(i, u) for i, u in left.items() if i < place and _is_ahead(carried, i, u)]
    opened = carried.answer.units[place] if place < len(carried.answer.units) and not pending else None
    behind = [*pending, *((i, u) for i, u in left.items() if i > place or (i == place and opened is None))]
    if manner is Manner.STRAIGHT_TO_TOOL:
        call = next((n for n, (_, unit) in enumerate(behind) if _is_call(unit)), None)
        manner, behind = (Manner.EXACT, behind) if call is None else (manner, behind[call:])
    # A model that may think does so again before it goes on.
    yield from [(i, u) for i, u in left.items() if i < place and isinstance(u, Thinking | RedactedThinking)][:1]
    text = carried.answer.text[: end if opened is not None else len(carried.sent)]
    since = end - len(_said_in_a_row(carried.answer.units, place)) if opened is not None else 0
    rest = continue_answer(text, carried.sent, echo=carried.echo, manner=manner, rng=rng, ask=carried.ask, since=since)
    stops = manner in STOPPING
    if rest:
        yield place, Text(rest, opened.citations if isinstance(opened, Text) and not stops else ())
    yield from () if stops else behind


def _said_in_a_row(units: Sequence[Unit], place: int) -> str:
    """The text of a unit and of the texts right before it: a sentence may run through them, but through no call."""
    texts: list[str] = []
    while place >= 0 and isinstance(unit := units[place], Text):
        texts.insert(0, unit.text)
        place -= 1
    return "".join(texts)


def _is_call(unit: Unit) -> bool:
    raw = isinstance(unit, RawBlock) and str(unit.start.get("type")).endswith("tool_use")
    return raw or isinstance(unit, ToolUse | ServerToolUse)


def _is_ahead(carried: Carried, index: int, unit: Unit) -> bool:
    """Whether a unit that the request does not carry is still to be written, and was not passed over."""
    behind = sum(len(each.text) for each in carried.answer.units[:index] if isinstance(each, Text))
    return not isinstance(unit, Text | Thinking | RedactedThinking) and behind >= len(carried.sent)


def _open_text(carried: Carried) -> tuple[int, int]:
    """The unit with which the text goes on, and where it ends in the answer's text.

    It is the text block that was cut or, if what is carried ends with a whole block, the next one. A place behind
    the last unit means that no text is left.
    """
    last, end = max(carried.done, default=-1), 0
    for index, unit in enumerate(carried.answer.units):
        if isinstance(unit, Text):
            end += len(unit.text)
            if end >= len(carried.sent) and index > last:
                return index, end
    return len(carried.answer.units), end
