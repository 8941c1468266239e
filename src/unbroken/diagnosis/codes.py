"""Of which kind a failure is, more exactly than what happens next has to know (`failure.Kind`).

The API's own words (`error.message`) can quote the request. They are read here, for what has no code of its own, and
never copied: what is told of them is a number, or the part of the request that they point at, by the names that the
API's own parameters have.
"""

from __future__ import annotations

import re
from typing import Final

from ..core.failure import Kind
from ..core.untyped import mapping

__all__ = ["about", "code_of"]

#: What a 429 or a 400 means that has no `error_code`, by its words.
_WORDS: Final = tuple(
    (kind, re.compile(pattern), code)
    for kind, pattern, code in (
        # github.com/anthropics/claude-code/issues/66314: a 400, `invalid_request_error`.
        (Kind.INVALID_REQUEST, r"credit balance is too low", Kind.BILLING),
        # A 400 too, for limits that the account has set itself (errors page, August 2026).
        (Kind.INVALID_REQUEST, r"reached your specified (?:workspace )?API usage limits", Kind.SPEND_LIMIT),
        # github.com/continuedev/continue/issues/11371, github.com/anthropics/claude-code/issues/228
        (Kind.INVALID_REQUEST, r"prompt is too long|exceed context limit", "context_exceeded"),
        # "Extra usage is required for long context requests": hermes-agent, tests/test_long_context_tier_429.py
        (Kind.RATE_LIMITED, r"required for long context", "long_context_limit"),
    )
)
_TOO_LONG: Final = re.compile(r"prompt is too long: (\d{1,18}) tokens > (\d{1,18}) maximum")

#: "This request would exceed your organization's rate limit of 20,000,000 prompt bytes per hour" (recorded): of this
#: limit there are no headers.
_LIMIT: Final = re.compile(
    r"rate limit of ([0-9,]{1,24}) ((?:(?:input|output|prompt) )?(?:bytes|requests|tokens) "
    r"per (?:second|minute|hour|day))\b"
)

#: SDK `types/shared/ramp_limit_exceeded_error_details.py`.
_RAMP_LIMIT: Final = "ramp_limit_exceeded"


def code_of(kind: str, *, status: int | None, body: object, message: str) -> str:
    """The code of a failure that the server named.

    Args:
        kind: Its `failure.Kind`.
        status: The HTTP status; None where no response came.
        body: The decoded error body; anything else is taken as no body.
        message: The API's own words.
    """
    if kind == Kind.AUTHENTICATION and status is None:
        return "no_credentials"
    details = mapping(mapping(body).get("error"))
    if kind == Kind.RATE_LIMITED and mapping(details.get("details")).get("error_code") == _RAMP_LIMIT:
        return "acceleration_limit"
    if kind == Kind.INVALID_REQUEST and (status == 413 or details.get("type") == "request_too_large"):
        return "too_large"
    return next((str(code) for of, words, code in _WORDS if of == kind and words.search(message)), kind)


def about(code: str, message: str) -> str:
    """What the API's words tell of a failure, as a clause to end a sentence with; empty where they tell nothing."""
    if code == "context_exceeded" and (found := _TOO_LONG.search(message)):
        return f": it has {int(found[1]):,} tokens, and {int(found[2]):,} fit"
    if code == Kind.RATE_LIMITED and (limit := _LIMIT.search(message)):
        return f": {limit[1]} {limit[2]}"
    where = _place(message) if code == Kind.INVALID_REQUEST else ""
    return f", at {where}" if where else ""


#: The names that the API's own parameters and blocks have; names of the caller's (of properties, say) are not told.
_NAMES: Final = frozenset(
    {
        *("betas", "budget_tokens", "cache_control", "citations", "container", "content", "context_management"),
        *("custom", "document", "effort", "enabled", "format", "image", "input", "input_schema", "is_error"),
        *("max_tokens", "mcp_servers", "messages", "metadata", "model", "name", "output_config", "role", "schema"),
        *("server_tool_use", "service_tier", "signature", "source", "speed", "stop_sequences", "stream", "strict"),
        *("system", "temperature", "text", "thinking", "tool_choice", "tool_result", "tool_use", "tool_use_id"),
        *("tools", "top_k", "top_p", "ttl", "type"),
    }
)
_PLACE: Final = re.compile(r"([a-z_]+(?:\.(?:[a-z_]+|\d+))*): ")


def _place(message: str) -> str:
    """The part of the request that the API's words begin with (`"tools.3.input_schema: ..."`), as far as it is safe."""
    found = _PLACE.match(message)
    names: list[str] = []
    for name in found[1].split(".") if found else ():
        if name not in _NAMES and not name.isdigit():
            break
        names.append(name)
    return ".".join(names)
