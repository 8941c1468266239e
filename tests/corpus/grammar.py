"""Random answers that are well formed: thinking, texts with citations, calls, in every order that a model writes.

    answer = random_answer(Random(7))
    client.messages.stream(**request_for(answer), model=..., max_tokens=...)

With Hypothesis, `answers()` is a strategy of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from unbroken.core.seam.ending import Ending, ending_of
from unbroken.testing.claude.offers import SERVER_TOOLS
from unbroken.testing.script.blocks import Block, RawBlock, RedactedThinking, ServerTool, Text, Thinking, ToolUse
from unbroken.testing.script.script import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from hypothesis.strategies import SearchStrategy

__all__ = ["SHAPES", "answers", "random_answer", "request_for"]

_VOCABULARY: Final = """
lamp tide keeper letter harbour grey morning quiet stairs oil storm ferry window salt ledger ninth bell
naïve café Ölkanne 灯台 маяк 🕯️ x_1 `code` **bold** 3.14 (perhaps)
"""
_WORDS: Final = tuple(_VOCABULARY.split())
_ENDS: Final = (". ", ". ", "! ", "? ", ".\n", ".\n\n", ", ", ": ", "")
#: The newest version of what offers each kind of tool, as the SDK's types have it, 2.12.0.
_OFFERS: Final[Mapping[str, Mapping[str, str]]] = {
    "web_search_": {"type": "web_search_20260318", "name": "web_search"},
    "web_fetch_": {"type": "web_fetch_20260318", "name": "web_fetch"},
    "code_execution_": {"type": "code_execution_20260521", "name": "code_execution"},
    "tool_search_tool_regex": {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    "tool_search_tool_bm25": {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
}
_PAGES: Final = tuple(
    {"type": "web_search_result", "url": f"https://example.com/{n}", "title": f"Page {n}", "page_age": age}
    for n, age in enumerate(("March 9, 2026", None, "2 days ago"))
)
_RUN: Final = {"stdout": "42\n", "stderr": "", "return_code": 0, "content": []}
_RESULTS: Final[Mapping[str, tuple[Any, ...]]] = {
    "web_search": (
        list(_PAGES),
        list(_PAGES[:1]),
        [],
        {"type": "web_search_tool_result_error", "error_code": "unavailable"},
    ),
    "web_fetch": (
        {
            "type": "web_fetch_result",
            "url": "https://example.com/0",
            "retrieved_at": "2026-11-01T00:00:00Z",
            "content": {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "The lamp was lit."},
                "title": "Page 0",
            },
        },
    ),
    "code_execution": (
        {"type": "code_execution_result", **_RUN},
        {"type": "code_execution_tool_result_error", "error_code": "unavailable"},
    ),
    "bash_code_execution": ({"type": "bash_code_execution_result", **_RUN},),
    "tool_search_tool_regex": (
        {
            "type": "tool_search_tool_search_result",
            "tool_references": [{"type": "tool_reference", "tool_name": "look"}],
        },
    ),
}
_INPUTS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"query": "rua point lighthouse"},
    {"code": "print(6 * 7)\n", "quiet": True},
    {"at": {"lat": -41.5, "lon": None}, "names": ["Ines", "灯台"], "note": 'a "quoted"\n\\ line'},
)
_FUTURE: Final = RawBlock({"type": "hologram", "id": "holo_1", "shape": {"sides": 3}}, ())


def random_answer(rng: Random, *, mcp: bool = False, future: bool = False) -> Answer:
    """A well-formed answer.

    Args:
        rng: Where it comes from.
        mcp: Whether tools of MCP servers may be called, which only the beta API offers.
        future: Whether a block of a type that nobody knows yet may be in it.
    """
    blocks: list[Block] = [_thinking(rng) for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    for _ in range(rng.randint(0, 4)):
        blocks += _piece(rng, mcp=mcp, future=future)
    calls = [ToolUse(rng.choice(("look", "note")), rng.choice(_INPUTS)) for _ in range(rng.choice((0, 0, 1, 2, 3)))]
    # Something must be said: a turn neither is empty nor ends with thinking.
    if not calls or rng.random() < 0.5:
        blocks += [_text(rng)]
    stop_reason = None if calls else rng.choice((None, None, None, None, "refusal"))
    return Answer([*blocks, *calls], stop_reason=stop_reason, pieces=(1, rng.choice((3, 12, 40))))


def answers(*, mcp: bool = False, future: bool = False) -> SearchStrategy[Answer]:
    """A Hypothesis strategy of such answers. It needs `hypothesis`.

    The arguments are those of `random_answer`.
    """
    from hypothesis import strategies

    return strategies.builds(
        lambda rng: random_answer(rng, mcp=mcp, future=future), strategies.randoms(use_true_random=False)
    )


def request_for(answer: Answer) -> dict[str, Any]:
    """What a request must have besides a model, messages and `max_tokens`, so that `answer` can be its answer.

    It has `tools` and, where the answer calls tools of MCP servers, `mcp_servers` and `betas`.
    """
    tools: dict[str, Mapping[str, Any]] = {}
    servers: dict[str, Mapping[str, Any]] = {}
    for block in answer.blocks:
        match block:
            case ToolUse(name=name):
                tools[name] = {"name": name, "description": f"To {name}.", "input_schema": {"type": "object"}}
            case ServerTool(server=str(server)):
                servers[server] = {"type": "url", "name": server, "url": "https://example.com/mcp"}
            case ServerTool(name=name):
                tools[SERVER_TOOLS[name]] = _OFFERS[SERVER_TOOLS[name]]
            case _:
                pass
    wanted: dict[str, Any] = {"tools": list(tools.values())} if tools else {}
    if servers:
        wanted |= {"mcp_servers": list(servers.values()), "betas": ["mcp-client-2025-11-20"]}
    return wanted


def _piece(rng: Random, *, mcp: bool, future: bool) -> Sequence[Block]:
    piece: Sequence[Block] = ()
    match rng.randrange(7):
        case 0 | 1:
            piece = [_text(rng)]
        case 2:
            # A text with its sources is cut into blocks, each with its own.
            piece = [_cited(rng), _cited(rng), _text(rng)][: rng.randint(1, 3)]
        case 3:
            piece = [_server_tool(rng), _thinking(rng)][: rng.randint(1, 2)]
        case 4:
            piece = [_server_tool(rng, with_next=True), _server_tool(rng)]
        case 5 if mcp:
            result = [{"type": "text", "text": "Seven."}]
            piece = [ServerTool("count", rng.choice(_INPUTS), result, server="tally", is_error=rng.random() < 0.3)]
        case 6 if future:
            piece = [_FUTURE]
        case _:
            pass
    return piece


def _thinking(rng: Random) -> Thinking | RedactedThinking:
    return RedactedThinking() if rng.random() < 0.2 else Thinking(_sentences(rng, 2))


def _server_tool(rng: Random, *, with_next: bool = False) -> ServerTool:
    name = rng.choice(tuple(_RESULTS))
    return ServerTool(name, rng.choice(_INPUTS), rng.choice(_RESULTS[name]), with_next=with_next)


def _text(rng: Random) -> Text:
    # It ends as the texts of answers do, also those that a call follows: none that was recorded ends in white space.
    text = _sentences(rng, rng.randint(1, 4))
    return Text(text if ending_of(text) is Ending.FINISHED else f"{text.rstrip()} And so on.")


def _cited(rng: Random) -> Text:
    text = _sentences(rng, 1)
    page = rng.choice(_PAGES)
    place = {"cited_text": text.strip()[:20], "document_index": 0, "document_title": rng.choice((None, "Ledger"))}
    kinds: tuple[dict[str, Any], ...] = (
        {"type": "char_location", **place, "start_char_index": 0, "end_char_index": 20},
        {"type": "page_location", **place, "start_page_number": 1, "end_page_number": 2},
        {"type": "content_block_location", **place, "start_block_index": 0, "end_block_index": 1},
        {
            "type": "search_result_location",
            "cited_text": text.strip()[:20],
            "search_result_index": 0,
            "source": "https://example.com/0",
            "title": None,
            "start_block_index": 0,
            "end_block_index": 1,
        },
        {
            "type": "web_search_result_location",
            "cited_text": text.strip()[:20],
            "url": page["url"],
            "title": page["title"],
        },
    )
    return Text(text, citations=[rng.choice(kinds) for _ in range(rng.randint(1, 2))])


def _sentences(rng: Random, count: int) -> str:
    said = "".join(
        " ".join(rng.choice(_WORDS) for _ in range(rng.randint(2, 9))).capitalize() + rng.choice(_ENDS)
        for _ in range(count)
    )
    return rng.choice(("", "", "", " ", "\n\n")) + said


def _search(*pages: int, **more: Any) -> ServerTool:
    return ServerTool("web_search", {"query": "rua point"}, [_PAGES[page] for page in pages], **more)


_SOURCE: Final = {
    "type": "web_search_result_location",
    "cited_text": "lit in March",
    "url": _PAGES[0]["url"],
    "title": _PAGES[0]["title"],
}
_PLACE: Final = {
    "type": "char_location",
    "cited_text": "a lamp",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 6,
}
_CALL: Final = ToolUse("look", _INPUTS[3])

#: One small answer for each thing that can be in one, by name.
SHAPES: Final[Mapping[str, Answer]] = {
    "text": Answer("The lighthouse at Rua Point was lit in March."),
    "two texts": Answer(["The lighthouse was lit ", "in March, on the ninth."]),
    "thinking": Answer([Thinking("When was it lit?"), "It was lit in March."]),
    "redacted thinking": Answer([Thinking("Hm."), RedactedThinking(), "It was lit in March."]),
    "citations": Answer([Text("It was lit in March. ", [_SOURCE, _PLACE]), "Nobody knows why."]),
    "a call": Answer(["I look it up. ", _CALL]),
    "calls alone": Answer([_CALL, ToolUse("note"), ToolUse("look", _INPUTS[1])]),
    "thinking and calls": Answer([Thinking("Let me see."), _CALL, ToolUse("note", _INPUTS[2])]),
    "a search": Answer(["I search. ", _search(0, 1), Text("It was lit in March.", [_SOURCE]), " That is all."]),
    "a search first": Answer([_search(0), "It was lit in March."]),
    "two searches at once": Answer(["I search. ", _search(0, with_next=True), _search(1, 2), "It was lit in March."]),
    "thinking between": Answer([Thinking("A."), "I search. ", _search(0), Thinking("B."), "It was lit in March."]),
    "code": Answer(
        [ServerTool("code_execution", _INPUTS[2], _RESULTS["code_execution"][0]), "It is forty-two."],
        container={"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"},
    ),
    "a search, then a call": Answer(["I search. ", _search(0), "And I look. ", _CALL]),
    "a failed search": Answer([ServerTool("web_search", {}, _RESULTS["web_search"][3]), "I could not search."]),
    "a refusal": Answer("I began, and cannot go on", stop_reason="refusal"),
    "a document": Answer(json.dumps({"lit": "March", "steps": 112, "keeper": {"name": "Ines"}}, indent=1)),
}
