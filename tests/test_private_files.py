"""Files that only their owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from unbroken.private_files import write_private


def test_it_is_the_owners_alone_whatever_was_there(tmp_path: Path) -> None:
    """Also where an older file was for everybody, and with any umask."""
    path = tmp_path / "handle.json"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        write_private(path, "Ålesund")
    finally:
        os.umask(before)
    assert path.read_text(encoding="utf-8") == "Ålesund"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_file_stays_whole_when_it_cannot_be_replaced(tmp_path: Path) -> None:
    """And nothing else is left behind."""
    path = tmp_path / "handle.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "half\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_private(tmp_path / "nowhere" / "handle.json", "x")


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As root, `--output /dev/null` would take it away from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_private(pipe, "x")
        assert os.read(reader, 9) == b"x"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_directory_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "handle.json").mkdir()
    with pytest.raises(OSError, match=r"handle\.json"):
        write_private(tmp_path / "handle.json", "x")
