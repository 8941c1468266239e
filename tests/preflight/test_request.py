"""A request as the rules see it, whatever shape its parts are in."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import anthropic
import pytest
from anthropic.types import TextBlock, ThinkingBlock, ToolUseBlock

from preflighting import MARK, SEARCH, TOOL, ask, found, result, text, turns
from unbroken.core.models.table import ModelInfo
from unbroken.preflight.request import Request, get, is_object, listed


def seen(*contents: Any, version: str | None = None, **changes: Any) -> Request:
    """The request."""
    return Request(ask(*contents, **changes), "m", ModelInfo(name="m"), version)


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ({"a": 1}, 1),
        (MappingProxyType({"a": 1}), 1),
        ({"a": anthropic.omit}, None),
        ({"a": anthropic.not_given}, None),
        ({}, None),
        ("a", None),
        (None, None),
        ([1], None),
    ],
)
def test_a_field_is_read_from_mappings(item: object, value: object) -> None:
    """What was omitted is not there, and what is no object has no fields."""
    assert get(item, "a") == value


def test_a_field_is_read_from_the_sdks_models() -> None:
    """An answer's blocks go back as they came."""
    block = TextBlock(type="text", text="a")
    assert (get(block, "text"), get(block, "cache_control")) == ("a", None)
    assert is_object(block)
    assert is_object({})
    assert not is_object("a")


def test_only_lists_are_looked_into() -> None:
    """A generator could be read once only, and is left to who sends the request."""

    def generator() -> Iterator[int]:
        yield 1

    made = generator()
    assert [listed([1]), listed((1,)), listed(made), listed("a"), listed(None)] == [[1], (1,), (), (), ()]
    assert next(made) == 1


def test_the_blocks_of_all_messages() -> None:
    """Each with its place, and a path that leads there."""
    asked = seen("a", [text("b"), {"no": "type"}, {"type": 1}], "c")
    assert [(part.kind, part.path, part.at("text"), part.text) for part in asked.parts] == [
        ("text", "messages[0].content", "messages[0].content", "a"),
        ("text", "messages[1].content[0]", "messages[1].content[0].text", "b"),
        ("", "messages[1].content[1]", "messages[1].content[1].text", None),
        ("", "messages[1].content[2]", "messages[1].content[2].text", None),
        ("text", "messages[2].content", "messages[2].content", "c"),
    ]
    assert asked.is_whole
    assert [part.path for part in asked.of("text", "", "image")] == [part.path for part in asked.parts]


@pytest.mark.parametrize("messages", [iter(turns("a")), None, 3])
def test_messages_that_cannot_be_seen(messages: object) -> None:
    """Then little is said."""
    asked = seen(messages=messages)
    assert (asked.messages, asked.parts, asked.is_whole) == (None, [], False)


def test_content_that_cannot_be_seen() -> None:
    """The rest is seen."""
    asked = seen("a", iter([text("b")]), "c")
    assert [part.turn for part in asked.parts] == [0, 2]
    assert not asked.is_whole


def test_neighbours_of_one_role_are_one_turn() -> None:
    """As the API joins them; a system message between them is passed over."""
    roles = ["user", "user", "system", "user", "assistant"]
    asked = seen(messages=[{"role": role, "content": role} for role in roles])
    assert [[part.turn for part in turn] for turn in asked.turns] == [[0, 1, 3], [4]]


def test_what_a_request_has() -> None:
    """The arguments that are given, and the types of the blocks; what is marked counts wherever the mark stands."""
    plain = {"model", "max_tokens", "messages", "text"}
    assert seen(system=None).has == plain
    assert seen([text("a", cache_control=MARK)]).has == plain | {"cache_control"}
    assert seen(tools=[{**TOOL, "cache_control": MARK}]).has == plain | {"tools", "cache_control"}


def test_the_marks_in_the_order_in_which_the_api_reads_them() -> None:
    """Tools, system prompt, messages."""
    marked = text("a", cache_control=MARK)
    asked = seen([marked], system=[marked], tools=[{**TOOL, "cache_control": {"ttl": "1h"}}, TOOL])
    assert [(mark.path, mark.ttl) for mark in asked.marks] == [
        ("tools[0]", "1h"),
        ("system[0]", "5m"),
        ("messages[0].content[0]", "5m"),
    ]


def test_the_texts_that_count_as_input() -> None:
    """Those of the system prompt, of the messages and of tools' results."""
    results = [result("1", content=[text("d"), 5]), result("2", content="e"), result("3", content=None)]
    assert seen("a", [text("b")], results, system="s").texts == ["s", "a", "b", "d", "e"]
    assert seen("a", system=[text("s")]).texts == ["s", "a"]


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, False),
        ({"tools": []}, False),
        ({"tools": [TOOL]}, True),
        ({"tools": iter([TOOL])}, True),
        ({"mcp_servers": [{"name": "tally"}]}, True),
        ({"tools": [], "mcp_servers": [{"name": "tally"}]}, True),
    ],
)
def test_whether_tools_are_offered(changes: dict[str, Any], may: bool) -> None:
    """What cannot be seen may be there."""
    assert seen(**changes).may_have_tools is may


@pytest.mark.parametrize(
    ("version", "is_new"), [("2026-10-21", True), ("2023-06-01", False), (None, False), ("bedrock-2023-05-31", False)]
)
def test_which_version_a_request_is_sent_with(version: str | None, is_new: bool) -> None:
    """That of another platform is none of these."""
    assert seen(version=version).since("2026-10-21") is is_new


def test_the_betas_of_both_places() -> None:
    """The argument, and the header."""
    asked = seen(betas=["one", 2], extra_headers={"anthropic-beta": "two-3, three"})
    assert asked.betas == ("one", "two-3", "three")
    assert asked.has_beta("two-")
    assert not seen().has_beta("two-")


def test_what_is_asked_of_thinking_and_tools() -> None:
    """Where it is said in words."""
    asked = seen(thinking={"type": "adaptive"}, tool_choice={"type": "auto"}, tools=[TOOL])
    assert (asked.thinking, asked.tool_choice, asked.tools) == ("adaptive", "auto", [TOOL])
    assert (seen(thinking=3, tool_choice={"type": 3}).thinking, seen(tool_choice="any").tool_choice) == (None, None)


def test_a_conversation_of_the_sdks_own_objects_is_well_formed() -> None:
    """Nothing is found in what the SDK itself gave."""
    answer = [
        ThinkingBlock(type="thinking", thinking="hm", signature="s"),
        TextBlock(type="text", text="I look."),
        ToolUseBlock(type="tool_use", id="toolu_1", name="look", input={"a": 1}),
    ]
    assert found("a", answer, [result("toolu_1")], tools=[TOOL, SEARCH], system=anthropic.omit) == []
