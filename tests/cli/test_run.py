"""`unbroken run`: a file of requests to a file of results, and what is said on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
import pytest
from anthropic.types.messages import MessageBatchIndividualResponse
from commands import TEXT, Run, Start
from pydantic import TypeAdapter

from unbroken.testing import (
    Answer,
    Poison,
    Script,
    Status,
    ThreadedFaultServer,
    after_characters,
    has_text,
)
from unbroken.testing.script.faults.fault import ResponseFault
from unbroken.testing.script.faults.place import At


def write(path: Path, numbers: Iterable[int], **params: Any) -> Path:
    """A file of requests."""
    lines = []
    for number in numbers:
        said = [{"role": "user", "content": f"Question {number}: is the lamp lit?"}]
        own = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": said, **params}
        lines.append(json.dumps({"custom_id": f"q{number}", "params": own}))
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path) -> dict[str, Any]:
    """The results of a file, each once, as the SDK's own types read them."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        TypeAdapter(MessageBatchIndividualResponse).validate_python(line)
    assert len({line["custom_id"] for line in lines}) == len(lines)
    return {line["custom_id"]: line["result"] for line in lines}


def texts(path: Path) -> set[str]:
    """The texts in a file of results."""
    return {"".join(block["text"] for block in result["message"]["content"]) for result in read(path).values()}


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Six requests, and where their results go."""
    return str(write(tmp_path / "requests.jsonl", range(6))), str(tmp_path / "answers.jsonl")


def test_a_run_and_a_second_one(api: ThreadedFaultServer, run: Run, files: tuple[str, str], tmp_path: Path) -> None:
    """All is answered, once; the summary has counts and costs; and the second has nothing to do."""
    report = tmp_path / "summary.json"
    ran = run("run", *files, "--base-url", api.url, "--report", str(report))
    assert (ran.code, ran.out) == (0, "")
    assert "6 of 6 done, 0 failed" in ran.err
    assert texts(Path(files[1])) == {TEXT}
    summary = json.loads(report.read_text())
    assert summary["outcome"] == "complete"
    assert (summary["total"], summary["done"], summary["succeeded"], summary["failed"]) == (6, 6, 6, 0)
    assert summary["attempts"] == {"complete": 6}
    assert summary["models"] == {"claude-haiku-4-5": 6}
    assert summary["spent"] > 0
    assert TEXT[:20] not in ran.err + report.read_text()
    again = run("run", *files, "--base-url", api.url)
    assert again.code == 0
    assert "6 of 6 done, 6 of them before" in again.err
    assert len(api.requests) == 6


def test_what_fails_is_told_with_its_line(api: ThreadedFaultServer, run: Run, tmp_path: Path) -> None:
    """The first of each kind, without content; broken lines too; the exit code says that not all is well."""
    requests, output = write(tmp_path / "requests.jsonl", range(5)), tmp_path / "answers.jsonl"
    with requests.open("a") as file:
        file.write('{"custom_id": "half\n')
    api.play(Script(Answer(TEXT), poison=Poison(has_text("Question 2:"), Status(400))))
    ran = run("run", str(requests), str(output), "--base-url", api.url, "--concurrency", "1")
    assert ran.code == 1
    assert f"unbroken: {requests}:6: the line is no JSON" in ran.err
    assert f"unbroken: q2 ({requests}:3): " in ran.err
    assert "failed of: invalid_request 1" in ran.err
    assert "Question" not in ran.err
    assert {custom_id: result["type"] for custom_id, result in read(output).items()} == {
        **{f"q{n}": "succeeded" for n in range(5)},
        "q2": "errored",
    }
    api.play(Script(Answer(TEXT)))
    asked = len(api.requests)
    assert run("run", str(requests), str(output), "--base-url", api.url, "--retry-failed").code == 1
    assert len(api.requests) == asked + 1
    assert texts(output) == {TEXT}


def test_options_are_heeded(api: ThreadedFaultServer, run: Run, files: tuple[str, str], tmp_path: Path) -> None:
    """Another model, its fallback, another journal; and what ends a run is one sentence at its end."""
    api.play(Script(Answer(TEXT), models={"claude-opus-5-5": Script(then=Status(404))}))
    journal = tmp_path / "journal.db"
    options = ("--model", "claude-opus-5-5", "--fallback", "claude-sonnet-5-5", "--journal", str(journal))
    assert run("run", *files, "--base-url", api.url, *options).code == 0
    assert {each.body["model"] for each in api.requests} == {"claude-opus-5-5", "claude-sonnet-5-5"}
    assert journal.exists()
    other = str(tmp_path / "other.jsonl")
    ran = run("run", files[0], other, "--base-url", api.url, "--max-cost", "0.000001", "--concurrency", "1")
    assert ran.code == 1
    assert "The budget of $0.00 does not reach any further" in ran.err.splitlines()[-1]
    api.play(Script(Answer(TEXT), then=Status(400)))
    ran = run("run", files[0], other, "--base-url", api.url, "--max-failures", "2", "--concurrency", "1")
    assert "2 requests have failed. Started again, the run goes on where it was." in ran.err.splitlines()[-1]


def test_a_wrong_key_ends_it_at_once(api: ThreadedFaultServer, run: Run, files: tuple[str, str]) -> None:
    """And is no result of any request."""
    api.play(Script(then=Status(401)))
    ran = run("run", *files, "--base-url", api.url, "--concurrency", "1")
    assert ran.code == 1
    assert "key" in ran.err.splitlines()[-1]
    assert read(Path(files[1])) == {}


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda output: output.mkdir(), "Is a directory"),
        (lambda output: output.write_text("hello\n"), "is no result"),
        (lambda output: old_journal(Path(f"{output}.journal")), "version"),
        (lambda output: Path(f"{output}.batches").write_text("{}"), "does not say which batches"),
    ],
)
def test_what_cannot_be_used_is_left_as_it_is(
    api: ThreadedFaultServer, run: Run, files: tuple[str, str], prepare: Callable[[Path], object], said: str
) -> None:
    """One sentence says why, and nothing is asked."""
    prepare(Path(files[1]))
    before = {path: path.read_bytes() for path in Path(files[1]).parent.iterdir() if path.is_file()}
    ran = run("run", *files, "--base-url", api.url)
    assert ran.code == 1
    assert said in ran.err.splitlines()[-1]
    assert not api.requests
    assert {path: path.read_bytes() for path in before} == before


def old_journal(path: Path) -> None:
    """A journal of a version to come."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {0x756E6272}")
        connection.execute("PRAGMA user_version = 999")
    connection.close()


