"""Processes: started, told, heard, killed, and cleared away."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
import pytest

from unbroken.cli.demo import children
from unbroken.cli.demo.children import Order
from unbroken.cli.problems import Problem

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not children.can_kill(), reason="SIGKILL"),
]

ORDER = Order(url="u", url_alone=None, model="m", truth="", fallbacks=("n",), directory="d")

#: Says that it is ready, beside what is of no concern, then what it was told, and of its last word the first half.
ECHO = """
import sys
print('a word of somebody else')
print('1')
print('{"ready": true}', flush=True)
print(sys.stdin.readline(), end='', flush=True)
print('{"half', end='', flush=True)
sys.stdin.read()
"""


@pytest.fixture
def anyio_backend() -> str:
    """The command line runs on asyncio."""
    return "asyncio"


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What processes run, instead of what takes seconds to load."""
    (tmp_path / "echo.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(children, "_WORK", "echo")


@pytest.mark.usefixtures("echo")
async def test_a_process_is_told_and_heard_until_it_is_killed() -> None:
    """Whoever kills it has heard everything that it has said; a word that it could not finish is none."""
    async with children.children(1) as (child,):
        await child.ready()
        await child.tell(ORDER)
        assert await child.heard() == {
            "url": "u",
            "url_alone": None,
            "model": "m",
            "truth": "",
            "fallbacks": ["n"],
            "directory": "d",
        }
        child.kill()
        assert await child.heard() is None
        child.kill()
        await child.tell(ORDER)
        await child.end()


@pytest.mark.usefixtures("echo")
async def test_no_process_is_left_behind_by_who_is_interrupted() -> None:
    """Whether they were told anything or not."""
    started: list[children.Child] = []
    with anyio.CancelScope() as scope:
        async with children.children(2) as both:
            started += both
            await started[0].ready()
            await started[0].tell(ORDER)
            scope.cancel()
            await anyio.sleep_forever()
    for child in started:
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)


@pytest.mark.usefixtures("echo")
async def test_ctrl_c_is_not_for_them() -> None:
    """They are in no group of the terminal's."""
    async with children.children(1) as (child,):
        assert os.getpgid(child.pid) == child.pid


async def test_one_that_dies_before_it_can_begin_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as where `unbroken` is not found by another process."""
    monkeypatch.setattr(children, "_WORK", "this")  # it says something else, and ends
    with pytest.raises(Problem, match="before it could begin"):
        async with children.children(1) as (child,):
            await child.ready()


async def test_where_no_process_can_be_started_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, with what the system said."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(Problem, match="cannot start a process: No such file"):
        async with children.children(1):
            pytest.fail("there is none")
