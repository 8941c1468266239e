"""What is in the wheel and in the source distribution, and what they say of themselves."""

from __future__ import annotations

import configparser
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
#: What users may ask for, and what whoever works on the project asks for.
EXTRAS = {"cli", "dev", "otel", "pipe", "redis", "schema", "web"}


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    """The files of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """What the wheel says of itself."""
    return Parser().parsestr(_text(wheel, "METADATA"))


def _text(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def _requirements(metadata: Message, extra: str = "") -> set[str]:
    """What an installer is asked for, in canonical form; with an extra, what that adds."""
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist") or []]
    return {
        f"{each.name}{sorted(each.extras) or ''}{SpecifierSet(str(each.specifier))}"
        for each in required
        if (f'extra == "{extra}"' in str(each.marker) if extra else "extra" not in str(each.marker))
    }


def test_the_wheel_has_the_package_and_nothing_else(names: list[str]) -> None:
    """Every source file of the package is in it; no test, no page and no leftover is."""
    source = ROOT / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / "unbroken").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == wanted
    assert not [name for name in names if "test_" in name or "conftest" in name]


def test_the_wheel_is_typed(names: list[str]) -> None:
    """Type checkers read it (PEP 561)."""
    assert "unbroken/py.typed" in names


def test_the_wheel_has_its_licence(names: list[str], metadata: Message) -> None:
    """The licence is named, and its text is there."""
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_is_for_every_platform(wheel: Path) -> None:
    """One wheel serves all."""
    assert wheel.name.endswith("-py3-none-any.whl")


def test_two_dependencies_are_required(metadata: Message, project: dict[str, Any]) -> None:
    """The SDK and anyio, in the versions of `pyproject.toml`."""
    assert {requirement.partition("<")[0].partition(">")[0] for requirement in _requirements(metadata)} == {
        "anthropic",
        "anyio",
    }
    assert len(project["dependencies"]) == 2
    assert SpecifierSet(metadata["Requires-Python"]) == SpecifierSet(project["requires-python"])


def test_the_extras_are_those_that_the_docs_name(metadata: Message, project: dict[str, Any]) -> None:
    """Each extra is declared, and asks for what `pyproject.toml` says."""
    assert set(metadata.get_all("Provides-Extra") or []) == EXTRAS
    for extra in EXTRAS:
        told = {Requirement(each.replace("'", "")).name for each in _requirements(metadata, extra)}
        assert told == _names(project["optional-dependencies"], extra)


def _names(extras: dict[str, list[str]], extra: str) -> set[str]:
    """What an extra asks for; one that asks for others of this project, as `dev` does, has what they have."""
    asked = [Requirement(line) for line in extras[extra]]
    others = [_names(extras, other) for each in asked if each.name == "unbroken" for other in each.extras]
    return {each.name for each in asked if each.name != "unbroken"}.union(*others)


def test_what_is_gpl_comes_only_with_the_extra_that_says_so(metadata: Message) -> None:
    """aiostream is asked for by `pipe`, and by `dev`, which is for those who work on this project."""
    asking = {extra for extra in EXTRAS if any("aiostream" in each for each in _requirements(metadata, extra))}
    assert "pipe" in asking
    assert asking <= {"pipe", "dev"}


def test_the_entry_points_lead_somewhere(wheel: Path, names: list[str]) -> None:
    """The command and the pytest plugin are registered, and their modules are in the wheel."""
    points = configparser.ConfigParser(delimiters=("=",))
    points.read_string(_text(wheel, "entry_points.txt"))
    assert dict(points["console_scripts"]) == {"unbroken": "unbroken.cli:main"}
    assert dict(points["pytest11"]) == {"unbroken": "unbroken.testing.plugin"}
    assert {"unbroken/cli/__init__.py", "unbroken/__main__.py", "unbroken/testing/plugin.py"} <= set(names)


def test_the_description_is_the_readme(metadata: Message) -> None:
    """An index shows the README, as Markdown."""
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_source_distribution_can_be_tested(sdist: Path) -> None:
    """It has the source, the tests, the benchmarks and the docs, and none of what they leave behind."""
    with tarfile.open(sdist) as archive:
        files = [name.partition("/")[2] for name in archive.getnames()]
    for wanted in (
        "LICENSE",
        "Makefile",
        "README.md",
        "benchmarks/__init__.py",
        "docs/changelog.md",
        "docs/pages/index.md",
        "pyproject.toml",
        "src/unbroken/py.typed",
        "tests/conftest.py",
        "tests/typing/api.py",
    ):
        assert wanted in files
    assert not [name for name in files if name.startswith((".venv", "build/", "site/")) or "__pycache__" in name]
