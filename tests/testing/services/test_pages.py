"""Pages of a list: going forth and back covers all of it once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.testing.script.faults import Status
from unbroken.testing.services.pages import page


@given(st.integers(0, 50), st.integers(1, 20), st.sampled_from(["after_id", "before_id"]))
def test_pages_cover_a_list_once(count: int, limit: int, cursor: str) -> None:
    """In either direction."""
    items = [{"id": str(n)} for n in range(count)]
    seen: list[str] = []
    query = {"limit": [str(limit)], **({"before_id": [str(count - 1)]} if cursor == "before_id" and count else {})}
    while True:
        got = page(items, query)
        assert isinstance(got, dict)
        ids = [item["id"] for item in got["data"]]
        assert len(ids) <= limit
        assert (got["first_id"], got["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
        seen = ids + seen if cursor == "before_id" else seen + ids
        if not got["has_more"]:
            break
        query[cursor] = [got["first_id"] if cursor == "before_id" else got["last_id"]]
    whole = [item["id"] for item in items]
    assert seen == (whole[:-1] if cursor == "before_id" and count else whole)


@pytest.mark.parametrize(
    "query", [{"limit": ["0"]}, {"limit": ["1001"]}, {"limit": ["-1"]}, {"limit": ["x"]}, {"after_id": ["gone"]}]
)
def test_a_page_that_is_none(query: dict[str, list[str]]) -> None:
    """It is a 400."""
    got = page([{"id": "a"}], query)
    assert isinstance(got, Status)
    assert got.status == 400


def test_twenty_are_a_page() -> None:
    """If nothing else is said."""
    got = page([{"id": str(n)} for n in range(21)], {})
    assert isinstance(got, dict)
    assert (len(got["data"]), got["has_more"]) == (20, True)
