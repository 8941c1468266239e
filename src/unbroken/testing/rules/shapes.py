"""What the Messages API rejects because of how it is written down: fields, roles, types, texts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from unbroken.testing.rules.incoming import Block, Incoming

__all__ = ["betas", "blocks", "fields", "messages", "texts", "version"]

_FIELDS: Final = frozenset(
    [
        "max_tokens",
        "messages",
        "model",
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "metadata",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
        "temperature",
        "top_k",
        "top_p",
        "user_profile_id",
        "workspace_id",
    ]
)
#: Fields that need a beta, and how its name begins. After the SDK's types/beta/message_create_params.py and
#: types/anthropic_beta_param.py, 2.12.0; None: which one was not found.
_BETA_FIELDS: Final = {
    "billing_policy": None,
    "compaction": "compact-",
    "context_management": None,
    "fallback_credit_token": "fallback-credit-",
    "fallbacks": "server-side-fallback-",
    "mcp_servers": "mcp-client-",
    "output_format": "structured-outputs-",
    "thread": "message-threads-",
}
_CALL: Final = frozenset({"id", "input", "name"})
_RESULT: Final = (frozenset({"tool_use_id", "content"}), frozenset({"caller", "cache_control"}))
_CACHED: Final = frozenset({"cache_control"})
#: Blocks of an assistant's turn: the fields that each must have, and those that it may have.
_BLOCKS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "text": (frozenset({"text"}), frozenset({"citations", "cache_control"})),
    "thinking": (frozenset({"thinking", "signature"}), frozenset()),
    "redacted_thinking": (frozenset({"data"}), frozenset()),
    "tool_use": (_CALL, frozenset({"caller", "toolset_name", "cache_control"})),
    "server_tool_use": (_CALL, frozenset({"caller", "cache_control"})),
    "mcp_tool_use": (_CALL | {"server_name"}, _CACHED),
    "web_search_tool_result": _RESULT,
    "web_fetch_tool_result": _RESULT,
    "code_execution_tool_result": _RESULT,
    "bash_code_execution_tool_result": _RESULT,
    "text_editor_code_execution_tool_result": _RESULT,
    "tool_search_tool_result": _RESULT,
    "advisor_tool_result": _RESULT,
    "mcp_tool_result": (frozenset({"tool_use_id"}), frozenset({"content", "is_error", "cache_control"})),
    "container_upload": (frozenset({"file_id"}), _CACHED),
}
#: Blocks that are mostly the caller's own words: no more than what they must have is looked at.
_OTHERS: Final = frozenset(
    {
        "compaction",
        "document",
        "fallback",
        "image",
        "mcp_tool_listing",
        "search_result",
        "tool_addition",
        "tool_removal",
        "tool_result",
    }
)
_GIVEN: Final = {
    "document": frozenset({"source"}),
    "image": frozenset({"source"}),
    "search_result": frozenset({"source", "title", "content"}),
    "tool_result": frozenset({"tool_use_id"}),
}
#: Fields that are no strings, or not always.
_ANY: Final = frozenset({"content", "input", "source"})
_TAGS: Final = ", ".join(f"'{kind}'" for kind in sorted(_OTHERS | _BLOCKS.keys()))
#: "There is a limit of 100,000 messages in a single request" (the SDK's types/message_create_params.py, 2.12.0).
_MOST_MESSAGES: Final = 100_000
#: The fields of a message, and those that a system message may have beside them (types/beta of the same SDK).
_MESSAGE: Final = frozenset({"role", "content"})
_SYSTEM_MESSAGE: Final = _MESSAGE | {"clear_at", "output_config"}


def fields(request: Incoming) -> Iterator[str]:
    """Fields that nobody knows, or of a wrong kind."""
    body = request.body
    for name in body:
        if name not in _FIELDS and name not in _BETA_FIELDS:
            yield f"{name}: Extra inputs are not permitted"
    if not isinstance(body.get("stream", False), bool):
        yield "stream: Input should be a valid boolean"
    sequences = body.get("stop_sequences")
    for sequence in sequences if isinstance(sequences, list) else ():
        if not isinstance(sequence, str) or not sequence.strip():
            yield "stop_sequences: each stop sequence must contain non-whitespace"


def betas(request: Incoming) -> Iterator[str]:
    """Fields of a beta that the request does not name."""
    for name, beta in _BETA_FIELDS.items():
        if name in request.body and not any(each.startswith(beta or "") for each in request.betas):
            yield f"{name}: Extra inputs are not permitted"


def messages(request: Incoming) -> Iterator[str]:
    """Messages that are none, and roles out of order."""
    given = request.body.get("messages")
    if not isinstance(given, list):
        yield "messages: Field required"
    elif not given:
        yield "messages: at least one message is required"
    elif len(given) > _MOST_MESSAGES:
        yield f"messages: at most {_MOST_MESSAGES} messages are allowed. Found {len(given)}."
    else:
        for i, message in enumerate(given):
            yield from _message(i, message, is_last=i == len(given) - 1)
        if given[0]["role"] == "system":
            yield 'messages: first message must use the "user" role'


def _message(i: int, message: Any, *, is_last: bool) -> Iterator[str]:
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
        yield f"messages.{i}.role: Input should be 'user', 'assistant' or 'system'"
    elif not _is_content(message.get("content")):
        yield f"messages.{i}.content: Input should be a valid string or a list of content blocks"
    elif not message["content"] and not (is_last and message["role"] == "assistant"):
        yield f"messages.{i}: all messages must have non-empty content except for the optional final assistant message"
    else:
        for name in message.keys() - (_SYSTEM_MESSAGE if message["role"] == "system" else _MESSAGE):
            yield f"messages.{i}.{name}: Extra inputs are not permitted"


def _is_content(content: object) -> bool:
    return isinstance(content, str) or (
        isinstance(content, list)
        and all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in content)
    )


def blocks(request: Incoming) -> Iterator[str]:
    """Blocks of a type that nobody knows, and such as have not the fields of their type."""
    for path, message, block in request.parts():
        kind = block["type"]
        if request.is_scripted(block):
            continue
        if kind in _OTHERS:
            yield from _missing(f"{path}.{kind}", block, _GIVEN.get(kind, ()))
            continue
        if kind not in _BLOCKS:
            yield (f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {_TAGS}")
            continue
        if message["role"] != "assistant" and kind not in ("text", "container_upload"):
            yield f"{path}: `{kind}` blocks are only allowed in assistant messages"
        yield from _fields_of(f"{path}.{kind}", block)


def _fields_of(path: str, block: Block) -> Iterator[str]:
    must, may = _BLOCKS[block["type"]]
    yield from _missing(path, block, must)
    for name in block:
        if name not in must | may | {"type"}:
            yield f"{path}.{name}: Extra inputs are not permitted"


def _missing(path: str, block: Block, must: Collection[str]) -> Iterator[str]:
    for name in sorted(must):
        if block.get(name) is None:
            yield f"{path}.{name}: Field required"
        elif name == "input" and not isinstance(block[name], dict):
            yield f"{path}.{name}: Input should be a valid dictionary"
        elif name not in _ANY and not isinstance(block[name], str):
            yield f"{path}.{name}: Input should be a valid string"


def texts(request: Incoming) -> Iterator[str]:
    """Texts in which nothing stands; the content of a final assistant message may be empty.

    White space alone the model writes itself, and gets back.
    """
    for _path, message, part in request.parts():
        if part["type"] != "text" or message["content"] == "":
            continue
        text: Any = part.get("text")
        if not text:
            yield "messages: text content blocks must be non-empty"
        elif not text.strip() and message["role"] != "assistant":
            yield "messages: text content blocks must contain non-whitespace text"


def version(request: Incoming) -> Iterator[str]:
    """What version 2026-10-21 no longer takes in messages."""
    if request.version < "2026-10-21":
        return
    for path, message, block in request.parts():
        if block["type"] == "document" and message["role"] == "assistant":
            yield f"{path}: `document` blocks are not allowed in assistant messages"
        if block["type"] == "text" and message["role"] == "user" and block.get("citations"):
            yield f"{path}.text.citations: Extra inputs are not permitted"
