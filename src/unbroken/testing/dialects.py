"""How each platform words its responses: the frames of a stream, the errors, the names of its headers.

What is said of Bedrock follows botocore's service model of `bedrock-runtime` and the documentation of its
`ResponseStream`; what is said of Vertex AI's errors follows what its users report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from unbroken.testing.eventstream import chunk_message, event_message, exception_message
from unbroken.testing.faults import ErrorEvent, Status
from unbroken.testing.wire import error_body, frame

__all__ = ["BEDROCK", "FIRST_PARTY", "VERTEX", "Dialect"]

_TYPES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("invalid_request_error", "The request is invalid."),
    401: ("authentication_error", "invalid x-api-key"),
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


class Dialect:
    """The Claude API's own: server-sent events. Foundry, Claude Platform on AWS and Bedrock's Mantle speak it too.

    Attributes:
        content_type: Of a stream.
        pings: Whether the platform sends pings of its own.
    """

    content_type: str = "text/event-stream; charset=utf-8"
    pings: bool = True

    def headers(self, request_id: str) -> dict[str, str]:
        """What every response has."""
        return {"request-id": request_id, "anthropic-workspace-id": "wrkspc_fault_server"}

    def frame(self, event: Mapping[str, Any]) -> bytes:
        """One event of a stream."""
        return frame(event)

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        """A complete frame of malformed JSON."""
        return self.frame(event).replace(b"}\n\n", b"\n\n").replace(b'":', b'"', 1)

    def error_frame(self, fault: ErrorEvent, request_id: str) -> bytes:
        """An error in the middle of a stream."""
        error = {
            "details": None if fault.details is None else dict(fault.details),
            "type": fault.type,
            "message": fault.message or _MESSAGES.get(fault.type, "Error"),
        }
        return self.frame({"type": "error", "error": error, "request_id": request_id})

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        """The status, the headers and the body of an error instead of a stream."""
        kind, message = _TYPES.get(
            fault.status, ("api_error" if fault.status >= 500 else "invalid_request_error", "Error")
        )
        body = error_body(fault.type or kind, fault.message or message, request_id, fault.details)
        return fault.status, dict(fault.headers), body


class _Bedrock(Dialect):
    """Amazon Bedrock's `InvokeModelWithResponseStream`: a binary event stream, and AWS's errors."""

    content_type = "application/vnd.amazon.eventstream"
    # "Bedrock's binary event stream sends no pings": Claude Code's documentation, August 2026.
    pings = False

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

    def frame(self, event: Mapping[str, Any]) -> bytes:
        return chunk_message(event)

    def malformed(self, event: Mapping[str, Any]) -> bytes:
        return event_message(json.dumps(event).replace('":', '"', 1).encode())

    def error_frame(self, fault: ErrorEvent, request_id: str) -> bytes:
        del request_id  # AWS has it in a header alone
        named = fault.type if fault.type.endswith("Exception") else "modelStreamErrorException"
        message = fault.message or _MESSAGES.get(fault.type, "Error")
        return exception_message(self._exceptions.get(fault.type, named), message)

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        del request_id
        status = self._statuses.get(fault.status, fault.status)
        known = self._errors.get(status, "InternalServerException" if status >= 500 else "ValidationException")
        named = fault.type if (fault.type or "").endswith("Exception") else None
        message = fault.message or _TYPES.get(fault.status, ("", "Error"))[1]
        return status, {"x-amzn-errortype": named or known, **fault.headers}, {"message": message}


class _Vertex(Dialect):
    """Google's Vertex AI: server-sent events, and Google's own errors where Google's own front door answers."""

    _statuses: Final[Mapping[int, str]] = {
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        503: "UNAVAILABLE",
    }

    def headers(self, request_id: str) -> dict[str, str]:
        return {"request-id": request_id.replace("req_", "req_vrtx_")}

    def error(self, fault: Status, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        status, headers, body = super().error(fault, request_id.replace("req_", "req_vrtx_"))
        name = self._statuses.get(status)
        if name is None or fault.type is not None:
            return status, headers, body
        return status, headers, {"error": {"code": status, "message": body["error"]["message"], "status": name}}


FIRST_PARTY: Final = Dialect()
BEDROCK: Final = _Bedrock()
VERTEX: Final = _Vertex()
