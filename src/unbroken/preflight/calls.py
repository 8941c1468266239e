"""Tool calls and their results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import dropwhile
from typing import Final

from .blocks import ADDITION, SERVER_CALLS, SERVER_RESULTS
from .request import Part, Request, get
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
#: Tools of the API's own whose calls need the tool to be offered, and how the type of what offers them begins.
_OFFERS: Final = {"web_search": "web_search_", "web_fetch": "web_fetch_"}
_CALLS: Final = ("tool_use", *SERVER_CALLS)
#: What may be said beside results, after them.
_SAID: Final = ("text", "image", "document", "search_result")


def _id(part: Part) -> str | None:
    """The id of a call, or the one that a result is for."""
    value = get(part.block, "id" if part.kind.endswith("_use") else "tool_use_id")
    return value if isinstance(value, str) else None


def _exchanges(request: Request) -> Iterator[tuple[list[Part], list[Part]]]:
    """The calls of each turn, and the turn after it; nothing comes before the first, and nothing after the last."""
    if not request.is_whole:
        return
    before: list[Part] = []
    for turn in [*request.turns, list[Part]()]:
        yield before, turn
        before = [part for part in turn if part.kind == "tool_use" and part.role == "assistant"]


def _ids(parts: Iterable[Part]) -> set[str | None]:
    return {_id(part) for part in parts}


def _results(turn: Iterable[Part]) -> list[Part]:
    """The results that have a call's id; those that have none are no results at all."""
    return [part for part in turn if part.kind == "tool_result" and _id(part) is not None]


@rule("tool_use_without_result", "Give each call's result in the next message, or leave the call out.", "tool_use")
def tool_use_without_result(request: Request) -> Iterator[Complaint]:
    """A call of the caller's tools without a result in the next message.

    Source: the API's own words: "`tool_use` ids were found without `tool_result` blocks immediately after".
    """
    for calls, following in _exchanges(request):
        answered = _ids(_results(following))
        for part in calls:
            if _id(part) is not None and _id(part) not in answered:
                yield part.path, "The tool call has no result in the next message."


@rule("tool_result_not_first", "Put the results first, and what else is said after them.", "tool_result")
def tool_result_not_first(request: Request) -> Iterator[Complaint]:
    """A result with something else before it in its message.

    Source: handle-tool-calls page: results come first; else "`tool_use` ids were found without `tool_result` blocks
    immediately after".
    """
    for calls, following in _exchanges(request):
        called = _ids(calls)
        late = dropwhile(lambda part: part.kind not in _SAID, following)
        for part in _results(late):
            if _id(part) in called:
                yield part.path, "The tool's result does not come first in its message."


@rule("tool_result_without_use", "Give back the call before it, or leave the result out.", "tool_result")
def tool_result_without_use(request: Request) -> Iterator[Complaint]:
    """A result of a call that is not in the message before.

    Source: the API's own words: "Each `tool_result` block must have a corresponding `tool_use` block in the previous
    message".
    """
    for calls, following in _exchanges(request):
        called = _ids(calls)
        for part in _results(following):
            if _id(part) not in called:
                yield part.path, "The tool's result answers no call of the message before."


@rule("tool_result_twice", "Give one result for each call.", "tool_result")
def tool_result_twice(request: Request) -> Iterator[Complaint]:
    """Two results of one call.

    Source: the API's own words: "each tool_use must have a single result".
    """
    for turn in request.turns:
        for part in _repeated(_results(turn)):
            yield part.path, "The tool call has more than one result."


def _repeated(parts: Iterable[Part]) -> Iterator[Part]:
    """Those whose id another one before them has."""
    seen: set[str | None] = {None}
    for part in parts:
        if _id(part) in seen and _id(part) is not None:
            yield part
        seen.add(_id(part))


@rule("tool_use_id_twice", "Give each call back with the id that it came with.", *_CALLS)
def tool_use_id_twice(request: Request) -> Iterator[Complaint]:
    """Two calls of one id in one turn; in two turns they are taken.

    Source: the API's own words: "`tool_use` ids must be unique"; of two turns: recorded, Sonnet 4.5, August 2026.
    """
    for turn in request.turns:
        for part in _repeated(part for part in turn if part.kind in _CALLS):
            yield part.at("id"), "Another call of the turn has the same id."


