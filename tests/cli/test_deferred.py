"""`unbroken deferred`: with the fault server for the API."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from anthropic import AsyncAnthropic
from commands import KEY, TEXT, Run, Start

from unbroken import Deferred, Policy, StreamFailed, defer, resilient_stream
from unbroken.testing import Answer, Batches, Drop, Script, Status, ThreadedFaultServer, ToolUse, after_characters

ASK: Final[dict[str, Any]] = {
    "model": "claude-opus-5-5",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Is the lamp lit?"}],
}


def saved(api: ThreadedFaultServer, path: Path, **changes: Any) -> Deferred[Any]:
    """A request in a batch, as an application leaves it."""

    async def save() -> Deferred[Any]:
        async with AsyncAnthropic(base_url=api.url, api_key=KEY, max_retries=0) as client:
            deferred = await defer(client, **{**ASK, **changes})
            deferred.save(path)
            return deferred

    return anyio.run(save)


def broken(api: ThreadedFaultServer, path: Path) -> None:
    """The rest of a stream that was cut."""

    async def save() -> None:
        async with AsyncAnthropic(base_url=api.url, api_key=KEY) as client:
            try:
                async with resilient_stream(client, **ASK, policy=Policy(max_attempts=1)) as stream:
                    await stream.until_done()
            except StreamFailed as error:
                (await error.defer()).save(path)

    anyio.run(save)


CUT: Final = {"faults": [Drop(at=after_characters(100))], "then": Status(529)}


def test_the_answer_is_the_whole_message(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    """What had arrived, and the rest."""
    handle = tmp_path / "handle.json"
    api.play(Script(Answer(TEXT), **CUT))
    broken(api, handle)
    ran = run("deferred", "get", str(handle), "--base-url", api.url)
    assert (ran.code, ran.out.rstrip("\n")) == (0, TEXT.rstrip("\n"))
    assert ran.err == "msgbatch_00000001: ended, 1 succeeded\n"


def test_in_a_terminal_the_state_lives_in_one_line(
    run: Run, api: ThreadedFaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is gone when the answer is there."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # as rich has it
    saved(api, tmp_path / "handle.json")
    ran = run("deferred", "get", str(tmp_path / "handle.json"), "--base-url", api.url)
    assert ran.out.rstrip("\n") == TEXT.rstrip("\n")
    assert "msgbatch_00000001" in ran.err
    assert "\x1b[2K" in ran.err


def test_it_can_be_json_and_go_to_a_file(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    """Which only its owner can read."""
    handle, out = tmp_path / "handle.json", tmp_path / "answer.json"
    saved(api, handle)
    ran = run("deferred", "get", str(handle), "--base-url", api.url, "--json", "--output", str(out))
    assert (ran.code, ran.out) == (0, "")
    data = json.loads(out.read_text(encoding="utf-8"))
    assert data["message"]["content"][0]["text"] == TEXT
    assert data["report"]["outcome"] == "complete"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_guessed_joint_is_told_of(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    handle = tmp_path / "handle.json"
    strange = "Quite another thing, in other words altogether, and no end in sight. " * 4
    api.play(Script(Answer(TEXT), **CUT))

    async def save() -> None:
        async with AsyncAnthropic(base_url=api.url, api_key=KEY) as client:
            try:
                async with resilient_stream(
                    client, **ASK, policy=Policy(max_attempts=1, on_unmatched="join")
                ) as stream:
                    await stream.until_done()
            except StreamFailed as error:
                api.play(strange)
                (await error.defer()).save(handle)

    anyio.run(save)
    ran = run("deferred", "get", str(handle), "--base-url", api.url)
    assert ran.code == 0
    assert "could not be verified" in ran.err


def test_the_state_can_be_told_without_waiting(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    api.play(Script(TEXT, batches=Batches(seconds=600)))
    saved(api, tmp_path / "handle.json")
    ran = run("deferred", "get", str(tmp_path / "handle.json"), "--base-url", api.url, "--no-wait")
    assert (ran.code, ran.out, ran.err) == (0, "msgbatch_00000001: in_progress, 1 processing\n", "")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (Script(TEXT, batches=Batches(errors=[Status(500)])), "the API could not answer the request (api_error"),
        (Script(TEXT, batches=Batches(seconds=600)), "it has not ended within 0.1 s, and can be asked again"),
        (Script(TEXT, batches=Batches(polls=[Status(401)])), "does not accept this key"),
        (Script(Answer([ToolUse("look", {})])), "the answer has no text; --json shows what it has"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    run: Run, api: ThreadedFaultServer, tmp_path: Path, script: Script, says: str
) -> None:
    api.play(script)
    saved(api, tmp_path / "handle.json", tools=[{"name": "look", "input_schema": {"type": "object"}}])
    ran = run("deferred", "get", str(tmp_path / "handle.json"), "--base-url", api.url, "--timeout", "0.1")
    assert ran.code == 1
    assert says in ran.err.splitlines()[-1]


def test_a_failure_says_where_what_had_arrived_is(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    """It is not lost; and it is not printed."""
    api.play(Script(Answer(TEXT), batches=Batches(errors=[Status(500)]), **CUT))
    broken(api, tmp_path / "handle.json")
    ran = run("deferred", "get", str(tmp_path / "handle.json"), "--base-url", api.url)
    assert f"What had arrived before is in {tmp_path / 'handle.json'}." in ran.err.splitlines()[-1]
    assert TEXT[:20] not in ran.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        ("{", "it is no JSON"),
        ("{}", "holds no deferred request"),
        ("[" * 100_000, "it is no JSON object"),
        ("9" * 5_000, "holds no deferred request"),
    ],
)
def test_a_file_that_is_no_handle(run: Run, tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "handle.json"
    if content is not None:
        path.write_text(content)
    assert says in run("deferred", "get", str(path)).sentence
    assert says in run("deferred", "list", str(path)).sentence


def test_a_list_of_what_was_saved(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    """Files, and those in directories; what is no handle there is passed over, and what the API has forgotten shown."""
    (tmp_path / "notes.json").write_text("{}")
    saved(api, tmp_path / "a.json")
    api.play(Script(TEXT, batches=Batches(seconds=600)))
    saved(api, tmp_path / "b.json")
    forgotten = json.loads((tmp_path / "a.json").read_text()) | {"id": "msgbatch_gone"}
    (tmp_path / "c.json").write_text(json.dumps(forgotten))
    ran = run("deferred", "list", str(tmp_path), "--base-url", api.url)
    head, first, second, third = ran.out.splitlines()
    assert head.split() == ["file", "batch", "state", "requests", "created", "expires"]
    assert f"{tmp_path / 'a.json'}  msgbatch_00000001  ended" in first
    assert "1 succeeded" in first
    assert "in_progress" in second
    assert "1 processing" in second
    assert "msgbatch_gone" in third
    assert "not known to the API" in third
    ran = run("deferred", "list", str(tmp_path / "b.json"), "--base-url", api.url, "--json")
    row = json.loads(ran.out)
    assert (row["batch"], row["state"], row["file"]) == ("msgbatch_00000002", "in_progress", str(tmp_path / "b.json"))


def test_without_files_it_is_what_the_api_lists(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    """The newest first; nothing is printed where there is none."""
    assert run("deferred", "list", "--base-url", api.url).out == ""
    for _ in range(3):
        saved(api, tmp_path / "a.json")
    _, *rows = run("deferred", "list", "--base-url", api.url, "--limit", "2").out.splitlines()
    assert [row.split()[0] for row in rows] == ["msgbatch_00000003", "msgbatch_00000002"]


@pytest.mark.skipif(os.name != "posix", reason="there are no such pipes elsewhere")
def test_a_directory_may_hold_anything(run: Run, api: ThreadedFaultServer, tmp_path: Path) -> None:
    """What is no handle is passed over, and a pipe is not waited for."""
    (tmp_path / "a.json").write_text('{"version": 1, "rest": {"partial": []}, "report": 5}')
    (tmp_path / "b.json").mkdir()
    os.mkfifo(tmp_path / "c.json")
    (tmp_path / "d.json").write_text("[" * 100_000)
    assert "no deferred request" in run("deferred", "list", str(tmp_path), "--base-url", api.url).sentence


def test_an_empty_directory_is_said(run: Run, tmp_path: Path) -> None:
    assert "no deferred request" in run("deferred", "list", str(tmp_path)).sentence


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is another thing elsewhere")
def test_ctrl_c_leaves_and_says_how_to_go_on(start: Start, api: ThreadedFaultServer, tmp_path: Path) -> None:
    """With 130, and no traceback."""
    api.play(Script(TEXT, batches=Batches(seconds=600)))
    saved(api, tmp_path / "handle.json")
    process = start("deferred", "get", str(tmp_path / "handle.json"), "--base-url", api.url)
    while not any(request.method == "GET" for request in api.requests):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    again = f"unbroken deferred get {tmp_path / 'handle.json'} --base-url {api.url}"
    assert err.splitlines()[-1].endswith(f"again with: {again}")
    assert "Traceback" not in err


def test_a_file_without_an_end_is_no_handle(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbroken.cli.deferred._MOST", 1_000)
    assert run("deferred", "get", "/dev/zero").sentence.endswith(
        "holds no deferred request: it has more than 1,000 bytes"
    )


def test_a_terminal_gets_nothing_that_it_would_obey(
    run: Run, api: ThreadedFaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's words, as text and as JSON; a pipe has them as they are."""
    saved(api, tmp_path / "handle.json")
    said = "one\x1b]52;c;aGk=\x07\x9b2J\u202etwo"
    api.play(Script(Answer(said)))
    saved(api, tmp_path / "handle.json")
    get = ("deferred", "get", str(tmp_path / "handle.json"), "--base-url", api.url)
    assert run(*get).out == said + "\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run(*get).out == "one]52;c;aGk=2Jtwo\n"
    (shown,) = run(*get, "--json").out.splitlines()
    assert shown.isprintable()
    assert json.loads(shown)["message"]["content"][0]["text"] == said
