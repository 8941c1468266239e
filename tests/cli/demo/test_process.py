"""What the demo's processes do when the demo is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from unbroken.cli.demo.children import JOURNAL, Order, can_kill
from unbroken.testing import Answer, FaultServer, Script, Silence, ThreadedFaultServer, after_characters

pytestmark = pytest.mark.skipif(not can_kill(), reason="SIGKILL")

TEXT = "The lamp is lit, the glass is clear of salt."


@pytest.fixture
def api() -> Iterator[ThreadedFaultServer]:
    """The API, which falls silent behind the first words."""
    with FaultServer.in_thread(Script(Answer(TEXT), then=Silence(at=after_characters(8)))) as server:
        yield server


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """One of them, which waits for what it is to do."""
    command = [sys.executable, "-W", "error", "-m", "unbroken.cli.demo.process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def said(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """The next thing that it says."""
    assert process.stdout is not None
    return dict(json.loads(process.stdout.readline()))


def end(process: subprocess.Popen[bytes]) -> None:
    """Leave it alone, and see it end: nobody is there any more to tell it anything."""
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("asks", [True, False])
def test_a_process_that_is_left_alone_ends_and_clears_away(
    asks: bool, api: ThreadedFaultServer, process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Whether it streams or stands by: the demo, which would do that, was killed."""
    directory, alone = tmp_path / "journal", api.url if asks else None
    directory.mkdir()
    order = Order(
        url=api.url, url_alone=alone, model="claude-opus-5-5", truth=TEXT, fallbacks=(), directory=str(directory)
    )
    assert said(process) == {"ready": True}
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
    process.stdin.flush()
    waited_for = {"at_work", "text"} if asks else {"at_work"}
    while waited_for:
        waited_for -= said(process).keys()
    assert (directory / JOURNAL).exists()
    end(process)
    assert not directory.exists()
    api.all_closed(timeout=60)


@pytest.mark.slow
def test_a_process_that_was_told_nothing_ends(process: subprocess.Popen[bytes]) -> None:
    """There is nothing to clear away."""
    assert said(process) == {"ready": True}
    end(process)
