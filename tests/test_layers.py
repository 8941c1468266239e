"""The contracts of `[tool.importlinter]` in pyproject.toml hold, and would notice what breaks them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
LINT: Final = "from importlinter.cli import lint_imports_command as lint; lint()"


def lint_imports(root: Path) -> tuple[int, str]:
    """What `lint-imports` ends with there, and what it says."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(root / "src"), os.environ.get("PYTHONPATH", "")]),
        "COLUMNS": "200",
        "FORCE_COLOR": "",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        check=False,
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, COLOUR.sub("", done.stdout + done.stderr)  # older releases write colours into a pipe, too


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and of the contracts, to be broken."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_contracts_hold() -> None:
    """Of the package as it is; a test, so that a red `make test` says it too."""
    code, said = lint_imports(ROOT)
    assert code == 0, said


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("core/failure.py", "from .plan import plan", "no circles among siblings"),
        ("core/plan/steps.py", "if TYPE_CHECKING:\n    from .plan import Plan", "no circles among siblings"),
        ("core/message/blocks.py", "def late():\n    from ...engine import driver", "the floors"),
        (
            "policy.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .report import Report",
            "the floors",
        ),
        ("core/plan/plan.py", "import time", "what is pure"),
        ("health/breaker.py", "import random", "what is pure"),
        ("core/message/partial.py", "def late():\n    from ..requests import resume", "the rooms of the core"),
        ("core/novelty.py", "", "the rooms of the core"),
        ("concurrency/race.py", "def late():\n    import anthropic", "tasks and time"),
        ("testing/script/faults.py", "from unbroken.policy import Policy", "the fault server and"),
        ("testing/claude/reply.py", "from ..server import playing", "the rooms of the fault server"),
        ("engine/driver.py", "from unbroken.testing import FaultServer", "nobody imports"),
        ("ledger/__init__.py", "", "the floors"),
    ],
    ids=[
        "circle",
        "circle-of-types",
        "up",
        "up-for-types",
        "clock",
        "chance",
        "up-in-core",
        "new-file-in-core",
        "sdk-in-concurrency",
        "server",
        "up-in-server",
        "nobody",
        "new-room",
    ],
)
def test_a_violation_is_seen(copy: Path, module: str, line: str, broken: str) -> None:
    """A circle, an import of what is above (late, or for type checkers alone), a clock, a room that nobody declared."""
    path = copy / "src" / "unbroken" / module
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{path.read_text(encoding='utf-8') if path.exists() else ''}\n{line}\n", encoding="utf-8")
    code, said = lint_imports(copy)
    assert code == 1
    contracts = [each for each in said.splitlines() if " BROKEN" in each]
    assert any(each.startswith(broken) for each in contracts), said


def test_no_two_helpers_of_the_tests_have_one_name() -> None:
    """They are imported by their bare names, and one would hide the other."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    names = [path.stem for folder in options["pythonpath"][1:] for path in (ROOT / folder).glob("*.py")]
    helpers = [name for name in names if name not in ("conftest", "__init__") and not name.startswith("test_")]
    assert [name for name, times in Counter(helpers).items() if times > 1] == []
