"""A request as the rules look at it."""

from __future__ import annotations

from typing import Any

from judging import turns

from unbroken.testing import Answer, RawBlock, ServerTool, Text
from unbroken.testing.rules.incoming import Incoming, blocks_of

ODD = {"type": "hologram", "sides": 3}
CITATION = {"type": "page_location", "cited_text": "lit"}
ANSWER = Answer(
    [Text("It was lit. ", [CITATION]), "Nobody knows why.", RawBlock(ODD), ServerTool("web_search", {}, [1])]
)


def incoming(*answers: Answer, **body: Any) -> Incoming:
    return Incoming({"model": "claude-opus-5-5", **body}, "2026-10-21", answers=answers, others=(Answer("Else."),))


def test_parts() -> None:
    """Every block with its path; a text in short form is one."""
    asked = incoming(messages=turns("a", [ODD]))
    assert [(path, block) for path, _, block in asked.parts()] == [
        ("messages.0.content.0", {"type": "text", "text": "a"}),
        ("messages.1.content.0", ODD),
    ]
    assert blocks_of({"role": "user", "content": "a"}) == [{"type": "text", "text": "a"}]


def test_what_the_script_knows() -> None:
    """Its own blocks, results and citations, with nulls or without."""
    asked = incoming(ANSWER)
    assert asked.is_scripted({**ODD, "colour": None})
    assert not asked.is_scripted({**ODD, "sides": 4})
    assert list(asked.scripted_results()) == [[1]]
    assert asked.citations_of("lit. Nobody") == [CITATION]
    assert asked.citations_of("Else.") == []
    assert asked.citations_of("Elsewhere.") is None
    assert asked.citations_of(" ") is None


def test_what_is_asked() -> None:
    """The model's row, and its thinking."""
    assert incoming().info.name == "claude-opus-5-5"
    assert incoming().thinking is None
    assert incoming(thinking={"type": "adaptive"}).thinking == "adaptive"


def test_a_paused_turn() -> None:
    """It is one only as a whole, and at the end."""
    paused = (Answer("I search.", stop_reason="pause_turn"), Answer("Found."))
    assert incoming(*paused, messages=turns("a", "I search.")).is_paused
    assert not incoming(*paused, messages=turns("a", "I sea")).is_paused
    assert not incoming(*paused, messages=turns("a", "I search.Fou")).is_paused
    assert not incoming(*paused, messages=turns("a")).is_paused
    assert not incoming(messages=turns("a", "I search.")).is_paused
