"""`unbroken doctor` as it is typed, with the fault server for the API and for its status page."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Ran, Run, Start

from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    Answer,
    EndOfFile,
    ErrorEvent,
    Script,
    Silence,
    Status,
    ThreadedFaultServer,
    after_characters,
)
from unbroken.testing.script.limits import rate_limited
from unbroken.testing.script.poison import Poison, has_keyword, has_parameter, has_text, longer_than
from unbroken.testing.services.service_status import ServiceIncident, ServiceStatus

KEY = "sk-ant-api03-a-key-that-nobody-must-see-WXYZ"
#: Stands in every text of the request.
CANARY = "canary"
MODEL = "claude-opus-5-5"

Doctor = Callable[..., Ran]


def tool(number: int) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": f"{CANARY} {name}"} for name in "abc"}
    schema = {"type": "object", "properties": properties, "required": ["a"]}
    return {"name": f"tool{number}", "description": f"{CANARY} {number}", "input_schema": schema}


def request(**changes: Any) -> dict[str, Any]:
    """A request of forty tools and a conversation, in whose texts the canary sits."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "tool1", "input": {"a": f"{CANARY} input"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": f"{CANARY} result"}
    turns: list[dict[str, Any]] = [
        {"role": ("user", "assistant")[number % 2], "content": f"{CANARY} turn {number}"} for number in range(11)
    ]
    turns += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return {
        "model": MODEL,
        "max_tokens": 1024,
        "system": f"{CANARY} system",
        "metadata": {"user_id": f"{CANARY}-user"},
        "stop_sequences": [f"{CANARY} stop"],
        "tools": [tool(number) for number in range(40)],
        "messages": turns,
        **changes,
    }


POISONED = request(service_tier="auto")
POISONED["tools"][17]["input_schema"]["properties"]["b"]["pattern"] = "^x$"
PATTERN = "tools[17].input_schema.properties.b.pattern"


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """The file of the request."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps(POISONED))
    return path


@pytest.fixture
def doctor(run: Run, api: ThreadedFaultServer, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Runs the command against the server; neither the key nor the canary is ever to be seen."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "200")

    def doctor(*arguments: object, quiet: bool = True) -> Ran:
        ran = run("doctor", *map(str, arguments), "--base-url", api.url, "--status-url", api.url)
        assert KEY not in ran.out + ran.err
        assert not quiet or CANARY not in ran.out + ran.err
        return ran

    return doctor


def steps(ran: Ran) -> dict[str, str]:
    """The sign of each step."""
    lines = [line for line in ran.out.splitlines() if line[:1] in tuple("✓✗!–")]
    return {line[2:13].strip(): line[0] for line in lines}


PREPARED = {"JSON": "✓", "preflight": "✓"}
WELL = {"network": "✓", "key": "✓", "hello": "✓", "status page": "✓"}


def test_without_a_request_the_key_and_a_cheap_model_are_tried(doctor: Doctor, api: ThreadedFaultServer) -> None:
    """Four requests, and what all of it comes to."""
    ran = doctor()
    assert (ran.code, steps(ran)) == (0, WELL)
    assert "ANTHROPIC_API_KEY sk-ant-...WXYZ is accepted" in ran.out
    assert "All is well: every model that was asked answers." in ran.out
    (hello,) = [request for request in api.requests if request.method == "POST"]
    assert hello.body == {
        "model": "claude-haiku-5-5",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Say hello."}],
        "stream": True,
    }


def test_a_request_that_works(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """It is sent as it is, once, after a plain one to its model and to each that is named."""
    ran = doctor(asked, "--model", "claude-haiku-4-5")
    assert (ran.code, steps(ran)) == (0, {**PREPARED, **WELL, "request": "✓"})
    assert "All is well: the request was answered." in ran.out
    posted = [request.body for request in api.requests if request.method == "POST"]
    assert sorted(body["model"] for body in posted[:2]) == ["claude-haiku-4-5", MODEL]
    assert posted[2:] == [{**POISONED, "stream": True}]


def test_a_request_on_standard_input(doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The name is -."""
    path = tmp_path / "stdin"
    path.write_text(json.dumps(request()))
    with path.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert "✓ JSON        standard input: " in doctor("-").out


