"""Messages, blocks and texts that the API does not take for what they are."""

from __future__ import annotations

from typing import Any

import pytest

from preflighting import MARK, OLD, ask, call, found, result, text, thought, turns
from unbroken.preflight import check

WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # what is changed in a plain request, and what is found
    ({"messages": "Tell me."}, [("messages_invalid", "messages")]),
    ({"messages": {"role": "user"}}, [("messages_invalid", "messages")]),
    ({"messages": 3}, [("messages_invalid", "messages")]),
    ({"tools": {}, "stop_sequences": "a"}, [("argument_invalid", "tools"), ("argument_invalid", "stop_sequences")]),
    ({"output_config": [], "metadata": "a"}, [("argument_invalid", "output_config"), ("argument_invalid", "metadata")]),
    ({"messages": []}, [("messages_empty", "messages")]),
    ({"messages": ["Tell me."]}, [("messages_invalid", "messages[0]")]),
    ({"messages": [{"role": "tool", "content": "a"}]}, [("messages_invalid", "messages[0].role")]),
    ({"messages": [{"role": "user"}]}, [("messages_invalid", "messages[0].content")]),
    ({"messages": [{"role": "user", "content": {"type": "text"}}]}, [("messages_invalid", "messages[0].content")]),
    ({"messages": turns(["a"])}, [("messages_invalid", "messages[0].content[0]")]),
    ({"messages": turns([{"text": "a"}])}, [("messages_invalid", "messages[0].content[0]")]),
    (
        {"messages": [{"role": "system", "content": "a"}, *turns("b")]},
        [("first_message_not_user", "messages[0].role")],
    ),
    ({"messages": turns("")}, [("content_empty", "messages[0].content")]),
    ({"messages": turns("a", [], "b")}, [("content_empty", "messages[1].content")]),
    ({"messages": turns([text("")])}, [("text_empty", "messages[0].content[0].text")]),
    ({"messages": turns(" \n")}, [("text_blank", "messages[0].content")]),
    ({"messages": turns("a", "b", [text("\t")])}, [("text_blank", "messages[2].content[0].text")]),
    ({"system": [text("a"), text("")]}, [("system_empty", "system[1].text")]),
    ({"system": 3}, [("system_invalid", "system")]),
    ({"system": {"type": "text"}}, [("system_invalid", "system")]),
    ({"system": ["a"]}, [("system_invalid", "system[0]")]),
    ({"system": [{"type": "text"}]}, [("system_invalid", "system[0]")]),
    ({"messages": turns([{"type": "text"}])}, [("block_field_missing", "messages[0].content[0].text")]),
    ({"messages": turns([{"type": "image"}])}, [("block_field_missing", "messages[0].content[0].source")]),
    (
        {"messages": turns("a", [call("t", input=[])], [result("t")])},
        [("block_field_missing", "messages[1].content[0].input")],
    ),
    (
        {"messages": turns("a", [call("t", name=3)], [result("t")])},
        [("block_field_missing", "messages[1].content[0].name")],
    ),
    ({"messages": turns([thought()])}, [("block_not_users", "messages[0].content[0]")]),
    (
        {"messages": turns("a", [{"type": "document", "source": {}}, text("b")], "c")},
        [("document_in_assistant", "messages[1].content[0]")],
    ),
    (
        {"messages": turns([text("a", citations=[{"type": "char_location"}])])},
        [("citations_in_user_text", "messages[0].content[0].citations")],
    ),
    ({"stop_sequences": ["a", " "]}, [("stop_sequence_blank", "stop_sequences[1]")]),
    ({"stop_sequences": [3]}, [("stop_sequence_blank", "stop_sequences[0]")]),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_what_is_wrong_is_found(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """At its place, and nothing else."""
    assert found(**changes) == expected


RIGHT: list[dict[str, Any]] = [
    {"messages": iter(turns("a"))},
    {"messages": tuple(turns("a"))},
    {"messages": [*turns("a"), {"role": "system", "content": "b"}]},
    {"messages": [{"role": "assistant", "content": [{"type": "compaction", "content": "a"}]}, *turns("b")]},
    {"messages": turns(iter([text("a")]))},
    {"messages": turns("a", ""), "model": OLD},
    {"messages": turns("a", []), "model": OLD},
    {"messages": turns("a", [text("b", citations=[{"type": "char_location"}])], [text("c", citations=[])])},
    {"messages": turns([{"type": "document", "source": {}}, text("a", citations=None)])},
    {"messages": turns([{"type": "hologram"}])},
    {"system": " "},
    {"system": [text("a", cache_control=MARK)]},
    {"system": iter([text("a")])},
    {"stop_sequences": ["a", "\n-"]},
    {"stop_sequences": iter(["a"])},
]


@pytest.mark.parametrize("changes", RIGHT)
def test_what_is_right_is_left_alone(changes: dict[str, Any]) -> None:
    """A finding is an accusation."""
    assert found(**changes) == []


def test_what_every_request_needs() -> None:
    """All that is missing is told at once."""
    assert [(each.code, each.path) for each in check({})] == [
        ("field_missing", "model"),
        ("field_missing", "max_tokens"),
        ("field_missing", "messages"),
    ]


@pytest.mark.parametrize("version", ["2023-06-01", None, "bedrock-2023-05-31"])
def test_what_only_the_newest_version_rejects(version: str | None) -> None:
    """Older ones, and those of other platforms, take it."""
    document, cited = {"type": "document", "source": {}}, text("c", citations=[{"type": "char_location"}])
    assert found("a", [document, text("b")], [cited], version=version) == []


def test_there_is_a_limit_to_the_number_of_messages() -> None:
    """100,000 of them."""
    many = turns("a", "b") * 50_000
    assert check(ask(messages=[*many, *turns("c")]))[0].code == "messages_too_many"
    assert found(messages=[*many[:-1], *turns("c")]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": turns("a", "b", "c")[1:]},
        {"messages": turns("a", [text("b"), text("\n\n"), text("c")], "d")},
        {"system": ""},
    ],
)
def test_what_was_recorded_as_taken_is_left_alone(changes: dict[str, Any]) -> None:
    """A conversation that the assistant begins, a blank text of its own, and an empty system prompt."""
    assert found(**changes) == []
