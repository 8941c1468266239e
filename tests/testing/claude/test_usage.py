"""What a message used."""

from __future__ import annotations

from unbroken.testing.claude.usage import Usage

USAGE = Usage(30, 9, thinking_tokens=4, result_tokens=100, server_tools=("web_fetch", "code_execution"))


def test_the_end_counts_what_was_read_meanwhile() -> None:
    """The start does not."""
    assert USAGE.at_start("", "global")["input_tokens"] == 30
    assert USAGE.at_end()["input_tokens"] == USAGE.whole("global")["input_tokens"] == 130


def test_the_start_counts_no_more_than_the_end() -> None:
    """However much is written at once."""
    assert USAGE.at_start("a" * 400, "global")["output_tokens"] == 9


def test_tools_and_thinking_only_where_there_were_any() -> None:
    """A tool that is counted by another name counts as none."""
    assert USAGE.at_end()["server_tool_use"] == {"web_search_requests": 0, "web_fetch_requests": 1}
    assert USAGE.at_end()["output_tokens_details"] == {"thinking_tokens": 4}
    assert not {"server_tool_use", "output_tokens_details", "iterations"} & Usage(1, 1).at_end().keys()


def test_each_run_is_counted_where_it_is_asked_for() -> None:
    """The sum of all is the whole."""
    (once,) = USAGE.at_end(iterations=True)["iterations"]
    assert {name: once[name] for name in ("input_tokens", "output_tokens")} == {"input_tokens": 130, "output_tokens": 9}