def test_betas_and_headers_are_sent_as_the_sdk_would(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """They are no part of the body."""
    more = {"betas": ["one", "two"], "extra_headers": {"x-more": "1"}, "extra_query": {"q": "1"}}
    asked.write_text(json.dumps(request(**more)))
    doctor(asked)
    last = api.requests[-1]
    assert (last.headers["anthropic-beta"], last.headers["x-more"]) == ("one,two", "1")
    assert not more.keys() & last.body.keys()


# -- before anything is sent


def test_json_that_is_broken_has_its_place(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """Nothing of it is sent; the rest is looked at all the same."""
    asked.write_text(f'{{\n  "system": "{CANARY}",\n}}')
    ran = doctor(asked)
    assert (ran.code, steps(ran)) == (1, {"JSON": "✗", "network": "✓", "key": "✓", "status page": "✓"})
    assert "line 2, column 21: a comma before the closing bracket." in ran.out
    assert "The request is no valid JSON." in ran.out
    assert [request.method for request in api.requests if request.method == "POST"] == []


def test_json_with_a_byte_order_mark_is_a_warning(doctor: Doctor, asked: Path) -> None:
    """The request is sent without it."""
    asked.write_text(json.dumps(request()), encoding="utf-8-sig")
    ran = doctor(asked)
    assert (ran.code, steps(ran)["JSON"], steps(ran)["request"]) == (0, "!", "✓")


def test_what_preflight_finds_is_told_with_its_fix(doctor: Doctor, asked: Path) -> None:
    """And what the API says of it, which has the last word."""
    asked.write_text(json.dumps(request(tool_choice={"type": "any"})))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["preflight"], steps(ran)["request"]) == (1, "✗", "✗")
    assert "tool_choice" in ran.out
    assert f"{MODEL}: The API rejects the request as invalid (400)" in ran.out


def test_what_the_api_answers_is_well_whatever_preflight_thinks(doctor: Doctor, asked: Path) -> None:
    """The exit code is the API's; of one form by both names nobody says what the API answers."""
    form = {"type": "json_schema", "schema": {"type": "string"}}
    both = {"output_config": {"format": form}, "output_format": form}
    asked.write_text(json.dumps(request(**both, betas=["structured-outputs-2025-11-13"])))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["preflight"], steps(ran)["request"]) == (0, "✗", "✓")


@pytest.mark.parametrize("name", ["model", "max_tokens", "messages"])
def test_a_request_that_lacks_what_it_must_have_is_not_sent(doctor: Doctor, asked: Path, name: str) -> None:
    """That is said, and is no success."""
    asked.write_text(json.dumps({key: value for key, value in request().items() if key != name}))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["request"]) == (1, "–")
    assert f"not sent: it has no {name}" in ran.out


# -- what can go wrong with each step


