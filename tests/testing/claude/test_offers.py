"""What a request offers, and the form that it wants."""

from __future__ import annotations

import pytest

from unbroken.testing.claude.offers import offered, offers, output_format, output_formats

SCHEMA = {"type": "json_schema", "schema": {}}


def test_tools_by_the_names_in_their_calls() -> None:
    """The caller's, the API's own in whatever version, and MCP servers."""
    body = {
        "tools": [
            {"name": "look", "input_schema": {}},
            {"type": "web_search_20250305", "name": "web_search"},
            {"type": "code_execution_20260521", "name": "code_execution"},
        ],
        "mcp_servers": [{"type": "url", "name": "tally"}],
    }
    assert offered(body) == {
        "look",
        "web_search",
        "code_execution",
        "bash_code_execution",
        "text_editor_code_execution",
        "tally",
    }
    assert offers(body, "bash_code_execution")
    assert offers(body, "count", "tally")
    assert not offers(body, "count")
    assert not offers(body, "web_fetch")


def test_nothing_is_offered() -> None:
    """Where no tools are named."""
    assert offered({}) == offered({"tools": None, "mcp_servers": None}) == offered({"tools": [{}]}) == frozenset()


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, None),
        ({"output_config": {"effort": "low"}}, None),
        ({"output_config": {"format": SCHEMA}}, SCHEMA),
        ({"output_format": SCHEMA}, SCHEMA),
    ],
)
def test_the_form_of_the_answer(body: dict[str, object], wanted: object) -> None:
    """In either of the places where it can be asked for."""
    assert output_format(body) == wanted
    assert [form for _, form in output_formats(body)] == ([] if wanted is None else [wanted])
