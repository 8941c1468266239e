"""Commands, options, exit codes."""

from __future__ import annotations

import io
import signal
import sys

import pytest
from commands import TEXT, Run, Start

from unbroken import cli
from unbroken.testing import Answer, Script, ThreadedFaultServer


def test_the_versions_are_shown(run: Run) -> None:
    """Ours and the SDK's."""
    ran = run("--version")
    assert ran.code == 0
    assert ran.out.startswith("unbroken 0.")
    assert "anthropic " in ran.out


def test_no_arguments_show_the_help(run: Run) -> None:
    """It names the commands."""
    ran = run()
    assert "demo" in ran.out + ran.err
    assert "chat" in ran.out + ran.err


@pytest.mark.slow
def test_an_output_that_has_no_such_signs_gets_question_marks(
    start: Start, api: ThreadedFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe on Windows, or a terminal of the last century: it is no reason to stop."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    api.play(Script(Answer("Done ✓.")))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    out, err = start("chat", "hi").communicate(timeout=120)
    assert "Done ?." in out, err


def test_a_wrong_command_line_is_exit_code_2(run: Run) -> None:
    """As everywhere."""
    assert run("chat").code == 2
    assert run("chat", "hi", "--max-tokens", "0").code == 2


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_sentence_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback for a missing extra."""
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, "unbroken.cli.app")
    monkeypatch.delitem(sys.modules, "unbroken.cli.runner")
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == "unbroken: the command line needs the extra `cli`: pip install 'unbroken[cli]'"


def test_another_missing_module_is_no_matter_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a bug is not hidden."""
    monkeypatch.setitem(sys.modules, "anyio", None)
    monkeypatch.delitem(sys.modules, "unbroken.cli.app")
    monkeypatch.delitem(sys.modules, "unbroken.cli.runner")
    with pytest.raises(ModuleNotFoundError, match="anyio"):
        cli.main()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_ctrl_c_leaves_the_partial_answer_and_exit_code_130(start: Start, api: ThreadedFaultServer) -> None:
    """What has arrived stays, and no connection is left open."""
    api.play(Script(Answer(TEXT, pace=0.2)))
    process = start("chat", "hi", "--base-url", api.url)
    assert process.stdout is not None
    begun = process.stdout.read(3)
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert TEXT.startswith((begun + rest).rstrip())
    assert err == ""
    api.all_closed()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
@pytest.mark.parametrize("options", [(), ("--race",)], ids=str)
def test_ctrl_c_in_the_demo_is_exit_code_130(start: Start, options: tuple[str, ...]) -> None:
    """Nothing is said on standard error."""
    process = start("demo", *options)
    assert process.stdout is not None
    while "asking" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_who_goes_away_is_no_traceback(start: Start, api: ThreadedFaultServer) -> None:
    """As with `| head`."""
    api.play(Script(Answer(TEXT, pace=0.02)))
    process = start("chat", "hi", "--base-url", api.url)
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=120) == 1


def test_the_question_can_come_on_standard_input(
    run: Run, api: ThreadedFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prompt `-` reads it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("What does a keeper do?\n"))
    assert run("chat", "-", "--base-url", api.url).out.rstrip() == TEXT.rstrip()
    assert api.requests[0].body["messages"] == [{"role": "user", "content": "What does a keeper do?\n"}]


def test_standard_input_that_is_no_text_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are not UTF-8."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), "utf-8"))
    assert run("chat", "-").sentence == "what comes on standard input is not text in UTF-8"