def test_no_key(doctor: Doctor, monkeypatch: pytest.MonkeyPatch, asked: Path) -> None:
    """What needs none is done; what needs one is said not to be."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    ran = doctor(asked)
    assert ran.code == 1
    assert steps(ran) == {
        **PREPARED,
        "network": "✓",
        "key": "✗",
        "hello": "–",
        "status page": "✓",
        "request": "–",
    }
    assert "not sent: there is no key" in ran.out
    assert "→ Put a key into the environment variable ANTHROPIC_API_KEY." in ran.out


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Status(401), f"{MODEL}: The API does not accept this key (401)."),
        (Status(403), f"{MODEL}: This key may not do what the request asks for (403)."),
        (Status(529), f"{MODEL}: The API is overloaded (529): that is everybody's problem, and not your account's."),
        (rate_limited("input-tokens"), f"{MODEL}: A rate limit of your account is reached (429): input-tokens."),
        (Status(404), f"{MODEL}: The API does not know this model, {MODEL}, or the address is wrong (404)."),
    ],
    ids=["401", "403", "529", "429", "404"],
)
def test_where_a_plain_request_is_not_answered_the_given_one_is_not_sent(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path, fault: Status, said: str
) -> None:
    """It says whose problem it is, with the request id; nothing is asked twice."""
    api.play(Script(then=fault))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["hello"], steps(ran)["request"]) == (1, "✗", "–")
    assert said in ran.out
    assert "Request ids, for support: req_" in ran.out
    assert "unbroken doctor" not in ran.out
    assert len([request for request in api.requests if request.method == "POST"]) == 1


def test_a_rate_limit_is_shown_with_what_is_left(doctor: Doctor, api: ThreadedFaultServer) -> None:
    """As the headers tell."""
    api.play(Script(then=rate_limited("requests", retry_after=7)))
    ran = doctor()
    assert "requests: 0 left, limit 50, resets at " in ran.out
    assert "→ Wait 7 s before you ask again" in ran.out


def test_a_model_that_does_not_exist(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """The others are tried all the same."""
    api.play(Script("Hello.", poison=Poison(has_keyword("pattern"))))
    ran = doctor(asked, "--model", "claude-nobody", "--bisect")
    assert (ran.code, steps(ran)["request"], steps(ran)["bisect"]) == (1, "✗", "✓")
    assert "claude-nobody: The API does not know this model" in ran.out
    assert f"The cause is {PATTERN}: " in ran.out


def test_a_key_that_may_not_list_models_and_works_is_well(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path
) -> None:
    """A gateway may take the key for messages alone."""
    api.play(Script("Hello.", lookups=[Status(401)]))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["key"], steps(ran)["request"]) == (0, "✗", "✓")
    api.play(Script(then=Status(401), lookups=[Status(401)]))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["request"]) == (1, "–")
    assert "ANTHROPIC_API_KEY sk-ant-...WXYZ: The API does not accept this key (401)." in ran.out.split("\n\n")[1]


def test_an_incident_is_told_and_one_waits(doctor: Doctor, api: ThreadedFaultServer) -> None:
    """It is a warning where all is answered, and the first advice where it is not."""
    api.status = ServiceStatus(incidents=[ServiceIncident("Elevated errors")])
    ran = doctor()
    assert (ran.code, steps(ran)["status page"]) == (0, "!")
    api.play(Script(then=Status(529)))
    ran = doctor()
    assert ran.out.index("→ Wait until the status page says") < ran.out.index("→ Ask again later")


def test_a_junk_status_page_is_no_problem(doctor: Doctor, api: ThreadedFaultServer) -> None:
    """What could not be asked is said."""
    api.status = ServiceStatus(raw="<html>")
    ran = doctor()
    assert (ran.code, steps(ran)["status page"]) == (0, "–")


def test_nobody_there(run: Run, asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline it does what it can: the JSON, preflight, and what could not be done."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ran = run("doctor", str(asked), "--base-url", url, "--status-url", url)
    assert steps(ran) == {
        **PREPARED,
        "network": "✗",
        "key": "–",
        "hello": "✗",
        "status page": "–",
        "request": "–",
    }
    assert "nobody listens at its address" in ran.out
    assert ran.code == 1


def test_a_server_that_is_silent_has_its_time(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain request that brings nothing is given up, and the given one is not sent."""
    monkeypatch.setattr("unbroken.cli.doctor.checks.Limits.__init__.__defaults__", (0.1, 0.2, 0.2))
    api.play(Script(then=Silence(at=BEFORE_RESPONSE)))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["hello"], steps(ran)["request"]) == (1, "✗", "–")


# -- the request itself


def test_an_internal_error_where_a_plain_request_is_answered_is_probably_the_payloads(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path
) -> None:
    """And the next step is to bisect."""
    api.play(Script(poison=Poison(has_keyword("pattern"))))
    ran = doctor(asked)
    assert (ran.code, steps(ran)["request"]) == (1, "✗")
    assert "most likely something in it causes that" in ran.out
    assert f"unbroken doctor --bisect {asked}" in ran.out


