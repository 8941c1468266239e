"""Which citations are the same."""

from __future__ import annotations

import pytest

from unbroken.core.message.citations import is_cited

FOX = {"type": "char_location", "cited_text": "fox"}
PAGE = {"type": "web_search_result_location", "url": "https://example.com", "encrypted_index": "a"}


@pytest.mark.parametrize(
    ("citation", "citations", "same"),
    [
        (FOX, [], False),
        (FOX, [FOX], True),
        (FOX, [{**FOX, "cited_text": "dog"}], False),
        (FOX, [PAGE, FOX], True),
        ({**PAGE, "encrypted_index": "b"}, [PAGE], True),  # it is new each time that the same place is cited
        ({**PAGE, "url": "https://example.org"}, [PAGE], False),
        ({"encrypted_index": "b"}, [{"encrypted_index": "a"}], False),  # there is nothing else to know it by
        (None, [None], True),
        ("fox", ["dog"], False),
    ],
)
def test_a_citation_is_known_by_what_it_says_of_the_place(
    citation: object, citations: list[object], same: bool
) -> None:
    assert is_cited(citation, citations) is same
