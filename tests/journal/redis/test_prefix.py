"""What the names of keys may begin with."""

from __future__ import annotations

import pytest

from unbroken.journal.redis.prefix import check_prefix


def test_letters_digits_and_some_signs() -> None:
    check_prefix("chat:eu-1/a.b_c")


@pytest.mark.parametrize("prefix", ["", "a b", "{a}", "ä", "a" * 101])
def test_what_is_none(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix must be 1 to 100"):
        check_prefix(prefix)


def test_no_string() -> None:
    with pytest.raises(TypeError, match="prefix must be a string"):
        check_prefix(b"chat")