def test_where_a_plain_request_dies_too_it_is_not_the_payloads(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path
) -> None:
    """Then there is nothing to bisect."""
    api.play(Script(then=Status(500)))
    ran = doctor(asked, "--bisect")
    assert f"✗ hello       {MODEL}: The API had an internal error (500)." in ran.out
    assert "– bisect      a plain request fails too" in ran.out


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (EndOfFile(at=AFTER_MESSAGE_START), "The response ended, as if it were whole"),
        (ErrorEvent("overloaded_error"), "overloaded"),
        pytest.param(Silence(at=AFTER_MESSAGE_START), "nothing came", marks=pytest.mark.slow),
    ],
    ids=["cut", "overloaded", "silent"],
)
def test_a_stream_that_dies_is_a_failure_like_any_other(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path, fault: Any, said: str
) -> None:
    """Also one that ends too early without a word."""
    api.play(Script("Hello.", poison=Poison(has_parameter("tools"), fault)))
    ran = doctor(asked, "--bisect", "--timeout", "5")
    assert (ran.code, steps(ran)["request"], steps(ran)["bisect"]) == (1, "✗", "–")
    assert said in ran.out
    assert "no part of the request causes this" in ran.out


@pytest.mark.slow  # in real time
def test_an_answer_that_takes_long_is_not_read_to_its_end(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path
) -> None:
    """Content has come: that is what was to be known."""
    stops = Silence(at=after_characters(5))
    api.play(Script("A very long answer.", poison=Poison(has_parameter("tools"), stops)))
    ran = doctor(asked, "--timeout", "5")
    assert "not read to its end after 5 s" in ran.out
    assert ran.code == 0


# -- bisecting


@pytest.mark.parametrize(
    ("where", "cause"),
    [
        (has_keyword("pattern", tool="tool17"), PATTERN),
        (has_text(f"{CANARY} turn 6"), "messages[6]"),
        (has_parameter("service_tier"), "service_tier"),
    ],
    ids=["keyword", "turn", "parameter"],
)
def test_bisect_finds_the_part_that_fails(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path, tmp_path: Path, where: Any, cause: str
) -> None:
    """Within its requests, shown as they go; the smallest request goes to a file of its owner's alone."""
    api.play(Script(poison=Poison(where)))
    before = len(api.requests)
    smallest = tmp_path / "smallest.json"
    ran = doctor(asked, "--bisect", "--output", smallest)
    assert (ran.code, steps(ran)["bisect"]) == (1, "✓")
    assert f"The cause is {cause}: with everything else left out it still fails, and the rest works." in ran.out
    assert f"→ Leave out or change {cause}." in ran.out
    assert "parts: usually " in ran.out
    assert " parts still fail" in ran.out
    assert len(api.requests) - before <= 40
    assert where(json.loads(smallest.read_text()))
    assert stat.S_IMODE(smallest.stat().st_mode) == 0o600


def test_bisect_finds_that_a_conversation_is_too_long(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """And says from which turn on."""
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"{CANARY} {n}"} for n in range(41)]
    asked.write_text(json.dumps(request(messages=turns)))
    api.play(Script(poison=Poison(longer_than(30))))
    ran = doctor(asked, "--bisect")
    assert "The cause is the length of the conversation: it fails from messages[" in ran.out
    assert "→ Shorten or summarise the conversation" in ran.out