def test_a_dry_run_sends_nothing(api: ThreadedFaultServer, run: Run, tmp_path: Path) -> None:
    """It counts, estimates, and tells what the API would not take, for the whole file; no key is needed."""
    requests, output = write(tmp_path / "requests.jsonl", range(40)), tmp_path / "answers.jsonl"
    with requests.open("a") as file:
        file.write("[]\n")
    assert run("run", str(write(tmp_path / "some.jsonl", range(3))), str(output), "--base-url", api.url).code == 0
    asked = len(api.requests)
    ran = run("run", str(requests), str(output), "--dry-run", "--rpm", "10")
    assert ran.code == 1
    assert ran.out.splitlines()[0] == "37 requests to ask: claude-haiku-4-5 37"
    assert f"3 results in {output}: not asked again" in ran.out
    assert "1 broken: left out" in ran.out
    assert "answers: at most 18,500 tokens, $0.09" in ran.out
    assert "time:    at most about 4 min" in ran.out
    bad = write(tmp_path / "bad.jsonl", range(3), temperature=7)
    ran = run("run", str(bad), str(tmp_path / "none.jsonl"), "--dry-run")
    assert ran.code == 1
    assert f"error: {bad}:1 and 2 more: " in ran.out
    assert len(api.requests) == asked
    assert not (tmp_path / "none.jsonl").exists()


#: In the middle of an answer.
PLACE: Final = after_characters(40)


@dataclass(frozen=True)
class Held(ResponseFault):
    """Nothing is sent until somebody says so."""

    gate: threading.Event
    at: At = PLACE

    async def play(self, wire: Any) -> None:
        """Wait."""
        await anyio.to_thread.run_sync(self.gate.wait, abandon_on_cancel=True)


@pytest.mark.parametrize("interrupts", [1, 2])
def test_ctrl_c(api: ThreadedFaultServer, run: Run, start: Start, tmp_path: Path, interrupts: int) -> None:
    """Once: what runs is finished, and nothing more is asked. Twice: it is left, and gone on with by the next run."""
    requests, output = write(tmp_path / "requests.jsonl", range(4)), tmp_path / "answers.jsonl"
    gate = threading.Event()
    api.play(Script(Answer(TEXT), faults=[Held(gate)] * 2))
    process = start("run", str(requests), str(output), "--base-url", api.url, "--concurrency", "2")
    until(lambda: [len(each.sent_text) for each in api.requests] == [40, 40])
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "finishing what runs (2)" in process.stderr.readline()
    if interrupts == 2:
        process.send_signal(signal.SIGINT)
    else:
        gate.set()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "started again, the run goes on where it was" in err
    gate.set()
    assert len(read(output)) == (2 if interrupts == 1 else 0)
    assert len(api.requests) == 2
    assert run("run", str(requests), str(output), "--base-url", api.url).code == 0
    assert texts(output) == {TEXT}
    assert len(api.requests) == (4 if interrupts == 1 else 6)


@pytest.mark.slow
def test_a_full_disk(api: ThreadedFaultServer, run: Run, start: Start, tmp_path: Path) -> None:
    """One sentence; and when there is room again, the run goes on, and every result is there once."""
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    requests = write(tmp_path / "requests.jsonl", range(24), system="x" * 40_000)
    output = tmp_path / "answers.jsonl"
    process = start("run", str(requests), str(output), "--base-url", api.url, "--concurrency", "2")
    # The system refuses what makes a file longer, as it does on a disk that is full.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (300_000, 300_000))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "journal" in err.splitlines()[-1]
    assert run("run", str(requests), str(output), "--base-url", api.url).code == 0
    assert len(read(output)) == 24
    assert texts(output) == {TEXT}


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so; what never becomes so fails."""
    pause = threading.Event()
    for _ in range(12_000):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it has not come to that")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--journal", "ftp://x"), "--journal"),
        (("--report", os.path.join("no", "such", "file")), "--report"),
        (("--concurrency", "0"), "--concurrency"),
    ],
)
def test_a_wrong_command_line(run: Run, files: tuple[str, str], arguments: tuple[str, ...], said: str) -> None:
    """Is told before anything is opened."""
    ran = run("run", *files, *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert not Path(files[1]).exists()
