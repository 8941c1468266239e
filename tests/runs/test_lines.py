"""Results as the Message Batches API has them, which the SDK's own types read."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types.messages import MessageBatchIndividualResponse
from pydantic import TypeAdapter

from unbroken.runs.lines import Result, diagnosis_of, failed, line_of, result_of

REQUEST = httpx2.Request("POST", "/v1/messages")


def api_error(status: int, type_: Any, message: str = "No.") -> anthropic.APIStatusError:
    body = {"type": "error", "error": {"type": type_, "message": message}}
    response = httpx2.Response(status, request=REQUEST, headers={"request-id": "req_1"})
    client = anthropic.Anthropic(api_key="test")
    return client._make_status_error(message, body=body, response=response)


@pytest.mark.parametrize(
    ("error", "type_", "code"),
    [
        (api_error(400, "invalid_request_error"), "invalid_request_error", "invalid_request"),
        (api_error(529, "overloaded_error"), "overloaded_error", "overloaded"),
        (api_error(429, None), "rate_limit_error", "rate_limited"),
        (api_error(500, None), "api_error", "server_error"),
        (api_error(404, None), "not_found_error", "not_found"),
        (ValueError("the input of a tool call is no JSON"), "api_error", "closed"),
    ],
)
def test_an_error_as_a_line(error: Exception, type_: str, code: str) -> None:
    """Its type is one that the SDK knows, and what to do next stands beside it."""
    line = line_of("a", failed(error))
    data = json.loads(line)
    read: Any = TypeAdapter(MessageBatchIndividualResponse).validate_python(data)
    assert read.result.type == "errored"
    assert read.result.error.error.type == type_
    assert data["result"]["diagnosis"]["code"] == code == diagnosis_of(error).code
    assert data["result"]["diagnosis"]["next_steps"]
    assert result_of(line) == Result("a", "errored")


def test_a_line_is_one_line_of_ascii() -> None:
    """Whatever the answer has: line ends of Unicode, half of a surrogate pair."""
    text = "a\u2028b\u0085c\r\n\ud83d"
    line = line_of("a", {"type": "succeeded", "message": {"content": [{"type": "text", "text": text}]}})
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["result"]["message"]["content"][0]["text"] == text


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'{"custom_id": 7, "result": {"type": "succeeded"}}',
        b'{"custom_id": "a", "result": {"type": "unheard of"}}',
        b'{"custom_id": "a", "result": "succeeded"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_result(line: bytes) -> None:
    assert result_of(line) is None
