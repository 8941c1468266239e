"""How each platform words its responses: the frames of a stream, the errors, the names of its headers.

What is said of the Claude API, of Bedrock's streams and of Foundry's follows what was recorded of them; what is said of
Bedrock's errors follows botocore's service model of `bedrock-runtime` and the documentation of its `ResponseStream`;
what is said of Vertex AI's errors follows what its users report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Any, Final, TypeAlias

from unbroken.testing.script.faults import ErrorEvent, Status
from unbroken.testing.script.limits import RateLimitName, limit_headers
from unbroken.testing.wire import pings
from unbroken.testing.wire.eventstream import FILLER, chunk_message, event_message, exception_message
from unbroken.testing.wire.http import error_body, frame
from unbroken.testing.wire.shapes import BEDROCK_SHAPE, FOUNDRY_SHAPE, NEWEST_SHAPE, VERTEX_SHAPE, Shape

__all__ = ["BEDROCK", "FIRST_PARTY", "FOUNDRY", "VERTEX", "Dialect", "Placing"]

_Event: TypeAlias = dict[str, Any]
#: Puts pings among events.
Placing: TypeAlias = Callable[[Iterable[_Event], Random], Iterator[_Event]]

_WRONG_KEY: Final = "API key is invalid."
_TYPES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("invalid_request_error", "The request is invalid."),
    401: ("authentication_error", _WRONG_KEY),
    402: ("billing_error", "Your credit balance is too low."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    408: ("timeout_error", "Request timed out"),
    409: ("conflict_error", "Conflict"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_MESSAGES: Final[Mapping[str, str]] = dict(_TYPES.values())
#: Spaces before the last bracket of an event at most.
_MOST_PADDING: Final = 15
#: What the statuses say of which it was recorded.
_SHOULD_RETRY: Final = {400: "false", 401: "false", 404: "false", 429: "true", 529: "true"}
_ORGANIZATION: Final = {
    "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
    "anthropic-workspace-id": "wrkspc_fault_server",
}
#: What the API's own front door adds.
_FRONT_DOOR: Final = {
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    "server": "cloudflare",
    "cf-cache-status": "DYNAMIC",
    "x-robots-tag": "none",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "vary": "Accept-Encoding",
}
#: What an organisation of a high tier may do in a minute; any plausible numbers would do.
_ALLOWED: Final[Mapping[RateLimitName, int]] = {
    "requests": 4_000,
    "input-tokens": 2_000_000,
    "output-tokens": 400_000,
    "tokens": 2_400_000,
}


class Dialect:
    """The Claude API's own: server-sent events. Claude Platform on AWS and Bedrock's Mantle are taken to speak it too.

    Attributes:
        content_type: Of a stream.
        shape: What of a message is sent.
        pings: Puts the pings of a healthy stream among its events; None: the platform sends none.
    """

    content_type: str = "text/event-stream; charset=utf-8"
    shape: Shape = NEWEST_SHAPE
    pings: Placing | None = staticmethod(pings.anywhere)

    def headers(self, request_id: str) -> dict[str, str]:
        """What every response has."""
        return {"request-id": request_id, **_FRONT_DOOR}

    def accepted(self, now: datetime) -> dict[str, str]:
        """What the response with a message has beside that.

        Args:
            now: When it is answered, in UTC.
        """
        left: dict[RateLimitName, int] = {**_ALLOWED, "requests": _ALLOWED["requests"] - 1}
        return {"cache-control": "no-cache", **limit_headers(_ALLOWED, left, now), **_ORGANIZATION}

    def events(self, events: Iterable[_Event], rng: Random) -> Iterator[_Event]:
        """The events of a healthy stream, as the platform sends them, with its pings.

        Args:
            events: Those of the Claude API, without pings.
            rng: Decides where the pings fall.
        """
        told = map(self.shape.event, events)
        return told if self.pings is None else self.pings(told, rng)

    def frame(self, event: Mapping[str, Any], rng: Random) -> bytes:
        """One event of a stream.

        Args:
            event: The event.
            rng: Decides how it is padded.
        """
        return frame(event, rng.randint(0, _MOST_PADDING))

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        """A complete frame of malformed JSON."""
        return frame(event).replace(b"}\n\n", b"\n\n").replace(b'":', b'"', 1)

    def error_frame(self, fault: ErrorEvent, request_id: str, rng: Random) -> bytes:
        """An error in the middle of a stream."""
        error = {
            "details": None if fault.details is None else dict(fault.details),
            "type": fault.type,
            "message": fault.message or _MESSAGES.get(fault.type, "Error"),
        }
        return self.frame({"type": "error", "error": error, "request_id": request_id}, rng)

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        """The status, the headers and the body of an error instead of a stream."""
        headers = {"x-should-retry": _SHOULD_RETRY[fault.status]} if fault.status in _SHOULD_RETRY else {}
        # Whose key is wrong belongs to no organisation.
        known = {} if fault.status == 401 else _ORGANIZATION
        return fault.status, {**known, **headers, **fault.headers}, _error_body(fault, request_id)


def _error_body(fault: Status, request_id: str) -> dict[str, Any]:
    kind, message = _TYPES.get(fault.status, ("api_error" if fault.status >= 500 else "invalid_request_error", "Error"))
    message = fault.message or message
    return error_body(fault.type or kind, message, None if message == _WRONG_KEY else request_id, fault.details)


class _Foundry(Dialect):
    """Microsoft Foundry: the Claude API's events in the shape of November 2025, and Azure's headers."""

    shape = FOUNDRY_SHAPE
    pings: Placing | None = staticmethod(pings.after_first("content_block_delta"))

    def headers(self, request_id: str) -> dict[str, str]:
        return {"apim-request-id": request_id, **_AZURE}

    def accepted(self, now: datetime) -> dict[str, str]:
        del now
        return {f"x-ratelimit-{name}-tokens": value for name, value in _FOUNDRY_LIMITS.items()}

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        return fault.status, dict(fault.headers), _error_body(fault, request_id)


_FOUNDRY_LIMITS: Final = {"limit": "-1", "remaining": "-1", "reset": "0"}
_AZURE: Final = {
    "azureai-processed-tier": "default",
    "azureai-requested-tier": "default",
    "azureml-served-by-cluster": "fault-server-01",
    "request-context": "appId=",
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    "x-content-type-options": "nosniff",
    "x-ms-region": "East US 2",
}


class _Bedrock(Dialect):
    """Amazon Bedrock's `InvokeModelWithResponseStream`: a binary event stream, and AWS's errors."""

    content_type = "application/vnd.amazon.eventstream"
    shape = BEDROCK_SHAPE
    # "Bedrock's binary event stream sends no pings": Claude Code's documentation, August 2026.
    pings: Placing | None = None

    #: AWS has no 401 and no 529 here.
    _statuses: Final = {401: 403, 413: 400, 504: 408, 529: 503}
    _errors: Final[Mapping[int, str]] = {
        400: "ValidationException",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        408: "ModelTimeoutException",
        424: "ModelErrorException",
        429: "ThrottlingException",
        500: "InternalServerException",
        503: "ServiceUnavailableException",
    }
    #: What they say, where it was recorded.
    _words: Final[Mapping[int, str]] = {
        403: "You don't have access to the model with the specified model ID.",
        503: "Model is getting throttled. Try your request again.",
    }
    #: The members of `ResponseStream` that stand for what the Claude API calls otherwise.
    _exceptions: Final[Mapping[str, str]] = {
        "api_error": "internalServerException",
        "invalid_request_error": "validationException",
        "overloaded_error": "serviceUnavailableException",
        "rate_limit_error": "throttlingException",
        "timeout_error": "modelTimeoutException",
    }

    def headers(self, request_id: str) -> dict[str, str]:
        return {"x-amzn-requestid": request_id}

    def accepted(self, now: datetime) -> dict[str, str]:
        del now
        return {"x-amzn-bedrock-content-type": "application/json"}

    def events(self, events: Iterable[_Event], rng: Random) -> Iterator[_Event]:
        """The last one has Bedrock's own count."""
        usage: dict[str, int] = {}
        for event in super().events(events, rng):
            if event["type"] == "message_delta":
                usage = event["usage"]
            if event["type"] == "message_stop":
                counts = {"inputTokenCount": usage["input_tokens"], "outputTokenCount": usage["output_tokens"]}
                event = {**event, "amazon-bedrock-invocationMetrics": {**counts, **_LATENCIES}}
            yield event

    def frame(self, event: Mapping[str, Any], rng: Random) -> bytes:
        return chunk_message(event, rng.randint(1, len(FILLER)))

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        return event_message(json.dumps(event).replace('":', '"', 1).encode())

    def error_frame(self, fault: ErrorEvent, request_id: str, rng: Random) -> bytes:
        del request_id, rng  # AWS has it in a header alone
        named = fault.type if fault.type.endswith("Exception") else "modelStreamErrorException"
        message = fault.message or _MESSAGES.get(fault.type, "Error")
        return exception_message(self._exceptions.get(fault.type, named), message)

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        del request_id
        status = self._statuses.get(fault.status, fault.status)
        known = self._errors.get(status, "InternalServerException" if status >= 500 else "ValidationException")
        named = fault.type if (fault.type or "").endswith("Exception") else None
        message = fault.message or self._words.get(status) or _TYPES.get(fault.status, ("", "Error"))[1]
        return status, {"x-amzn-errortype": named or known, **fault.headers}, {"message": message}


