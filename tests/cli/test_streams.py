"""`unbroken streams list`, `show` and `tail`: with a journal in a file, as an application leaves it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from commands import TEXT, Run, Start
from journalled import leave, states, write

from unbroken.testing import Answer, Drop, Reset, Script, Silence, Status, ThreadedFaultServer, after_characters

CUT = Script(Answer(TEXT), faults=[Drop(at=after_characters(100))])


@pytest.fixture
def path(api: ThreadedFaultServer, tmp_path: Path) -> Path:
    """A journal with an answer that was cut once, one that its process has left, and one that has failed."""
    path = tmp_path / "answers.db"
    api.play(CUT)
    write(api, path, "c7/2", owner="ann")
    api.play(Script(Answer(TEXT), faults=[Silence(at=after_characters(100))]))
    leave(api, path, "c7/3", owner="bob")
    api.play(Script(Answer(TEXT), then=Status(529)))
    write(api, path, "c7/4", owner="ann")
    return path


def test_a_list_has_what_there_is(run: Run, path: Path) -> None:
    ran = run("streams", "list", "--journal", str(path))
    head, *rows = [re.split(r"\s{2,}", line) for line in ran.out.splitlines()]
    assert head == ["stream", "status", "fence", "entries", "bytes", "age", "orphaned"]
    assert [row[:3] for row in rows] == [["c7/2", "complete", "1"], ["c7/3", "live", "1"], ["c7/4", "failed", "1"]]
    assert [len(row) for row in rows] == [6, 7, 6]
    assert rows[1][-1] == "yes"
    assert all(re.fullmatch(r"\d+ s", row[5]) for row in rows)


def test_an_owners_alone(run: Run, path: Path) -> None:
    """And for machines."""
    ran = run("streams", "list", "--journal", f"sqlite:///{path}", "--owner", "ann", "--json")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    state = states(path)["c7/2"]
    assert [row["stream"] for row in rows] == ["c7/2", "c7/4"]
    assert rows[0] == {
        "stream": "c7/2",
        "status": "complete",
        "fence": 1,
        "entries": state.head,
        "bytes": state.size,
        "age": rows[0]["age"],
        "orphaned": False,
        "created": state.created,
        "ended": state.ended,
    }
    assert run("streams", "list", "--journal", str(path), "--owner", "nobody").out == ""


def test_long_lists_come_in_pages(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under one head."""
    monkeypatch.setattr("unbroken.cli.streams._PAGE", 1)
    ran = run("streams", "list", "--journal", str(path))
    assert [line.split()[0] for line in ran.out.splitlines()] == ["stream", "c7/2", "c7/3", "c7/4"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7_300, "2 h"), (200_000, "2 d")]
)
def test_an_age_has_one_unit(seconds: float, shown: str) -> None:
    from unbroken.cli.streams import _age

    assert _age(seconds) == shown


def test_one_stream_is_shown_with_every_request(run: Run, path: Path) -> None:
    """And nothing of its content."""
    ran = run("streams", "show", "c7/2", "--journal", str(path))
    told = dict(re.findall(r"^(\w+): +(.*)$", ran.out, re.MULTILINE))
    assert told["stream"] == "c7/2"
    assert told["status"] == "complete"
    assert told["characters"] == f"{len(TEXT):,}"
    assert told["requests"] == "2"
    first, second = re.findall(r"^  (\d\. .*)$", ran.out, re.MULTILINE)
    assert first == "1. claude-opus-5-5, request, connection, 100 characters, req_00000001"
    assert second.startswith("2. claude-opus-5-5, continue, complete, ")
    assert TEXT[:20] not in ran.out


def test_one_stream_for_machines(run: Run, path: Path) -> None:
    shown = json.loads(run("streams", "show", "c7/2", "--journal", str(path), "--json").out)
    assert (shown["stream"], shown["api"], shown["characters"]) == ("c7/2", "messages", len(TEXT))
    assert [attempt["outcome"] for attempt in shown["report"]["attempts"]] == ["connection", "complete"]
    assert shown["diagnosis"] is None
    assert TEXT[:20] not in json.dumps(shown)


def test_one_that_has_failed_says_why(run: Run, path: Path) -> None:
    assert "why:" in run("streams", "show", "c7/4", "--journal", str(path)).out
    shown = json.loads(run("streams", "show", "c7/4", "--journal", str(path), "--json").out)
    assert shown["diagnosis"]["code"] == "overloaded"


@pytest.mark.parametrize("command", ["show", "tail", "cancel"])
def test_what_is_not_there_is_said(run: Run, path: Path, command: str) -> None:
    """Another owner's is not there either."""
    for arguments in (("c7/9",), ("c7/2", "--owner", "bob")):
        ran = run("streams", command, *arguments, "--journal", str(path))
        assert ran.sentence == f"there is no stream '{arguments[0]}' in the journal"
    assert "is no id" in run("streams", command, "a b", "--journal", str(path)).sentence
    assert "owner must not be empty" in run("streams", command, "c7/2", "--owner", "", "--journal", str(path)).sentence


