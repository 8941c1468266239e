"""What cannot be read is a `ValueError`, with words of ours."""

from __future__ import annotations

from unbroken.core.wire.decoded import Malformed


def test_it_is_a_value_error() -> None:
    """As what `json.loads` raises: whoever reads a stranger's bytes catches both alike."""
    assert isinstance(Malformed("it is no JSON"), ValueError)
    assert str(Malformed("it is no JSON")) == "it is no JSON"
