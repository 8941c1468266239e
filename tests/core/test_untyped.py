"""Values of which nothing is known."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from unbroken.core.untyped import mapping


@pytest.mark.parametrize("value", [None, 3, "text", ["a"], ("a", 1), object()])
def test_what_is_no_mapping_is_an_empty_one(value: object) -> None:
    """Whatever the network or a caller gave."""
    assert mapping(value) == {}


@pytest.mark.parametrize("value", [{}, {"a": 1}, MappingProxyType({"a": {"b": 2}})])
def test_a_mapping_is_itself(value: Any) -> None:
    """It is not copied."""
    assert mapping(value) is value
