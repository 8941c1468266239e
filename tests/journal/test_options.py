"""What journals can be told."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.journal import MemoryJournal
from unbroken.journal.options import Options


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"retention": -1}, ValueError, "retention must not be negative, not -1"),
        ({"retention": float("nan")}, ValueError, "retention must not be negative, not nan"),
        ({"orphan_retention": "1"}, TypeError, "orphan_retention must be a number of seconds, not '1'"),
        ({"orphan_retention": True}, TypeError, "orphan_retention must be a number of seconds, not True"),
        ({"max_bytes": 1.5}, TypeError, "max_bytes must be a whole number, not 1.5"),
        ({"max_bytes": True}, TypeError, "max_bytes must be a whole number, not True"),
        ({"max_bytes": 0}, ValueError, "max_bytes must be at least 1, not 0"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    """By every journal, when it is made."""
    with pytest.raises(error) as raised:
        MemoryJournal(**options)
    assert str(raised.value) == words


def test_nothing_has_to_be_said() -> None:
    """A day, a week, and 8 MiB."""
    assert Options() == Options(retention=86_400.0, orphan_retention=604_800.0, max_bytes=8_388_608)
