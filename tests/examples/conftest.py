"""The examples stand beside the pages of the docs, and are imported from there, as whoever copies them does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "docs" / "examples"
MISSING = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]

sys.path[:0] = [str(EXAMPLES), str(HERE)]
pytest.register_assert_rewrite("visiting")


class Skipped(pytest.Module):
    """A file of tests for which something is not installed."""

    def collect(self) -> NoReturn:
        pytest.skip(f"the chat backend needs {' and '.join(MISSING)}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Skipped | None:
    """The tests import the example, and the example what it needs: so it is asked before."""
    return Skipped.from_parent(parent, path=module_path) if MISSING else None


@pytest.fixture(autouse=True)
def no_content_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, no log has a word of what was asked or answered."""
    caplog.set_level("DEBUG", logger="unbroken")
    yield
    told = "".join(record.getMessage() for record in caplog.records)
    assert "lighthouse" not in told
