"""What `unbroken run` shows of a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from unbroken import BrokenRequest
from unbroken.cli import run_view
from unbroken.runs.progress import Tally


def test_without_a_terminal_there_is_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """And with one, a picture."""
    now = [100.0]
    monkeypatch.setattr(run_view.time, "monotonic", lambda: now[0])
    tally = Tally(0.0)
    tally.succeeded, tally.failed = 90, 10
    progress = tally.progress(50.0, total=1_000, running=(), spent=2.0, unpriced=0)
    plain, written = Console(file=io.StringIO(), width=300), []
    view = run_view.RunView("requests.jsonl", console=plain)
    with view:
        for second in range(30):
            now[0] = 100.0 + second
            view.draw(progress)
            written.append(plain.file.getvalue().count("\n"))  # type: ignore[attr-defined]
    assert [written[n] for n in (0, 9, 10, 19, 20)] == [0, 0, 1, 1, 2]
    line = plain.file.getvalue().splitlines()[0]  # type: ignore[attr-defined]
    assert "100 of 1,000 done, 0 running, 900 waiting, 10 failed" in line
    assert "$2.00 spent of about $20.00, about 8 min left" in line


def test_in_a_terminal_there_is_a_picture() -> None:
    """Unless lines are wanted."""
    tally = Tally(0.0)
    tally.succeeded = 100
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    view = run_view.RunView("requests.jsonl", console=terminal)
    assert view.is_live
    with view:
        view.draw(tally.progress(50.0, total=1_000, running=(), spent=2.0, unpriced=0))
        assert "900 waiting" in terminal.file.getvalue()  # type: ignore[attr-defined]
    assert not run_view.RunView("x", plain=True, console=terminal).is_live


def test_what_comes_often_is_only_counted() -> None:
    """Three of a kind are shown."""
    console = Console(file=io.StringIO(), width=300)
    view = run_view.RunView("requests.jsonl", console=console)
    for number in range(1, 10):
        view.broken(BrokenRequest(number, "it has no custom_id"))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 3
    assert lines[0] == "unbroken: requests.jsonl:1: it has no custom_id"
    assert lines[2].endswith("further ones are only counted")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(4.24, "4.2 s"), (61, "61 s"), (180, "3 min"), (7_800, "2 h 10 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert run_view.duration(seconds) == said
