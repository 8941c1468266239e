"""One request, sent once."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import anyio
import httpx2
import pytest
from trio.testing import MockClock

from unbroken.cli.doctor.trial import Trial, ask, plain
from unbroken.testing import (
    AFTER_MESSAGE_START,
    AFTER_MESSAGE_STOP,
    BEFORE_RESPONSE,
    Answer,
    BadJson,
    EndOfFile,
    ErrorEvent,
    FaultServer,
    Reset,
    Script,
    Silence,
    Status,
)

HELLO = plain("claude-opus-5-5")


def asking(script: Script | str, params: dict[str, Any] = HELLO, *, limit: float | None = None) -> tuple[Trial, Any]:
    """What came of a request, and the request as the server saw it; where there is a limit, time is virtual."""

    async def main() -> tuple[Trial, Any]:
        async with FaultServer(script) as server:
            async with anthropic.AsyncAnthropic(base_url=server.url, api_key="k", max_retries=0) as client:
                asked = await ask(client, params, limit=120 if limit is None else limit)
            await server.all_closed()
            return asked, server.requests

    if limit is None:
        return anyio.run(main)
    return anyio.run(main, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})


def test_an_answer_is_read_to_its_end() -> None:
    """With the time of its first content, and the request id."""
    asked, requests = asking("Hello.")
    assert (asked.error, asked.whole, asked.model) == (None, True, "claude-opus-5-5")
    assert asked.first_content is not None
    assert 0 < asked.first_content <= asked.seconds
    assert asked.request_id == requests[0].id
    assert asked.diagnosis({}) is None
    assert asked.to_dict() == {
        "model": "claude-opus-5-5",
        "request_id": asked.request_id,
        "first_content": round(asked.first_content, 3),
        "seconds": round(asked.seconds, 3),
        "whole": True,
    }


def test_the_body_is_sent_as_it_is() -> None:
    """The SDK adds nothing to it and takes nothing away; what is no part of it goes beside."""
    beside = {"betas": ["one", "two"], "extra_headers": {"x-more": "1"}, "extra_query": {"q": "1"}}
    _, (request,) = asking("Hello.", {**HELLO, "a_field_of_tomorrow": {"a": None}, **beside})
    assert request.body == {**HELLO, "a_field_of_tomorrow": {"a": None}, "stream": True}
    assert (request.headers["anthropic-beta"], request.headers["x-more"]) == ("one,two", "1")


def test_what_stands_beside_and_is_nonsense_is_not_sent() -> None:
    """What a header has to be is text."""
    _, (request,) = asking("Hello.", {**HELLO, "betas": "one", "extra_headers": {"x-more": 1}, "extra_query": 1})
    assert request.body == {**HELLO, "stream": True}
    assert (request.headers.get("anthropic-beta"), request.headers["x-more"]) == (None, "1")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Status(500), "server_error"),
        (Status(400), "invalid_request"),
        (ErrorEvent("overloaded_error", at=AFTER_MESSAGE_START), "overloaded"),
        (EndOfFile(at=AFTER_MESSAGE_START), "truncated"),
        (Reset(at=AFTER_MESSAGE_START), "connection_lost"),
        (BadJson(at=AFTER_MESSAGE_START), "malformed"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_goes_wrong_is_a_value(fault: Any, code: str) -> None:
    """Trial once, and never raised; the request id is there, where a response came."""
    asked, requests = asking(Script("Hello.", faults=[fault]))
    found = asked.diagnosis({})
    assert found is not None
    assert found.code == code
    assert asked.request_id == "req_00000001"
    assert len(requests) == 1


def test_what_stands_for_the_model_and_is_no_name_is_not_told() -> None:
    """It may be anything."""
    asked, _ = asking("Hello.", {**HELLO, "model": {"name": "canary"}})
    assert (asked.model, type(asked.error)) == ("no model", anthropic.BadRequestError)


def test_what_breaks_after_the_answer_does_not_break_it() -> None:
    """Its end was seen."""
    asked, _ = asking(Script("Hello.", faults=[EndOfFile(at=AFTER_MESSAGE_STOP)]))
    assert asked.error is None


def test_silence_is_given_up() -> None:
    """Before content it is a failure, and the connection is closed."""
    asked, _ = asking(Script("Hello.", faults=[Silence(at=BEFORE_RESPONSE)]), limit=20)
    assert isinstance(asked.error, anthropic.APITimeoutError)
    assert (asked.first_content, asked.whole, asked.request_id) == (None, False, None)


def test_a_long_answer_is_not_read_to_its_end() -> None:
    """What was to be known is known when content came."""
    asked, _ = asking(Script(Answer("A long answer. " * 99, pace=1.0)), limit=5)
    assert (asked.error, asked.whole) == (None, False)
    assert asked.first_content is not None


def test_a_message_that_ends_with_a_reason_and_nothing_else_is_whole() -> None:
    """As everywhere in the library: a `stop_reason` was seen."""
    events: list[dict[str, Any]] = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=body)

    async def main() -> Trial:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            return await ask(anthropic.AsyncAnthropic(api_key="k", http_client=http), HELLO, limit=60)

    asked = anyio.run(main)
    assert (asked.error, asked.first_content) == (None, None)