def test_the_text_of_a_stream(run: Run, path: Path) -> None:
    ran = run("streams", "tail", "c7/2", "--journal", str(path))
    assert (ran.code, ran.out, ran.err) == (0, TEXT + "\n", "")


def test_the_events_of_a_stream_with_their_positions(run: Run, path: Path) -> None:
    """All of them, and those behind one of them."""
    tail = ("streams", "tail", "c7/2", "--journal", str(path), "--raw")
    lines = [json.loads(line) for line in run(*tail, "--after", "0").out.splitlines()]
    types = [line["event"]["type"] for line in lines]
    assert (types[0], types[-1]) == ("message_start", "message_stop")
    text = "".join(line["event"]["delta"]["text"] for line in lines if line["event"]["type"] == "content_block_delta")
    assert text == TEXT
    position = lines[len(lines) // 2]["position"]
    behind = [json.loads(line) for line in run(*tail, "--after", position).out.splitlines()]
    assert behind == lines[len(lines) // 2 + 1 :]
    snapshot = [json.loads(line)["event"]["type"] for line in run(*tail).out.splitlines()]
    assert snapshot.count("content_block_delta") == 1
    assert "is no position" in run(*tail, "--after", "7").sentence


def test_one_that_has_failed_is_told_of_behind_its_text(run: Run, api: ThreadedFaultServer, path: Path) -> None:
    api.play(Script(Answer(TEXT), faults=[Reset(at=after_characters(100))], then=Status(529)))
    write(api, path, "c7/5")
    ran = run("streams", "tail", "c7/5", "--journal", str(path))
    assert (ran.code, ran.out) == (1, TEXT[:100] + "\n")
    (line,) = ran.err.splitlines()
    assert "the answer could not be finished" in line
    assert "100 characters had arrived" in line
    assert "://" not in line


def test_a_terminal_gets_nothing_that_it_would_obey(
    run: Run, api: ThreadedFaultServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "one\x1b]52;c;aGk=\x07\x9b2J\u202etwo"
    api.play(Script(Answer(said)))
    write(api, path, "c7/5")
    tail = ("streams", "tail", "c7/5", "--journal", str(path))
    assert run(*tail).out == said + "\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run(*tail).out == "one]52;c;aGk=2Jtwo\n"
    assert run(*tail, "--raw").out.replace("\n", "").isprintable()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is another thing elsewhere")
def test_a_stream_that_is_written_is_followed(start: Start, api: ThreadedFaultServer, path: Path) -> None:
    """In another process, until Ctrl-C, which changes nothing for the stream."""
    api.play(Script(Answer(TEXT), faults=[Silence(at=after_characters(100))]))
    leave(api, path, "c7/5", 100)
    process = start("streams", "tail", "c7/5", "--journal", str(path))
    assert process.stdout is not None
    shown = ""
    while len(shown) < 100:
        shown += process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert shown + out == TEXT[:100] + "\n"
    assert process.returncode == 130
    assert "Traceback" not in err
    assert states(path)["c7/5"].status == "live"


def test_a_journal_with_a_codec_is_read_by_it(
    run: Run, api: ThreadedFaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, what there is can be listed, and that it cannot be read is said."""
    import anyio
    from anthropic import AsyncAnthropic

    from unbroken import resilient_message
    from unbroken.journal import Codec, SQLiteJournal

    (tmp_path / "backwards.py").write_text(
        "from unbroken.journal import Codec\nCODEC = Codec(lambda data, *_: data[::-1], lambda data, *_: data[::-1])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*os.sys.path])  # type: ignore[attr-defined]

    async def ask() -> None:
        codec = Codec(lambda data, *_: data[::-1], lambda data, *_: data[::-1])
        async with SQLiteJournal("answers.db", codec=codec) as journal:
            async with AsyncAnthropic(base_url=api.url, api_key="test") as client:
                messages = [{"role": "user", "content": "Hi."}]
                await resilient_message(
                    client, model="claude-opus-5-5", max_tokens=500, messages=messages, journal=journal, stream_id="a"
                )

    anyio.run(ask)
    assert run("streams", "list", "--journal", "answers.db").out.splitlines()[1].split()[:2] == ["a", "complete"]
    assert "no JSON" in run("streams", "tail", "a", "--journal", "answers.db").err
    assert run("streams", "tail", "a", "--journal", "answers.db", "--codec", "backwards:CODEC").out == TEXT + "\n"
    assert run("streams", "show", "a", "--journal", "answers.db", "--codec", "backwards:CODEC").code == 0