@rule("text_after_tool_use", "Leave the text out, or move it before the calls.", "tool_use")
def text_after_tool_use(request: Request) -> Iterator[Complaint]:
    """A text behind a call of the caller's tools, in one turn of the assistant's.

    Source: recorded, May 2026: a call, a text, and the call's result in the next message; "`tool_use` ids were found
    without `tool_result` blocks immediately after". The model itself writes no text behind such a call.
    """
    for calls, following in _exchanges(request):
        if not calls or not any(part.kind == "tool_result" for part in following):
            continue
        turn = next(turn for turn in request.turns if calls[0] in turn)
        for part in turn[turn.index(calls[0]) :]:
            if part.kind == "text":
                yield part.path, "A text stands behind a tool call of its turn."


@rule("tool_use_id_invalid", "Give the call back with the id that it came with.", "tool_use")
def tool_use_id_invalid(request: Request) -> Iterator[Complaint]:
    """A call with an id that the API does not take.

    Source: the API's own words: "String should match pattern '^[a-zA-Z0-9_-]+$'".
    """
    for part in request.of("tool_use"):
        name = _id(part)
        if name is not None and not _ID.fullmatch(name):
            yield part.at("id"), "The id has other characters than letters, digits, `_` and `-`."


@rule(
    "server_tool_unpaired",
    "Give back each call with its result, or leave both out.",
    *SERVER_CALLS,
    "mcp_tool_result",
    *SERVER_RESULTS,
)
def server_tool_unpaired(request: Request) -> Iterator[Complaint]:
    """A call of the API's own tools without its result in a turn that is over, or a result without its call.

    Beside a call of the caller's tools it may wait: its result comes with the next answer.

    Source: refusals-and-fallback page, August 2026: pairs may go back, what is unpaired may not; of calls in flight:
    recorded, Sonnet 4.5.
    """
    if not request.is_whole:
        return
    called: set[str | None] = {None}
    answered: set[str | None] = {None}
    for part in request.parts:
        if part.kind in SERVER_CALLS:
            called.add(_id(part))
        elif part.kind.endswith("_tool_result"):
            if _id(part) not in called or _id(part) in answered - {None}:
                yield part.path, "The result of a server tool has no call before it."
            answered.add(_id(part))
    # A program that calls the caller's tools waits for their results, over any number of turns.
    callers = [get(get(part.block, "caller"), "tool_id") for part in request.of("tool_use")]
    answered.update(name for name in callers if isinstance(name, str))
    beside = {part.turn for turn in request.turns if any(each.kind == "tool_use" for each in turn) for part in turn}
    for part in request.of(*SERVER_CALLS):
        if _id(part) not in answered and part.turn < request.turns[-1][0].turn and part.turn not in beside:
            yield part.path, "The call of a server tool has no result."


@rule("server_tool_not_offered", "Offer the same tools as when the call was made.", "server_tool_use")
def server_tool_not_offered(request: Request) -> Iterator[Complaint]:
    """A call of a web tool in a turn that goes on, which the request does not offer; in turns that are over it may.

    Source: the API's own words: "but no `web_search` tool was provided"; of turns that are over: recorded, Opus 4.8.
    """
    tools = get(request.params, "tools")
    if ADDITION in request.has or (tools is not None and not isinstance(tools, list | tuple)):
        return
    offered = [str(get(tool, "type")) for tool in request.tools]
    last = len(request.messages or ()) - 1
    for part in request.of("server_tool_use"):
        if part.turn != last:
            continue
        start = _OFFERS.get(str(get(part.block, "name")))
        if start is not None and not any(kind.startswith(start) for kind in offered):
            yield part.path, "The tool that was called is not offered any more."


RULES: Final[tuple[Rule, ...]] = (
    tool_use_without_result,
    tool_result_not_first,
    tool_result_without_use,
    tool_result_twice,
    tool_use_id_twice,
    text_after_tool_use,
    tool_use_id_invalid,
    server_tool_unpaired,
    server_tool_not_offered,
)
