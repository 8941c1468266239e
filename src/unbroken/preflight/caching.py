"""`cache_control`: what it stands on, how many there are, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core.message.blocks import THINKING
from .request import Request, get, is_object, listed
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

_MOST: Final = 4
_TTLS: Final = ("5m", "1h")


@rule("cache_control_too_many", "Leave out the earliest: a mark covers all that comes before it.", "cache_control")
def cache_control_too_many(request: Request) -> Iterator[Complaint]:
    """More than four cache marks; automatic caching takes one of them, unless the last block has one already.

    Source: prompt-caching page, August 2026: "no slots left for automatic caching".
    """
    marks = request.marks
    automatic = get(request.params, "cache_control") is not None
    last = request.parts[-1].block if request.parts else None
    if automatic and len(marks) == _MOST and get(last, "cache_control") is None:
        yield "cache_control", f"There are {_MOST} cache marks already, and none is left for automatic caching."
    if len(marks) > _MOST:
        yield f"{marks[_MOST].path}.cache_control", f"There are {len(marks)} cache marks; a request may have {_MOST}."


@rule(
    "cache_control_invalid", 'Give `{"type": "ephemeral"}`, with a `ttl` of `5m` or `1h` if need be.', "cache_control"
)
def cache_control_invalid(request: Request) -> Iterator[Complaint]:
    """A cache mark that is none.

    Source: the SDK's `types/cache_control_ephemeral_param.py`, 2.12.0.
    """
    automatic = get(request.params, "cache_control")
    marks = [("cache_control", automatic)] if automatic is not None else []
    for path, mark in [*marks, *((f"{each.path}.cache_control", each.mark) for each in request.marks)]:
        if not is_object(mark) or get(mark, "type") != "ephemeral":
            yield path, "The cache mark is not an object of the type `ephemeral`."
        elif get(mark, "ttl") not in (None, *_TTLS):
            yield f"{path}.ttl", "The time to live is neither `5m` nor `1h`."


@rule("cache_control_ttl_order", "Give those before it `1h` too, or this one `5m`.", "cache_control")
def cache_control_ttl_order(request: Request) -> Iterator[Complaint]:
    """A mark of one hour after one of five minutes.

    Source: prompt-caching page, mixing different TTLs: "a ttl='1h' cache_control block must not come after a ttl='5m'
    cache_control block" (github.com/vellum-ai/vellum-assistant/pull/22191).
    """
    shorter = False
    for mark in request.marks:
        if mark.ttl == "1h" and shorter:
            yield f"{mark.path}.cache_control.ttl", "A cache mark of one hour comes after one of five minutes."
        shorter = shorter or mark.ttl == "5m"


@rule("cache_control_automatic_ttl", "Give both the same `ttl`, or leave one of them out.", "cache_control")
def cache_control_automatic_ttl(request: Request) -> Iterator[Complaint]:
    """Automatic caching with another time to live than the mark that the last block has.

    Source: "Top-level cache_control has ttl='5m' but the target block already has cache_control with ttl='1h'"
    (github.com/vellum-ai/vellum-assistant/pull/23414; prompt-caching page, August 2026).
    """
    automatic = get(request.params, "cache_control")
    own = get(request.parts[-1].block, "cache_control") if request.parts else None
    if automatic is not None and own is not None and (get(automatic, "ttl") or "5m") != (get(own, "ttl") or "5m"):
        yield "cache_control.ttl", "The last block has a cache mark with another time to live."


@rule("cache_control_on_thinking", "Put it on the block after the thinking.", "cache_control")
def cache_control_on_thinking(request: Request) -> Iterator[Complaint]:
    """A cache mark on thinking.

    Source: prompt-caching page: thinking "cannot be cached directly with `cache_control`".
    """
    for part in request.of(*THINKING):
        if get(part.block, "cache_control") is not None:
            yield part.at("cache_control"), "A thinking block has a cache mark."


@rule("cache_control_on_empty_text", "Leave the block out, and put the mark on the one before it.", "cache_control")
def cache_control_on_empty_text(request: Request) -> Iterator[Complaint]:
    """A cache mark on a text block without text.

    Source: "cache_control cannot be set for empty text blocks" (github.com/anthropics/claude-code/issues/50082).
    """
    for part in request.of("text"):
        if part.text == "" and get(part.block, "cache_control") is not None:
            yield part.at("cache_control"), "An empty text block has a cache mark."
    for i, block in enumerate(listed(get(request.params, "system"))):
        if get(block, "text") == "" and get(block, "cache_control") is not None:
            yield f"system[{i}].cache_control", "An empty text block has a cache mark."


@rule("cache_control_on_message", "Put it on a block of the message's content.")
def cache_control_on_message(request: Request) -> Iterator[Complaint]:
    """A cache mark beside a message's content.

    Source: Messages API reference (the SDK's `types/message_param.py`, 2.12.0): a message has `role` and `content`, and
    "Extra inputs are not permitted".
    """
    for i, message in enumerate(listed(get(request.params, "messages"))):
        if get(message, "cache_control") is not None:
            yield f"messages[{i}].cache_control", "The cache mark stands on the message, not on a block of it."


@rule("cache_control_inside", "Put it on the block itself.", "tool_result", "document", severity="warning")
def cache_control_inside(request: Request) -> Iterator[Complaint]:
    """A cache mark inside a tool's result or a document, before its last part.

    Source: release notes, May 2025: it is to be specified "directly in the parent `content` block of `tool_result` and
    `document.source`"; one on the last part inside is moved there.
    """
    for part in request.of("tool_result", "document"):
        names = ("content",) if part.kind == "tool_result" else ("source", "content")
        inner = part.block
        for name in names:
            inner = get(inner, name)
        for j, block in enumerate(listed(inner)[:-1]):
            if get(block, "cache_control") is not None:
                yield part.at(*names) + f"[{j}].cache_control", "The cache mark stands inside of the block."


RULES: Final[tuple[Rule, ...]] = (
    cache_control_too_many,
    cache_control_invalid,
    cache_control_ttl_order,
    cache_control_automatic_ttl,
    cache_control_on_thinking,
    cache_control_on_empty_text,
    cache_control_on_message,
    cache_control_inside,
)
