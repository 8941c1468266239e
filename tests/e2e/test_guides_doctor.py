"""What two troubleshooting guides tell people to do by hand, row by row, done for them: by `unbroken doctor`.

The rows that the library keeps are in `test_guides.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from commands import KEY

from unbroken.testing import (
    Poison,
    Script,
    ServiceIncident,
    ServiceStatus,
    Status,
    ThreadedFaultServer,
    all_of,
    has_keyword,
    has_parameter,
    has_text,
    longer_than,
)
from unbroken.testing.script.poison import Where

SECRET: Final = "the keeper's brother never came back"
MODELS: Final = ["claude-opus-5-5", "claude-sonnet-5-5"]
#: "Bisect finds the one poisoned part among 40 in at most 40 requests."
PARTS = REQUESTS = 40

Doctor = Callable[..., Any]


def object_of(**properties: Any) -> dict[str, Any]:
    """The schema of an object with these properties."""
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": [*properties]}


def large() -> dict[str, Any]:
    """A request of many parts: 40 tools, 41 turns, an output format, and parameters; none of them is wrong."""
    deep = object_of(where=object_of(place=object_of(name={"type": "string"}, at={"type": "integer"})))
    turns = [
        {"role": role, "content": f"{SECRET}, part {n}"} for n in range(PARTS // 2) for role in ("user", "assistant")
    ]
    return {
        "model": MODELS[0],
        "max_tokens": 1000,
        "system": [{"type": "text", "text": SECRET}],
        "metadata": {"user_id": "someone"},
        "stop_sequences": ["END"],
        "service_tier": "auto",
        "tools": [{"name": f"tool_{n}", "description": SECRET, "input_schema": deep} for n in range(PARTS)],
        "output_config": {
            "effort": "low",
            "format": {"type": "json_schema", "schema": object_of(answer={"type": "string"})},
        },
        "messages": [*turns, {"role": "user", "content": "And now?"}],
    }


@pytest.fixture
def doctor(
    fault_server: ThreadedFaultServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Doctor:
    """Runs `unbroken doctor` in this process on a request, against the fault server; what it says to machines.

    Whatever happens, it shows neither the key nor the content.
    """
    from unbroken.cli.app import app

    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", fault_server.url)

    def run(request: dict[str, Any] | str | None, *options: str) -> Any:
        arguments = ["doctor", "--status-url", fault_server.url, "--json", *options]
        if request is not None:
            file = tmp_path / "request.json"
            file.write_text(request if isinstance(request, str) else json.dumps(request), encoding="utf-8")
            arguments.append(str(file))
        with pytest.raises(SystemExit) as left:
            app(arguments)
        out, err = capfd.readouterr()
        assert KEY not in out + err
        assert SECRET not in out + err
        return {**json.loads(out), "exit": left.value.code or 0}

    return run


def checks(told: Any, name: str) -> list[Any]:
    """What was found in the checks of that name."""
    return [check for check in told["checks"] if check["name"] == name]


def bisected(doctor: Doctor, server: ThreadedFaultServer, request: dict[str, Any], where: Where) -> dict[str, Any]:
    """What bisecting a request finds that the server answers with a 500 for this."""
    server.play(Script("Fine.", poison=Poison(where)))
    told = doctor(request, "--bisect", "--max-requests", str(REQUESTS))
    found: dict[str, Any] = told["bisect"]
    assert found["verdict"] == "found"
    assert found["requests"] <= REQUESTS
    # Beside the search the request itself was sent, and a minimal one.
    assert len([each for each in server.requests if each.path == "/v1/messages"]) <= REQUESTS + 2
    return found


@pytest.mark.parametrize("parameter", ["metadata", "stop_sequences", "service_tier", "output_config.effort"])
def test_g10_a_500_on_every_request(doctor: Doctor, fault_server: ThreadedFaultServer, parameter: str) -> None:
    """Optional parameters are removed by whoever has the patience: the one that causes it is named."""
    found = bisected(doctor, fault_server, large(), has_parameter(parameter))
    (cause,) = found["causes"]
    assert cause.startswith(parameter)


def test_g10_parts_that_conflict(doctor: Doctor, fault_server: ThreadedFaultServer) -> None:
    """Two parameters that are harmless alone are both named."""
    where = all_of(has_parameter("metadata"), has_parameter("output_config.format"))
    found = bisected(doctor, fault_server, large(), where)
    first, second = sorted(found["causes"])
    assert first.startswith("metadata")
    assert second.startswith("output_config")


@pytest.mark.parametrize("turn", [1, 22, 39])
def test_g11_a_500_on_a_large_conversation(doctor: Doctor, fault_server: ThreadedFaultServer, turn: int) -> None:
    """The turn is named that causes it."""
    request = large()
    request["messages"][turn]["content"] += " \u2620"
    found = bisected(doctor, fault_server, request, has_text("\u2620"))
    (cause,) = found["causes"]
    assert cause.startswith(f"messages[{turn}]")


def test_g11_a_conversation_that_is_too_long_as_such(doctor: Doctor, fault_server: ThreadedFaultServer) -> None:
    """It is said that it is the length, and none of the turns."""
    fault_server.play(Script("Fine.", poison=Poison(longer_than(25))))
    found = doctor(large(), "--bisect", "--max-requests", str(REQUESTS))["bisect"]
    assert found["verdict"] == "length"
    assert found["requests"] <= REQUESTS


def test_g12_a_500_with_an_output_format(doctor: Doctor, fault_server: ThreadedFaultServer) -> None:
    """It is tried without: the format is named."""
    found = bisected(doctor, fault_server, large(), has_parameter("output_config.format"))
    (cause,) = found["causes"]
    assert cause.startswith("output_config")


@pytest.mark.parametrize("tool", [0, 17, 39])
def test_g13_a_500_with_tools(doctor: Doctor, fault_server: ThreadedFaultServer, tool: int) -> None:
    """The keyword is named, deep in the schema of one tool of 40."""
    request = json.loads(json.dumps(large()))
    place = request["tools"][tool]["input_schema"]["properties"]["where"]["properties"]["place"]["properties"]["name"]
    place["pattern"] = "^[a-z]+$"
    found = bisected(doctor, fault_server, request, has_keyword("pattern", tool=f"tool_{tool}"))
    (cause,) = found["causes"]
    assert cause.startswith(f"tools[{tool}].")
    assert cause.endswith(".pattern")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  "model": "claude-opus-5-5",\n  "max_tokens": 10,\n}', "line 3"),
        ('{"model": "claude-opus-5-5" "max_tokens": 10}', "line 1"),
        ('{"model": "claude-opus-5-5"', "line 1"),
        (f"{{'system': '{SECRET}'}}", "line 1"),
    ],
)
def test_g15_the_json_is_validated(doctor: Doctor, fault_server: ThreadedFaultServer, text: str, place: str) -> None:
    """Before it is sent: the place is named, and nothing of it is sent."""
    told = doctor(text)
    assert told["exit"] != 0
    (check,) = [check for check in told["checks"] if check["outcome"] == "problem"]
    assert place in json.dumps(check)
    assert SECRET not in "".join(str(request.body) for request in fault_server.requests)


def test_g15_the_request_is_validated(doctor: Doctor, fault_server: ThreadedFaultServer) -> None:
    """By preflight too, with the place and what to do about it."""
    told = doctor({"model": MODELS[0], "max_tokens": 10, "messages": [], "tool_choice": {"type": "auto"}})
    assert told["exit"] != 0
    assert "messages_empty" in json.dumps(told)
    assert "tool_choice_without_tools" in json.dumps(told)


def test_g16_the_status_page(doctor: Doctor, fault_server: ThreadedFaultServer) -> None:
    """Its indicator and its words; when it is degraded, to wait is among the steps."""
    (well,) = checks(doctor(None, "--model", MODELS[0]), "status page")
    assert (well["outcome"], well["indicator"]) == ("ok", "none")
    fault_server.status = ServiceStatus(incidents=[ServiceIncident("Elevated errors on Claude Opus 5.5")])
    (ill,) = checks(doctor(None, "--model", MODELS[0]), "status page")
    assert (ill["outcome"], ill["indicator"], ill["description"]) == ("warning", "major", "Partial System Outage")
    assert "Elevated errors on Claude Opus 5.5" in ill["details"][0]
    assert "Wait" in ill["next_steps"][0]


def test_g17_a_tiny_request(doctor: Doctor, fault_server: ThreadedFaultServer) -> None:
    """Each model is asked the least, once; the one that does not answer is told from the one that does."""
    fault_server.play(Script("Hello.", models={MODELS[1]: Script(then=Status(529))}))
    told = doctor(None, *(option for model in MODELS for option in ("--model", model)))
    well, ill = checks(told, "hello")
    assert (well["model"], well["outcome"]) == (MODELS[0], "ok")
    assert (ill["model"], ill["outcome"], ill["code"]) == (MODELS[1], "problem", "overloaded")
    sent = [request for request in fault_server.requests if request.path == "/v1/messages"]
    # They are asked at the same time, and may arrive in any order.
    assert {request.model: [request.id] for request in sent} == {
        MODELS[0]: well["request_ids"],
        MODELS[1]: ill["request_ids"],
    }
    assert len(sent) == 2
    assert all(request.body["max_tokens"] <= 100 for request in sent)
