"""What was built, and environments that it is installed into: nothing in these tests imports the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment, and an empty directory to work in.

    Attributes:
        python: Its interpreter.
        elsewhere: Where its programs run: nothing there can be imported.
    """

    python: Path
    elsewhere: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its interpreter; what came of it, whatever that is."""
        return self.call(str(self.python), *arguments)

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the empty directory."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
        return subprocess.run(
            command, cwd=self.elsewhere, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def prints(self, code: str) -> str:
        """Run Python code that has to go well; what it printed."""
        done = self.run("-W", "error", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    """The table `project` of `pyproject.toml`."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="session")
def dist() -> Path:
    """The directory of the built wheel and sdist."""
    directory = os.environ.get("UNBROKEN_DIST")
    if directory is None:
        pytest.skip("nothing was built: `make dist` builds, and names the directory in UNBROKEN_DIST")
    return Path(directory).resolve()


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    """The built wheel."""
    (found,) = dist.glob("unbroken-*.whl")
    return found


@pytest.fixture(scope="session")
def sdist(dist: Path) -> Path:
    """The built source distribution."""
    (found,) = dist.glob("unbroken-*.tar.gz")
    return found


@pytest.fixture(scope="session")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    """Makes an environment with the wheel and these extras, as in `"cli,pipe"`, and nothing else."""

    def make(extras: str) -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        if shutil.which("uv"):
            _run("uv", "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
            installer = ["uv", "pip", "install", "--quiet", "--python", str(python)]
        else:
            _run(sys.executable, "-m", "venv", str(folder / "venv"))
            installer = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run(*installer, f"unbroken[{extras}] @ {wheel.as_uri()}" if extras else str(wheel))
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        return Environment(python, elsewhere)

    return make


@pytest.fixture(scope="session")
def alone(install: Callable[[str], Environment]) -> Environment:
    """What `pip install unbroken` gives."""
    return install("")


@pytest.fixture(scope="session")
def complete(install: Callable[[str], Environment], project: dict[str, Any]) -> Environment:
    """The wheel with every extra for users."""
    return install(",".join(extra for extra in project["optional-dependencies"] if extra != "dev"))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stderr[-2000:]}"
