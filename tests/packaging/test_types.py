"""What type checkers make of the installed wheel: its users have no source tree."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import unbroken

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from conftest import Environment

TYPED = sorted((Path(__file__).resolve().parents[1] / "typing").glob("*.py"))


@pytest.fixture(scope="module")
def files(complete: Environment) -> list[str]:
    """Copies of `tests/typing`, where no configuration of this project is found."""
    return [Path(shutil.copy(path, complete.elsewhere)).name for path in TYPED]


def test_every_public_name_is_used() -> None:
    """What is public is read by the type checkers as users would write it."""
    used = {name for path in TYPED for name in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    assert set(unbroken.__all__) <= used
    assert {"blocks", "lines", "sentences", "smooth", "tee", "words"} <= used


def test_mypy_understands_it(complete: Environment, files: list[str]) -> None:
    """`mypy --strict` finds the types of the wheel, and nothing to complain of."""
    done = complete.call(
        sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable", str(complete.python), *files
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright_understands_it(complete: Environment, files: list[str]) -> None:
    """So does pyright."""
    done = complete.call(sys.executable, "-m", "pyright", "--pythonpath", str(complete.python), *files)
    assert done.returncode == 0, done.stdout + done.stderr
