"""One question to the API, with the fault server for the API."""

from __future__ import annotations

import io
import json
import os
import socket

import pytest
from commands import TEXT, Run

from unbroken import Report
from unbroken.cli.chat import Question, _Output
from unbroken.report import Notice
from unbroken.testing import Answer, ErrorEvent, Script, Status, Thinking, ThreadedFaultServer, ToolUse

CUT = Script(Answer(TEXT), faults=[ErrorEvent("overloaded_error")])


def test_the_answer_survives_an_overload(run: Run, api: ThreadedFaultServer) -> None:
    api.play(CUT)
    ran = run("chat", "hi", "--base-url", api.url)
    assert ran.code == 0
    assert ran.out.rstrip("\n") == TEXT.rstrip("\n")
    assert "overloaded" in ran.err
    assert "2 requests, 1 resume, " in ran.err.splitlines()[-1]


def test_quiet_leaves_standard_error_alone(run: Run, api: ThreadedFaultServer) -> None:
    api.play(CUT)
    ran = run("chat", "hi", "--base-url", api.url, "--quiet")
    assert (ran.code, ran.out.rstrip(), ran.err) == (0, TEXT.rstrip(), "")


def test_the_options_reach_the_request(run: Run, api: ThreadedFaultServer) -> None:
    api.play(Script(TEXT, models={"claude-opus-5-5": Script(then=Status(404))}))
    options = ["--model", "claude-opus-5-5", "--fallback", "claude-haiku-4-5", "--system", "Be brief.", "--max-tokens"]
    assert run("chat", "hi", "--base-url", api.url, *options, "77").code == 0
    first, second = (request.body for request in api.requests)
    assert (first["model"], second["model"]) == ("claude-opus-5-5", "claude-haiku-4-5")
    assert (second["system"], second["max_tokens"]) == ("Be brief.", 77)


def test_json_is_one_event_a_line_and_the_report_at_the_end(run: Run, api: ThreadedFaultServer) -> None:
    api.play(CUT)
    ran = run("chat", "hi", "--base-url", api.url, "--json")
    assert ran.code == 0
    *events, last = [json.loads(line) for line in ran.out.splitlines()]
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    assert "".join(event["text"] for event in events if event["type"] == "text") == TEXT
    assert not any("snapshot" in event for event in events)
    assert last.pop("type") == "report"
    report = {name: value for name, value in last.items() if name != "usage"}
    assert len(Report.from_dict(report).attempts) == 2


def test_json_of_thinking_and_of_tool_calls_parses(run: Run, api: ThreadedFaultServer) -> None:
    api.play(Script(Answer([Thinking("Hm."), "Well.", ToolUse("look", {"where": "out"})])))
    ran = run("chat", "hi", "--base-url", api.url, "--json")
    assert ran.code == 0
    blocks = [event["content_block"] for event in map(json.loads, ran.out.splitlines()) if "content_block" in event]
    assert [block["type"] for block in blocks][1::2] == ["thinking", "text", "tool_use"]


def test_an_answer_that_cannot_be_finished_is_left_as_far_as_it_came(run: Run, api: ThreadedFaultServer) -> None:
    api.play(Script(Answer(TEXT), faults=[ErrorEvent()], then=Status(529)))
    ran = run("chat", "hi", "--base-url", api.url, "--attempts", "1", "--quiet")
    assert TEXT.startswith(ran.out.rstrip())
    assert ran.out.strip()
    assert ran.sentence.startswith("the API is overloaded (529): that is everybody's problem, ")
    assert "(the answer could not be finished: " in ran.sentence
    assert "req_00000001, req_00000002" in ran.sentence


def test_json_ends_with_the_report_of_a_failure_too(run: Run, api: ThreadedFaultServer) -> None:
    api.play(Script(then=Status(529)))
    ran = run("chat", "hi", "--base-url", api.url, "--attempts", "1", "--json", "--quiet")
    (line,) = ran.out.splitlines()
    assert json.loads(line)["outcome"] == "failed"
    assert "overloaded" in ran.sentence


