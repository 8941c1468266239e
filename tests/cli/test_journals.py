"""Journals that are named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest
from anthropic import AsyncAnthropic
from commands import TEXT, Run
from journalled import ASK

from redis_server import RedisServer, needs_redis
from unbroken import resilient_message
from unbroken.cli.journals import Place
from unbroken.cli.problems import Problem, explain
from unbroken.journal import Codec, SQLiteJournal
from unbroken.testing import ThreadedFaultServer


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("answers.db", "answers.db"),
        ("/var/lib/answers.db", "/var/lib/answers.db"),
        ("sqlite:///answers.db", "answers.db"),
        ("sqlite:////var/lib/answers.db", "/var/lib/answers.db"),
        ("redis://ann:pa55word@redis.internal:6380/2?prefix=chat", "redis://redis.internal:6380/2"),
        ("rediss://:pa55word@redis.internal", "rediss://redis.internal"),
        ("unix://ann:pa55word@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_a_place_is_shown_without_user_and_password(url: str, shown: str) -> None:
    place = Place(url)
    assert str(place) == shown
    assert "pa55word" not in repr(place)


def test_a_password_is_in_no_error_either() -> None:
    """Whoever raises it, and however it is written there."""
    Place("redis://ann:s3cr%40t@redis.internal")
    assert explain(OSError("redis://ann:s3cr%40t@redis.internal, s3cr@t")) == (
        "OSError: redis://ann:[password]@redis.internal, [password]"
    )


@pytest.mark.parametrize(
    "url", ["", "sqlite:///", "postgres://ann:pa55word@db/x", "redis://[::1:pa55word", "://", "redis://a?x=pa55word"]
)
def test_what_names_no_journal_is_a_wrong_command_line(run: Run, url: str) -> None:
    """And nothing of it is repeated."""
    for command in (("host",), ("streams", "list"), ("streams", "purge")):
        ran = run(*command, "--journal", url)
        assert ran.code == 2
        assert "--journal" in ran.err
        assert "pa55word" not in ran.err


def test_it_may_come_from_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a password is not for everybody to see who lists processes."""
    monkeypatch.setenv("UNBROKEN_JOURNAL", str(tmp_path / "answers.db"))
    assert run("streams", "list").sentence == f"there is no journal {tmp_path / 'answers.db'}"
    monkeypatch.delenv("UNBROKEN_JOURNAL")
    assert run("streams", "list").code == 2


def test_a_file_is_made_only_where_streams_are_written(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "answers.db"))
    with pytest.raises(Problem, match="there is no journal"):
        place.journal()
    assert isinstance(place.journal(make=True), SQLiteJournal)


def test_a_file_that_is_no_journal_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Buy oil for the lamp. " * 100)
    assert "is not a database of SQLite" in run("streams", "list", "--journal", str(tmp_path / "notes.txt")).sentence


@pytest.mark.slow
@needs_redis
def test_a_journal_in_redis(run: Run, tmp_path: Path, api: ThreadedFaultServer) -> None:
    """With a prefix of the application's."""
    pytest.importorskip("coredis", reason="needs the extra `redis`")
    from unbroken.journal.redis import RedisJournal

    server = RedisServer(tmp_path).start()
    try:

        async def ask() -> None:
            async with RedisJournal(server.url, prefix="chat") as journal:
                async with AsyncAnthropic(base_url=api.url, api_key="test") as client:
                    await resilient_message(client, **ASK, journal=journal, stream_id="c7/3")

        anyio.run(ask)
        assert run("streams", "list", "--journal", server.url).out == ""
        ran = run("streams", "list", "--journal", f"{server.url}?prefix=chat")
        assert ran.out.splitlines()[1].split()[:2] == ["c7/3", "complete"]
        assert run("streams", "tail", "c7/3", "--journal", f"{server.url}?prefix=chat").out == TEXT + "\n"
    finally:
        server.kill()
    away = run("streams", "list", "--journal", f"redis://:pa55word@127.0.0.1:{server.port}/0")
    assert away.code == 1
    assert "pa55word" not in away.sentence


def test_a_missing_extra_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unbroken.journal.redis", None)
    said = run("streams", "list", "--journal", "redis://:pa55word@127.0.0.1:1").sentence
    assert said == "a journal in Redis needs the extra `redis`: pip install 'unbroken[redis]'"


@pytest.mark.parametrize(
    ("codec", "says"),
    [
        ("codecs_of_the_app", "it has to be MODULE:NAME"),
        ("no_such_module:codec", "No module named 'no_such_module'"),
        ("codecs_of_the_app:nothing", "is not there"),
        ("codecs_of_the_app:TEXT", "is no codec, but a str"),
    ],
)
def test_a_codec_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, says: str
) -> None:
    (tmp_path / "codecs_of_the_app.py").write_text('TEXT = "abc"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "codecs_of_the_app", raising=False)
    monkeypatch.setattr("sys.path", [*sys.path])
    with pytest.raises(Problem, match=says):
        Place("answers.db", codec).journal(make=True)


def test_a_codec_is_found_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by the installed command, which does not look into this directory by itself."""
    (tmp_path / "codecs_of_the_app.py").write_text(
        "from unbroken.journal import Codec\nCODEC = Codec(lambda data, *_: data[::-1], lambda data, *_: data[::-1])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "codecs_of_the_app", raising=False)
    monkeypatch.setattr("sys.path", [each for each in sys.path if each not in ("", str(tmp_path))])
    codec = Place("answers.db", "codecs_of_the_app:CODEC").journal(make=True).codec
    assert isinstance(codec, Codec)
    assert codec.encode(b"abc", "a", 1) == b"cba"
