"""The file of results: whole lines, each once; what is torn is mended, and what is no result is left alone."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from unbroken.runs import result_file
from unbroken.runs.lines import Result, line_of
from unbroken.runs.result_file import ResultFile, ResultFileError, without_failed

GOOD = {"type": "succeeded", "message": {"content": [{"type": "text", "text": "Yes."}]}}


def append(file: ResultFile, custom_id: str, kind: str = "succeeded") -> None:
    file.append(Result(custom_id, kind), line_of(custom_id, {**GOOD, "type": kind}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two results."""
    path = tmp_path / "answers.jsonl"
    file = ResultFile(path)
    append(file, "a")
    append(file, "b", "errored")
    file.close()
    return path


def test_what_is_there_is_known(path: Path) -> None:
    """Also by another process; and only its owner can read it."""
    file = ResultFile(path)
    assert "a" in file
    assert "c" not in file
    assert (len(file), file.counts) == (2, {"succeeded": 1, "errored": 1})
    file.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_line_is_cut_away_wherever_it_was_torn(path: Path) -> None:
    """At each of its bytes. What lacks its line feed alone is whole."""
    whole = path.read_bytes()
    line = line_of("c", GOOD)
    for cut in range(len(line) + 1):
        path.write_bytes(whole + line[:cut])
        file = ResultFile(path)
        is_whole = cut >= len(line) - 1
        assert ("c" in file) == is_whole
        assert path.read_bytes() == whole + (line if is_whole else b"")
        append(file, "d")
        file.close()
        assert path.read_bytes().count(b"\n") == 3 + is_whole


@pytest.mark.parametrize("tail", [b'{"custom_id": "x", "params": {}}\n', b"hello\n", b"hello", b'{"custom_id": "x"}\n'])
def test_another_file_is_left_alone(path: Path, tail: bytes) -> None:
    """Whatever it is, it is somebody's."""
    before = path.read_bytes() + tail
    path.write_bytes(before)
    with pytest.raises(ResultFileError, match=r"line 3 of .* is no result"):
        ResultFile(path)
    assert path.read_bytes() == before


def test_two_runs_cannot_write_one_file(path: Path) -> None:
    """The second is told; when the first has ended, it may."""
    first = ResultFile(path)
    with pytest.raises(ResultFileError, match="another run"):
        ResultFile(path)
    first.close()
    ResultFile(path).close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe cannot be read again; a directory is the system's own error."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ResultFileError, match="no file"):
        ResultFile(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        ResultFile(tmp_path)


@pytest.fixture
def small_disk() -> Iterator[int]:
    """Files may have no more than so many bytes: the system then writes a part of what it is given, as a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, before[1]))
    yield 400
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_no_half_line(path: Path, small_disk: int) -> None:
    """What does not fit is an error, and the file is as it was: also where the system wrote a part of it."""
    file = ResultFile(path)
    before = path.read_bytes()
    with pytest.raises(OSError, match="large") as full:
        file.append(Result("c", "succeeded"), line_of("c", {**GOOD, "padding": "x" * small_disk}))
    assert full.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert "c" not in file
    append(file, "d")
    file.close()
    assert path.read_bytes() == before + line_of("d", GOOD)


def test_failures_are_taken_out(path: Path) -> None:
    """The messages stay, byte for byte, and the file's mode; a file that is not there has none."""
    path.chmod(0o640)
    assert without_failed(path) == 1
    assert path.read_bytes() == line_of("a", GOOD)
    assert path.stat().st_mode & 0o777 == 0o640
    assert without_failed(path) == 0
    assert without_failed(path.with_name("none")) == 0
    assert os.listdir(path.parent) == [path.name]


def test_failures_are_taken_out_as_a_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new file cannot be written, the old one stays."""
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(result_file.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        without_failed(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
