"""The peers' environments: what is run to make them, without making any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is run, in order; nothing is."""
    from benchmarks.survival import environments

    ran: list[str] = []

    def run(*command: str) -> None:
        ran.append(" ".join(command))
        if re.search("venv [^ ]+$", ran[-1]):
            Path(command[-1]).mkdir(parents=True)

    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "_uv", lambda: False)
    monkeypatch.setattr(environments, "_run", run)
    return ran


def test_an_environment_is_made_once(commands: list[str]) -> None:
    """The first time it is made and filled; the second time it is there."""
    from benchmarks.survival.environments import install
    from benchmarks.survival.peers import PEERS

    python = install(PEERS[0])
    assert len(commands) == 2
    assert commands[1].startswith(str(python))
    assert commands[1].endswith(" ".join(PEERS[0].requires))
    assert install(PEERS[0]) == python
    assert len(commands) == 2


def test_what_does_not_fit_together_is_installed_over_what_does(
    commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the resolver fails, the packages come without their versions first, and the named releases over them."""
    from benchmarks.survival import environments
    from benchmarks.survival.peers import PEERS

    record = environments._run

    def run(*command: str) -> None:
        record(*command)
        if len(commands) == 2:
            raise RuntimeError("no such versions")

    monkeypatch.setattr(environments, "_run", run)
    [langchain] = [peer for peer in PEERS if peer.name == "langchain"]
    environments.install(langchain)
    assert commands[2].endswith(" langchain-anthropic langchain-core anthropic")
    assert commands[3].endswith(f" --no-deps {' '.join(langchain.requires)}")


def test_the_tree_itself_is_installed_as_it_stands(commands: list[str]) -> None:
    """`unbroken` is not taken from a release."""
    from benchmarks.survival.environments import install
    from benchmarks.survival.peers import PEERS, ROOT

    install(PEERS[-1])
    assert f" -e {ROOT} " in commands[1]