def test_a_deadline_ends_it(run: Run, api: ThreadedFaultServer) -> None:
    api.play(Script(Answer(TEXT, pace=10)))
    ran = run("chat", "hi", "--base-url", api.url, "--deadline", "0.2", "--quiet")
    assert "the deadline of 0.2 s has passed" in ran.sentence


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "the API does not accept this key (401). Check that the key is whole, "),
        (400, "the API rejects the request as invalid (400). "),
    ],
)
def test_what_the_api_will_never_accept_is_diagnosed(
    run: Run, api: ThreadedFaultServer, status: int, said: str
) -> None:
    api.play(Script(then=Status(status)))
    sentence = run("chat", "hi", "--base-url", api.url).sentence
    assert sentence.startswith(said)
    assert sentence.endswith(f"(asked {api.url}; request ids: req_00000001)")


def test_a_model_that_does_not_exist(run: Run, api: ThreadedFaultServer) -> None:
    sentence = run("chat", "hi", "--base-url", api.url, "--model", "claude-nobody").sentence
    assert sentence.startswith("the API does not know this model, claude-nobody, or the address is wrong (404).")


def test_nobody_there(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ran = run("chat", "hi", "--base-url", url, "--attempts", "1", "--quiet")
    assert ran.sentence.startswith(
        "the connection to the API was refused: nobody listens at its address. Check base_url"
    )
    assert f"asked {url}: 1 request to claude-sonnet-5-5; request ids: none" in ran.sentence


def test_no_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert run("chat", "hi").sentence.startswith("there is no API key: ")


def test_a_key_with_a_line_break_is_not_sent_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "one\ntwo")
    sentence = run("chat", "hi").sentence
    assert sentence == "ANTHROPIC_API_KEY is not a key: it has characters that no key has"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([" "], "there is no question"),
        (["hi", "--base-url", "api"], "api is no address of an API"),
        (["hi", "--deadline", "0"], "Policy.deadline must be above 0 seconds"),
    ],
)
def test_what_cannot_be_asked(run: Run, arguments: list[str], said: str) -> None:
    assert run("chat", *arguments).sentence.startswith(said)


def test_what_the_answer_was_stopped_by_is_told(run: Run, api: ThreadedFaultServer) -> None:
    assert "the answer is longer than --max-tokens" in run("chat", "hi", "--base-url", api.url, "--max-tokens", "4").err


def test_on_a_shared_terminal_a_notice_begins_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout, stderr = Terminal(), Terminal()
    monkeypatch.setattr("sys.stdout", stdout)
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setitem(os.environ, "TERM", "xterm")
    output = _Output(Question(prompt="hi", model="m"))
    output.text("The lamp")
    output.notice(Notice("cut", "the stream was cut", 1, "m", None, 1.0))
    output.text(" is lit.\n")
    output.notice(Notice("cut", "the stream was cut", 2, "m", None, 2.0))
    assert stdout.getvalue() == "The lamp\n is lit.\n"
    assert stderr.getvalue().count("the stream was cut") == 2


#: What a terminal would obey: the clipboard, a screen cleared with one character for the escape, a direction.
OBEYED = "\x1b]52;c;aGk=\x07one\x9b2J\u202etwo\r\x08\n\tthree 👩\u200d🚀"
SHOWN = "]52;c;aGk=one2Jtwo\n\tthree 👩\u200d🚀"


def test_a_terminal_gets_nothing_that_it_would_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever pieces it comes."""
    stdout = Terminal()
    monkeypatch.setattr("sys.stdout", stdout)
    output = _Output(Question(prompt="hi", model="m"))
    for character in OBEYED:
        output.text(character)
    assert stdout.getvalue() == SHOWN


def test_json_in_a_terminal_is_the_same_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """With escapes for what it would obey."""
    stdout = Terminal()
    monkeypatch.setattr("sys.stdout", stdout)
    output = _Output(Question(prompt="hi", model="m", as_json=True))
    output.line(json.dumps(OBEYED, ensure_ascii=False))
    assert stdout.getvalue().replace("\u200d", "").rstrip("\n").isprintable()
    assert json.loads(stdout.getvalue()) == OBEYED


def test_a_pipe_gets_the_answer_as_it_is(run: Run, api: ThreadedFaultServer) -> None:
    api.play(Script(Answer(OBEYED)))
    assert run("chat", "hi", "--base-url", api.url).out == OBEYED + "\n"


def test_standard_input_without_an_end_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbroken.cli.input._MOST", 1_000)
    monkeypatch.setattr("sys.stdin", io.StringIO("a" * 2_000))
    assert run("chat", "-").sentence == "what comes on standard input has more than 1,000 characters"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
