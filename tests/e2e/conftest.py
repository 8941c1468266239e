"""Lets the asserts of the shared helpers say what they compared."""

import pytest

pytest.register_assert_rewrite("harness")
