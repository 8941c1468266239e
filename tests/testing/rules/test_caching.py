"""Cache marks that are none, too many, or in the wrong order."""

from __future__ import annotations

from typing import Any

import pytest
from judging import CACHED, OPTIONAL, TOOL, call, result, says, text, turns

HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
FIVE_MINUTES = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}
FOUR = turns([text(str(n), **CACHED) for n in range(4)])

REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "five marks": (
        {"messages": FOUR, "system": [text("s", **CACHED)]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "a mark that is no object": (
        {"messages": turns([text("a", cache_control=True)])},
        "messages.0.content.0.cache_control: Input should be a valid dictionary",
    ),
    "a mark of another type": (
        {"cache_control": {"type": "lasting"}},
        "cache_control: Input tag 'lasting' found using 'type' does not match",
    ),
    "a mark for two hours": (
        {"tools": [{**TOOL, "cache_control": {"type": "ephemeral", "ttl": "2h"}}]},
        "tools.0.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
    ),
    "an hour after five minutes": (
        {"system": [text("s", **CACHED)], "messages": turns([text("a", **HOUR)])},
        "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m'",
    ),
    "automatic caching with four marks": (
        {"cache_control": {"type": "ephemeral"}, "messages": [*FOUR, *turns("b")]},
        "no slots left for automatic caching",
    ),
    "automatic caching for another time": (
        {"messages": turns([text("a", **HOUR)]), **FIVE_MINUTES},
        "Top-level cache_control has ttl='5m' but the target block already has cache_control with ttl='1h'",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


MARKED_INPUT = {"input": {"cache_control": {"type": "none of the API's"}}}
ACCEPTED: dict[str, dict[str, Any]] = {
    "four marks": {"messages": FOUR},
    "an hour before five minutes": {"system": [text("s", **HOUR)], "messages": turns([text("a", **CACHED)])},
    "automatic caching of a marked block": {"messages": FOUR, **CACHED},
    "automatic caching beside three marks": {"messages": [*turns(FOUR[0]["content"][:3]), *turns("b")], **CACHED},
    "a mark that is null": {"messages": turns([text("a", cache_control=None)]), **CACHED},
    "arguments of calls that have the name": {
        "messages": turns("a", [call(f"t{n}", **MARKED_INPUT) for n in range(5)], [result(f"t{n}") for n in range(5)])
    },
    "an argument of a tool that has the name": {
        "model": OPTIONAL,
        "tools": [
            {"name": f"look{n}", "input_schema": {"type": "object", "properties": {"cache_control": {}}}}
            for n in range(5)
        ],
    },
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None
