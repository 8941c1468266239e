"""Citations as sources."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.web.ui_sources import camel_case, source_of

PLACE = {"cited_text": "a lamp", "document_index": 1, "document_title": "Ledger"}


@pytest.mark.parametrize(
    ("citation", "source"),
    [
        (
            {
                "type": "web_search_result_location",
                "url": "https://a.example",
                "title": "A",
                "cited_text": "a lamp",
                "encrypted_index": "x",
            },
            {
                "type": "source-url",
                "url": "https://a.example",
                "title": "A",
                "metadata": {"citedText": "a lamp", "encryptedIndex": "x"},
            },
        ),
        (
            {"type": "web_search_result_location", "url": "https://a.example", "title": None, "cited_text": "a lamp"},
            {"type": "source-url", "url": "https://a.example", "metadata": {"citedText": "a lamp"}},
        ),
        (
            {"type": "search_result_location", "source": "http://b.example", "title": "B", "search_result_index": 0},
            {"type": "source-url", "url": "http://b.example", "title": "B", "metadata": {"searchResultIndex": 0}},
        ),
        (
            {"type": "search_result_location", "source": "kb/lamps", "title": None},
            {"type": "source-document", "mediaType": "text/plain", "title": "kb/lamps", "metadata": {}},
        ),
        (
            {"type": "char_location", **PLACE, "start_char_index": 0, "end_char_index": 6},
            {
                "type": "source-document",
                "mediaType": "text/plain",
                "title": "Ledger",
                "metadata": {"citedText": "a lamp", "documentIndex": 1, "startCharIndex": 0, "endCharIndex": 6},
            },
        ),
        (
            {"type": "page_location", "document_index": 1, "document_title": None},
            {
                "type": "source-document",
                "mediaType": "application/pdf",
                "title": "Document 2",
                "metadata": {"documentIndex": 1},
            },
        ),
        (
            {"type": "star_location", "right_ascension": 3},
            {
                "type": "source-document",
                "mediaType": "text/plain",
                "title": "Document",
                "metadata": {"rightAscension": 3},
            },
        ),
    ],
)
def test_each_type_of_citation(citation: dict[str, Any], source: dict[str, Any]) -> None:
    """With an address it is a link, else a document; what a link must not be it is not."""
    metadata = source.pop("metadata")
    assert source_of("3.0", citation) == {
        **source,
        "sourceId": "3.0",
        "providerMetadata": {"anthropic": metadata},
    }


def test_no_link_runs_anything() -> None:
    """A front end makes links of these: only an address of the web is one."""
    assert source_of("0.0", {"type": "search_result_location", "source": "javascript:alert(1)"})["type"] == (
        "source-document"
    )


def test_names_are_those_of_javascript() -> None:
    """As `@ai-sdk/anthropic` has them."""
    assert camel_case("start_page_number") == "startPageNumber"
    assert camel_case("a_2_b") == "a2B"