#: In milliseconds; nothing here takes as long.
_LATENCIES: Final = {"invocationLatency": 1608, "firstByteLatency": 438}


class _Vertex(Dialect):
    """Google's Vertex AI: server-sent events, and Google's own errors where Google's own front door answers."""

    shape = VERTEX_SHAPE
    pings: Placing | None = staticmethod(pings.after_first("message_start"))

    _statuses: Final[Mapping[int, str]] = {
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        503: "UNAVAILABLE",
    }

    def headers(self, request_id: str) -> dict[str, str]:
        return {"request-id": _of_vertex(request_id), "x-vertex-ai-received-request-id": request_id, **_GOOGLE}

    def accepted(self, now: datetime) -> dict[str, str]:
        del now
        return {"cache-control": "no-cache"}

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        body = _error_body(fault, _of_vertex(request_id))
        name = self._statuses.get(fault.status)
        if name is None or fault.type is not None:
            return fault.status, dict(fault.headers), body
        message = body["error"]["message"]
        return fault.status, dict(fault.headers), {"error": {"code": fault.status, "message": message, "status": name}}


_GOOGLE: Final = {
    "accept-ranges": "none",
    "alt-svc": 'h3=":443"; ma=2592000,h3-29=":443"; ma=2592000',
    "server": "hypercorn-h11",
    "vary": "Origin,Accept-Encoding",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "0",
}


def _of_vertex(request_id: str) -> str:
    return request_id.replace("req_", "req_vrtx_")


FIRST_PARTY: Final = Dialect()
BEDROCK: Final = _Bedrock()
FOUNDRY: Final = _Foundry()
VERTEX: Final = _Vertex()
