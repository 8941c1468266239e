"""Where a reader goes on."""

from __future__ import annotations

import pytest

from unbroken.web.position import Wanted, has_been_told, number_of, told, wanted


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [
        (None, "", Wanted()),
        ("1-57", "", Wanted("1-57")),
        (" 1-57 ", "", Wanted("1-57")),
        (None, "after=1-57", Wanted("1-57")),
        ("2-60", "after=1-57", Wanted("2-60")),
        ("", "after=1-57", Wanted("1-57")),  # a browser that has had no id yet
        ("0", "", Wanted("0")),
        ("nonsense", "", Wanted("0")),
        ("1-57; DROP", "", Wanted("0")),
        ("\u0661-\u0665", "", Wanted("0")),
        ("9" * 5000 + "-1", "", Wanted("0")),
        (None, "after=", Wanted("0")),
        (None, "after=%ff%fe", Wanted("0")),
        (None, "startIndex=12", Wanted(None, 12)),
        (None, "startIndex=-10", Wanted(None, -10)),
        (None, "startIndex=", Wanted(None, 0)),
        (None, "startIndex=1e3", Wanted(None, 0)),
        (None, "startIndex=" + "9" * 5000, Wanted(None, 0)),
        ("1-57", "startIndex=3&after=1-2", Wanted("1-57", 3)),
    ],
)
def test_what_a_request_asks_for(header: str | None, query: str, expected: Wanted) -> None:
    """The header is newer than the address; what cannot be read is the start, and no error."""
    headers = [(b"accept", b"*/*")]
    if header is not None:
        headers.append((b"Last-Event-ID", header.encode("utf-8")))
    assert wanted(headers, query.encode()) == expected


def test_the_number_grows_from_event_to_event() -> None:
    """Over all fences; what is no position has none."""
    assert [number_of(each) for each in ("1-57", "2-60", "1-057", "0", "", "x")] == [57, 60, 57, 0, 0, 0]


def test_the_end_has_an_id_of_its_own() -> None:
    """As numbers it is the same position."""
    assert (told("1-57"), told("0")) == ("1-057", "0-00")
    assert [has_been_told(each) for each in ("1-57", "1-057", "0-00", "0", None, "x")] == [
        *(False, True, True, False, False, False)
    ]
