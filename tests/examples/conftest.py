"""The examples stand beside the pages of the docs, and are imported from there, as whoever copies them does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "docs" / "examples"

sys.path[:0] = [str(EXAMPLES), str(HERE)]
pytest.register_assert_rewrite("visiting")
for name in ("starlette", "uvicorn"):
    pytest.importorskip(name, reason=f"the chat backend needs {name}")


@pytest.fixture(autouse=True)
def quiet_end(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, no log has a word of what was asked or answered."""
    caplog.set_level("DEBUG", logger="chat")
    yield
    told = "".join(record.getMessage() for record in caplog.records if record.name.split(".")[0] in ("chat", "uvicorn"))
    assert "lighthouse" not in told
