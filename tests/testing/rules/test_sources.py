"""Search results and citations that are not as the model wrote them."""

from __future__ import annotations

from typing import Any

import pytest
from judging import SEARCH, says, server_call, server_result, text, turns

from unbroken.testing import Answer, ServerTool, Text
from unbroken.testing.claude.signatures import stamped_citation, stamped_result

INVALID = "messages.1.content.1: Invalid `encrypted_content` in `search_result` block"


def searched(*results: dict[str, Any]) -> dict[str, Any]:
    """A conversation in which a search had these results."""
    pair = [server_call("srvtoolu_1"), server_result("srvtoolu_1", content=results)]
    return {"tools": [SEARCH], "messages": turns("a", [*pair, text("b")], "c")}


def cited(*citations: Any, said: str = "It was lit.", **more: Any) -> dict[str, Any]:
    """A conversation in which a text had these citations."""
    return {"messages": turns("a", [text(said, citations=list(citations))], "c"), **more}


PAGE = {"type": "web_search_result", "url": "https://example.com", "title": "T", "page_age": None}
(STAMPED,) = stamped_result([PAGE])
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
SOURCE = {"type": "web_search_result_location", "url": "https://example.com", "title": "T", "cited_text": "lit"}
PLACE = {"type": "page_location", "cited_text": "lit", "document_index": 0, "start_page_number": 1}
SCRIPTED = (Answer([Text("It was lit. ", [PLACE, SOURCE]), "Nobody knows why."]),)

REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "a result that is not encrypted": (searched(PAGE), INVALID),
    "a result of another page": (searched({**STAMPED, "url": "https://example.com/other"}), INVALID),
    "a code that was cut": (searched({**STAMPED, "encrypted_content": STAMPED["encrypted_content"][:-1]}), INVALID),
    "the second of two": (searched(STAMPED, PAGE), INVALID),
    "an image by its URL, on Bedrock": (
        {"model": "us.anthropic.claude-haiku-4-5-20251001-v1:0", "messages": turns([PICTURE])},
        "messages.0.content.0.image.source: Input tag 'url' found",
    ),
    "a citation of an unknown kind": (
        cited({"type": "hearsay"}),
        "citations.0: Input tag 'hearsay' found",
    ),
    "a citation without its index": (cited(SOURCE), "Invalid `encrypted_index` in `web_search_result_location` block"),
    "a citation of other words": (
        cited({**stamped_citation(SOURCE, "a"), "cited_text": "dark"}),
        "messages.1.content.0.text.citations.0: Invalid `encrypted_index`",
    ),
    "a citation that the model did not give": (
        cited(PLACE | {"start_page_number": 2}, answers=SCRIPTED),
        "citations.0: the citations of a text cannot be modified",
    ),
    "a citation of a search result twice, each time with an index of its own": (
        cited(stamped_citation(SOURCE, "a"), stamped_citation(SOURCE, "b"), answers=SCRIPTED),
        "citations.1: the citations of a text cannot be modified",
    ),
    "a citation twice": (
        cited(PLACE, PLACE, said="was lit", others=SCRIPTED),
        "citations.1: the citations of a text cannot be modified",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


ACCEPTED: dict[str, dict[str, Any]] = {
    "an image by its URL": {"messages": turns([PICTURE])},
    "a result as it was": searched(STAMPED),
    "a result with its nulls left out": searched({k: v for k, v in STAMPED.items() if v is not None}),
    "no results": searched(),
    "a result that the script words": {
        **searched({**PAGE, "encrypted_content": "mine"}),
        "answers": (Answer([ServerTool("web_search", {}, [{**PAGE, "encrypted_content": "mine"}])]),),
    },
    "a citation as it was": cited(PLACE, stamped_citation(SOURCE, "a"), answers=SCRIPTED),
    "a citation with its nulls": cited({**PLACE, "file_id": None, "document_title": None}, answers=SCRIPTED),
    "fewer citations": cited(stamped_citation(SOURCE, "b"), answers=SCRIPTED),
    "citations of a text that the script does not know": cited(PLACE, PLACE, said="Elsewhere.", answers=SCRIPTED),
    "a user's words": {"messages": turns([text("It was lit.")]), "answers": SCRIPTED},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None
