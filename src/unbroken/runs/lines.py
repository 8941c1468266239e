"""Results as the Message Batches API has them: one line of JSON each, `custom_id` and `result`.

The SDK's own `MessageBatchIndividualResponse` reads them. An `errored` result has one field more, `diagnosis`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import anthropic
import httpx2

from ..core.printable import printable
from ..diagnosis.diagnosis import Diagnosis
from ..diagnosis.postmortem import Told
from ..durable.errors import StreamCancelled
from ..errors import StreamFailed

__all__ = ["KINDS", "Result", "diagnosis_of", "failed", "line_of", "result_of", "succeeded", "told_of"]

#: How a request can end (batch-processing page).
KINDS: Final = frozenset({"succeeded", "errored", "canceled", "expired"})

#: The API's `error.type` for what a request died of, where the API gave none (SDK `types/shared/error_object.py`).
_TYPES: Final[Mapping[str, str]] = {
    "no_credentials": "authentication_error",
    "authentication": "authentication_error",
    "billing": "billing_error",
    "spend_limit": "billing_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "too_large": "invalid_request_error",
    "context_exceeded": "invalid_request_error",
    "prefill_unsupported": "invalid_request_error",
    "invalid_request": "invalid_request_error",
    "rate_limited": "rate_limit_error",
    "acceleration_limit": "rate_limit_error",
    "long_context_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "timed_out": "timeout_error",
    "deadline": "timeout_error",
}


class Result(NamedTuple):
    """How a request ended, as a line says it.

    Attributes:
        custom_id: Of the request.
        kind: One of `KINDS`.
    """

    custom_id: str
    kind: str


def succeeded(message: Any) -> dict[str, Any]:
    """The result of a request whose message is whole; `message` is the SDK's."""
    return {"type": "succeeded", "message": _plain(message)}


def failed(error: Exception) -> dict[str, Any]:
    """The result of a request that could not be answered: why, and what to do next."""
    if isinstance(error, StreamCancelled):
        return {"type": "canceled"}
    found = diagnosis_of(error)
    said = getattr(error, "body", None)
    details = said.get("error") if isinstance(said, Mapping) else None
    type_ = printable(getattr(error, "type", None)) or _TYPES.get(found.code, "api_error")
    message = details.get("message") if isinstance(details, Mapping) else None
    if not isinstance(message, str) or isinstance(error, StreamFailed):
        message = str(error) if isinstance(error, StreamFailed) else found.summary
    request_id = printable(getattr(error, "request_id", None)) or next(reversed(found.request_ids), None)
    body = {"type": "error", "request_id": request_id, "error": {"type": type_, "message": message}}
    return {"type": "errored", "error": body, "diagnosis": told_of(found)}


def told_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """What a result has of a diagnosis."""
    told = diagnosis.to_dict()
    return {name: told[name] for name in ("code", "summary", "next_steps", "request_ids")}


def diagnosis_of(error: Exception) -> Diagnosis:
    """What an error stands for."""
    if isinstance(error, StreamFailed):
        return error.diagnosis
    told = Told(time.time())
    if isinstance(error, anthropic.AnthropicError | httpx2.TransportError):
        told.add(error)
    return told.conclude()


def line_of(custom_id: str, result: Mapping[str, Any]) -> bytes:
    """A result as a line, in ASCII: half of a surrogate pair, which an answer may hold, could not be saved."""
    return json.dumps({"custom_id": custom_id, "result": result}).encode() + b"\n"


def result_of(line: bytes) -> Result | None:
    """What a line says; None: it is no result."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match data:
        case {"custom_id": str(custom_id), "result": {"type": str(kind)}} if kind in KINDS:
            return Result(custom_id, kind)
        case _:
            return None


def _plain(message: Any) -> dict[str, Any]:
    """A message of the SDK's as the API has it, without what was parsed of its text."""
    plain: dict[str, Any] = message.to_dict(mode="json")
    for block in plain.get("content") or ():
        block.pop("parsed_output", None)
    return plain