def test_bisect_of_a_rejection_finds_what_is_rejected(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """Its words are how it is known again; other rejections on the way are not it."""
    asked.write_text(json.dumps(request(speed="nonsense")))
    message = f"speed: Input should be 'standard' or 'fast', not '{CANARY}'"
    api.play(Script(poison=Poison(has_parameter("speed"), Status(400, message=message))))
    ran = doctor(asked, "--bisect")
    assert "The cause is speed" in ran.out


def test_bisect_within_its_requests_and_its_cost(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """It says how far it has come."""
    api.play(Script(poison=Poison(has_keyword("pattern"))))
    ran = doctor(asked, "--bisect", "--max-requests", "5")
    assert "! bisect      over after 5 requests" in ran.out
    assert "→ Bisect again with a higher --max-requests or --max-cost." in ran.out
    ran = doctor(asked, "--bisect", "--max-cost", "0.05")
    assert "ended early: the cost is spent" in ran.out


def test_a_request_that_works_is_not_bisected(doctor: Doctor, api: ThreadedFaultServer, asked: Path) -> None:
    """With --repeat it is sent that often first."""
    ran = doctor(asked, "--bisect", "--repeat", "3")
    assert (ran.code, steps(ran)["bisect"]) == (0, "–")
    assert "the request works now (sent 3 times)" in ran.out


# -- for machines


def test_json_is_one_object_and_the_steps_go_to_standard_error(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path, tmp_path: Path
) -> None:
    """The same goes to a file, if one is named, that its owner alone can read."""
    api.play(Script(poison=Poison(has_keyword("pattern"))))
    report = tmp_path / "report.json"
    ran = doctor(asked, "--bisect", "--json", "--report", report)
    told = json.loads(ran.out)
    assert told == json.loads(report.read_text())
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert (told["version"], told["healthy"], told["interrupted"]) == (1, False, False)
    assert told["verdict"]["code"] == "payload"
    assert told["bisect"]["causes"] == [PATTERN]
    assert "request" not in told["bisect"]
    assert [check["name"] for check in told["checks"]] == [
        *("JSON", "preflight", "network", "key", "hello", "status page", "request"),
    ]
    assert "✗ request" in ran.err
    assert CANARY not in report.read_text()


def test_with_show_content_the_apis_words_and_the_smallest_request_are_shown(
    doctor: Doctor, api: ThreadedFaultServer, asked: Path
) -> None:
    """Never the key, whatever the API quotes."""
    said = Status(500, message=f"it fails on {CANARY} with {KEY}")
    api.play(Script(poison=Poison(has_keyword("pattern"), said)))
    quiet = doctor(asked, "--bisect", "--json")
    assert "it fails on" not in quiet.out + quiet.err
    told = doctor(asked, "--bisect", "--json", "--show-content", quiet=False)
    assert f"it fails on {CANARY} with [ANTHROPIC_API_KEY]" in told.out
    assert json.loads(told.out)["bisect"]["request"]["tools"][0]["name"] == "tool17"


def test_the_sdks_log_shows_nothing(start: Start, api: ThreadedFaultServer, asked: Path) -> None:
    """With ANTHROPIC_LOG=debug it would print the request."""
    os.environ |= {"ANTHROPIC_LOG": "debug", "ANTHROPIC_API_KEY": KEY}
    try:
        process = start("doctor", str(asked), "--base-url", api.url, "--status-url", api.url)
        out, err = process.communicate(timeout=120)
    finally:
        del os.environ["ANTHROPIC_LOG"]
    assert process.returncode == 0, err
    assert CANARY not in out + err
    assert KEY not in out + err


# -- the command line


def test_what_is_no_command_line_is_exit_code_2(run: Run, asked: Path, tmp_path: Path) -> None:
    """A file that is not there, an address that is none, a directory that is not there or in a file's place."""
    assert run("doctor", str(tmp_path / "nothing.json")).code == 2
    assert run("doctor", "--base-url", "localhost").code == 2
    assert run("doctor", "--status-url", "localhost").code == 2
    assert run("doctor", str(asked), "--output", str(tmp_path / "no" / "file")).code == 2
    assert run("doctor", str(asked), "--report", str(tmp_path)).code == 2
    assert run("doctor", "--repeat", "0").code == 2


def test_a_file_that_cannot_be_written_is_one_sentence(doctor: Doctor, tmp_path: Path) -> None:
    """After all that was found was shown."""
    ran = doctor("--report", tmp_path / ("x" * 300))
    assert "All is well" in ran.out
    assert "cannot be written" in ran.err
    assert ran.code == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_leaves_what_was_found_so_far(
    start: Start, api: ThreadedFaultServer, asked: Path, tmp_path: Path, as_json: bool
) -> None:
    """The steps, the smallest request so far, and exit code 130."""
    api.play(Script(Answer("Hello.", pace=0.2), poison=Poison(has_keyword("pattern"))))
    smallest = tmp_path / "smallest.json"
    options = ["--json"] if as_json else []
    urls = ["--base-url", api.url, "--status-url", api.url]
    process = start("doctor", str(asked), "--bisect", "--output", str(smallest), *urls, *options)
    telling = process.stderr if as_json else process.stdout
    assert telling is not None
    while "3. " not in telling.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    shown = " ".join((err if as_json else out).split())
    assert "ended early: it was interrupted" in shown
    assert "The cause is not found yet: it is between " in shown
    assert "Traceback" not in err
    assert len(json.loads(smallest.read_text())["tools"]) >= 17
    if as_json:
        assert json.loads(out)["interrupted"] is True
