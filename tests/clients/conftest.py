"""What the tests of the real clients share: a clean environment, and helpers whose assertions explain themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("clients.cells")


@pytest.fixture(autouse=True, scope="session")
def nothing_is_traced() -> Iterator[None]:
    """LangChain reports to its maker's servers when these variables say so."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("LANGCHAIN_", "LANGSMITH_", "LOGFIRE_")):
                patch.delenv(name)
        yield
