"""Message threads (beta `message-threads-2026-08-12`): where the server keeps the conversation, nothing can be resumed.

A request of a thread holds what is new and the id of the reply that it follows. Of a reply that was interrupted the
server has all or nothing, does not say which, and its id must not be used again; and what has to be told to go on
with it is not in the request. The SDK's helpers (`client.beta.messages.thread`, and the tool runner, which is one of
them unless told otherwise) hold the whole conversation too, and send it when the server has lost the thread, as
a server may at any time. So they are told that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anthropic
import httpx2

__all__ = ["continues", "is_a_callers_own", "lost"]

#: What the SDK's helpers call themselves, in this header. (anthropic lib/_stainless_helpers.py, 2.12.0; tests/clients/
#: test_tool_runner.py fails when it changes.)
_HELPER: Final = ("x-stainless-helper", "message-thread")


def is_a_callers_own(request: anthropic.APIRequest, body: Mapping[str, Any]) -> bool:
    """Whether the caller keeps a thread without the SDK's helpers, which alone would send everything again."""
    header, name = _HELPER
    helpers = next((str(value) for key, value in request.headers.items() if key.lower() == header), "")
    return bool(body.get("thread")) and name not in (helper.strip() for helper in helpers.split(","))


def continues(body: Mapping[str, Any]) -> bool:
    """Whether a part of the conversation is not in the request."""
    thread = body.get("thread")
    return isinstance(thread, Mapping) and thread.get("type") == "continue"


def lost(request: anthropic.APIRequest) -> httpx2.Response:
    """What the API answers when it does not have the thread."""
    said = {"type": "not_found_error", "message": "Thread not found.", "details": {"error_code": "thread_not_found"}}
    asked = httpx2.Request(request.method, httpx2.URL(request.url))
    return httpx2.Response(404, json={"type": "error", "error": said}, request=asked)
