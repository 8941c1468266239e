"""`unbroken streams cancel` and `purge`."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from commands import TEXT, Run
from journalled import leave, states, write

from unbroken.testing import Answer, Script, Silence, ThreadedFaultServer, after_characters


class Terminal(StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def path(api: ThreadedFaultServer, tmp_path: Path) -> Path:
    """A journal with two streams of ann's, of which one was left, and one of bob's."""
    path = tmp_path / "answers.db"
    write(api, path, "c7/2", owner="ann")
    write(api, path, "c7/4", owner="bob")
    api.play(Script(Answer(TEXT), faults=[Silence(at=after_characters(100))]))
    leave(api, path, "c7/3", owner="ann")
    return path


def test_a_stream_is_stopped(run: Run, path: Path) -> None:
    """Once; who reads it is told so behind what had come."""
    cancel = ("streams", "cancel", "c7/3", "--journal", str(path))
    assert run(*cancel).out == "c7/3: stopped\n"
    assert states(path)["c7/3"].status == "cancelled"
    ran = run(*cancel)
    assert (ran.code, ran.out) == (0, "c7/3: it had ended before\n")
    ran = run("streams", "tail", "c7/3", "--journal", str(path))
    assert ran.code == 1
    assert ran.out.strip()
    assert TEXT.startswith(ran.out.strip())
    assert ran.err.startswith("unbroken: somebody has stopped the stream; ")


def test_an_owners_streams_are_deleted(run: Run, path: Path) -> None:
    """Whatever they are at. Where there is no terminal, nobody is asked."""
    assert run("streams", "purge", "--owner", "ann", "--journal", str(path)).out == "2 streams deleted\n"
    assert set(states(path)) == {"c7/4"}
    assert run("streams", "purge", "--owner", "ann", "--journal", str(path)).out == "0 streams deleted\n"


def test_named_streams_are_deleted(run: Run, path: Path) -> None:
    """And what is not there is said."""
    ran = run("streams", "purge", "c7/2", "c7/9", "c7/2", "--journal", str(path))
    assert (ran.out, ran.sentence) == ("1 stream deleted\n", "there is no stream c7/9 in the journal")
    ran = run("streams", "purge", "c7/3", "--owner", "bob", "--journal", str(path))
    assert ran.sentence == "there is no stream c7/3 in the journal"
    assert set(states(path)) == {"c7/3", "c7/4"}


def test_what_is_over_is_deleted(run: Run, path: Path) -> None:
    """As long as the journal's own options say, unless others are given."""
    assert run("streams", "purge", "--journal", str(path)).out == "0 streams deleted\n"
    assert run("streams", "purge", "--retention", "0", "--journal", str(path)).out == "2 streams deleted\n"
    assert set(states(path)) == {"c7/3"}
    assert run("streams", "purge", "--orphan-retention", "0", "--journal", str(path)).out == "1 stream deleted\n"


@pytest.mark.parametrize(
    ("arguments", "asks"),
    [
        (["--owner", "ann"], "Delete 2 streams (1 of them not ended) in {path} for good?"),
        (["c7/2"], "Delete 1 stream in {path} for good?"),
        (["--retention", "0"], "Delete the streams whose time is over in {path} for good?"),
    ],
)
def test_in_a_terminal_it_asks_first(
    run: Run, path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], asks: str
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\ny\n"))
    purge = ("streams", "purge", *arguments, "--journal", str(path))
    ran = run(*purge)
    assert asks.format(path=path) in ran.err
    assert ran.err.splitlines()[-1].endswith("nothing was deleted")
    assert (ran.code, len(states(path))) == (1, 3)
    assert run(*purge).code == 0
    assert len(states(path)) < 3


def test_no_answer_is_no(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    ran = run("streams", "purge", "c7/2", "--journal", str(path))
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "unbroken: nothing was deleted")
    assert "c7/2" in states(path)


def test_who_is_sure_is_not_asked(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    ran = run("streams", "purge", "--owner", "ann", "--yes", "--journal", str(path))
    assert (ran.out, ran.err) == ("2 streams deleted\n", "")


def test_where_nothing_is_meant_nobody_is_asked(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    assert run("streams", "purge", "--owner", "nobody", "--journal", str(path)).out == "0 streams deleted\n"
