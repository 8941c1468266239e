"""The module of errors has what the package has."""

from __future__ import annotations

import unbroken
from unbroken import errors


def test_each_is_the_packages_own() -> None:
    assert all(getattr(errors, name) is getattr(unbroken, name) for name in errors.__all__)
