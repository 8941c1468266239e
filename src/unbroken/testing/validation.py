"""What the Messages API rejects, in its own words where they are known.

Every request to the fault server is judged here first, as strictly as the real API would: a client that
sends what Claude refuses must find out in its tests. The rules are in the order in which they are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from unbroken.core.models import MODELS, ModelInfo, lookup
from unbroken.testing.signing import conversation, signed_by, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KNOWN_MODELS", "ApiError", "validate"]

#: The models that exist, if the server is not told otherwise.
KNOWN_MODELS: Final = frozenset(info.name for info in MODELS)

Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error of the API: its HTTP status, `error.type` and `error.message`."""

    status: int
    type: str
    message: str


def validate(body: object, version: str | None, *, models: frozenset[str], counting: bool = False) -> ApiError | None:
    """The error with which the API answers `body`, or None if it accepts it.

    Args:
        body: The decoded JSON.
        version: The `anthropic-version` header.
        models: The families (`ModelInfo.name`) or whole names that exist.
        counting: Whether the tokens are only to be counted, which needs no `max_tokens`.
    """
    if version is None:
        return _invalid("anthropic-version: header is required")
    if not isinstance(body, dict):
        return _invalid("The request body is not valid JSON: expected an object")
    model = body.get("model")
    if not isinstance(model, str):
        return _invalid("model: Field required")
    if model not in models and lookup(model).name not in models:
        return ApiError(404, "not_found_error", f"model: {model}")
    info = lookup(model)
    for rule in (_shape, _messages, _texts, _tools, _thinking, _prefill, _signatures):
        for message in rule(body, info):
            return _invalid(message)
    rest: tuple[Callable[[Body], Iterator[str]], ...] = () if counting else (_max_tokens,)
    for check in (*rest, *((_new_version,) if version >= "2026-10-21" else ())):
        for message in check(body):
            return _invalid(message)
    return None


def _invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_request_error", message)


def _blocks(message: Body) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _parts(body: Body) -> Iterator[tuple[str, Body, dict[str, Any]]]:
    """Every block of every message, with its path and its message."""
    for i, message in enumerate(body["messages"]):
        for j, block in enumerate(_blocks(message)):
            yield f"messages.{i}.content.{j}", message, block


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
        "billing_policy",
        "compaction",
        "context_management",
        "fallback_credit_token",
        "fallbacks",
        "mcp_servers",
        "output_format",
        "thread",
    ]
)


def _shape(body: Body, _: ModelInfo) -> Iterator[str]:
    for name in body:
        if name not in _FIELDS:
            yield f"{name}: Extra inputs are not permitted"
    if not isinstance(body.get("stream", False), bool):
        yield "stream: Input should be a valid boolean"
    sequences = body.get("stop_sequences")
    for sequence in sequences if isinstance(sequences, list) else ():
        if not isinstance(sequence, str) or not sequence.strip():
            yield "stop_sequences: each stop sequence must contain non-whitespace"
    marks = _count_marks([body.get("system"), body.get("tools"), body.get("messages")])
    if marks > 4:
        yield f"A maximum of 4 blocks with cache_control may be provided. Found {marks}."


def _count_marks(item: object) -> int:
    if isinstance(item, list):
        return sum(map(_count_marks, item))
    if isinstance(item, dict):
        return bool(item.get("cache_control")) + sum(map(_count_marks, item.values()))
    return 0


def _messages(body: Body, _: ModelInfo) -> Iterator[str]:
    messages = body.get("messages")
    if not isinstance(messages, list):
        yield "messages: Field required"
        return
    if not messages:
        yield "messages: at least one message is required"
        return
    for i, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
            yield f"messages.{i}.role: Input should be 'user', 'assistant' or 'system'"
            return
        content = message.get("content")
        well_formed = isinstance(content, str) or (
            isinstance(content, list)
            and all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in content)
        )
        if not well_formed:
            yield f"messages.{i}.content: Input should be a valid string or a list of content blocks"
            return
        last = i == len(messages) - 1
        if not content and not (last and message["role"] == "assistant"):
            yield (
                f"messages.{i}: all messages must have non-empty content except for the optional final "
                "assistant message"
            )
            return
    if messages[0]["role"] != "user":
        yield 'messages: first message must use the "user" role'


def _texts(body: Body, _: ModelInfo) -> Iterator[str]:
    system = body.get("system")
    for block in system if isinstance(system, list) else ():
        if not block.get("text"):
            yield "system: text content blocks must be non-empty"
    for _path, _message, block in _parts(body):
        if block["type"] != "text":
            continue
        text = block.get("text")
        if not isinstance(text, str) or not text:
            yield "messages: text content blocks must be non-empty"
        elif not text.strip():
            yield "messages: text content blocks must contain non-whitespace text"


def _tools(body: Body, info: ModelInfo) -> Iterator[str]:
    names = [tool.get("name") for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    if forced and not info.forced_tool_choice:
        yield "tool_choice: `any` and `tool` are not supported by this model."
    if forced and (body.get("thinking") or {}).get("type") == "enabled":
        yield "Thinking may not be enabled when tool_choice forces tool use."
    waiting: list[str] = []
    messages = body["messages"]
    for i, message in enumerate(messages):
        results = [b.get("tool_use_id") for b in _blocks(message) if b["type"] == "tool_result"]
        if missing := [call for call in waiting if call not in results]:
            yield _orphans(i - 1, missing)
        for j, block in enumerate(_blocks(message)):
            if block["type"] == "tool_result" and block.get("tool_use_id") not in waiting:
                yield (
                    f"messages.{i}.content.{j}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block.get('tool_use_id')}. Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message."
                )
        calls = [b for b in _blocks(message) if b["type"] == "tool_use"] if message["role"] == "assistant" else []
        waiting = [str(block.get("id")) for block in calls]
    if waiting:
        yield _orphans(len(messages) - 1, waiting)


def _orphans(i: int, ids: Sequence[str]) -> str:
    return (
        f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message."
    )


def _thinking(body: Body, info: ModelInfo) -> Iterator[str]:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type")
    if kind not in info.thinking:
        yield f'"thinking.type.{kind}" is not supported for this model.'
    if kind != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        yield "thinking.enabled.budget_tokens: Field required"
    elif budget < 1024:
        yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    elif isinstance(body.get("max_tokens"), int) and body["max_tokens"] <= budget:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def _prefill(body: Body, info: ModelInfo) -> Iterator[str]:
    i = len(body["messages"]) - 1
    last = body["messages"][i]
    for k, message in enumerate(body["messages"]):
        blocks = _blocks(message)
        if message["role"] == "assistant" and blocks and blocks[-1]["type"] in ("thinking", "redacted_thinking"):
            yield f"messages.{k}: The final block in an assistant message cannot be `thinking`."
    if last["role"] != "assistant":
        return
    final = _blocks(last)[-1] if last["content"] else {"type": "text", "text": ""}
    if final["type"] != "text":
        return  # a turn that the server paused, sent back as it is
    if not info.prefill:
        yield ("This model does not support assistant message prefill. The conversation must end with a user message.")
    if final["text"] != final["text"].rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"
    if (body.get("thinking") or {}).get("type", "disabled") != "disabled":
        yield f"messages.{i}: a final assistant message cannot be prefilled when thinking is enabled."
    if (body.get("output_config") or {}).get("format"):
        yield "output_config.format: message prefilling is incompatible with JSON outputs"


#: The models that bind a thinking block to the conversation before it.
_BOUND: Final = frozenset(
    f"claude-{name}"
    for name in ("fable-5-2", "mythos-5-2", "fable-5-1", "mythos-5-1", "opus-5-5", "sonnet-5-5", "haiku-5-5")
)


def _signatures(body: Body, info: ModelInfo) -> Iterator[str]:
    for path, message, block in _parts(body):
        if block["type"] != "thinking":
            continue
        if message["role"] != "assistant":
            yield f"{path}: `thinking` blocks are only allowed in assistant messages"
        signature, thinking = block.get("signature"), block.get("thinking")
        if not isinstance(signature, str) or not isinstance(thinking, str):
            yield f"{path}.thinking.signature: Field required"
            return
        signer = signed_by(signature, thinking)
        if signer != info.name:
            # The API may also drop another model's block in silence; a test had better know that it was sent.
            yield f"{path}: Invalid `signature` in `thinking` block"
        before = body["messages"][: body["messages"].index(message)]
        if info.name in _BOUND and signed_in(signature) != conversation(dict(body), before):
            yield (
                f"{path}: Invalid `signature` in `thinking` block. The block is bound to a different "
                "conversation. Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "
                '"drop_block".'
            )


def _max_tokens(body: Body) -> Iterator[str]:
    tokens = body.get("max_tokens")
    limit = lookup(body["model"]).max_output
    if not isinstance(tokens, int):
        yield "max_tokens: Field required"
    elif tokens < 0:
        yield "max_tokens: Input should be greater than or equal to 0"
    elif tokens == 0 and body.get("stream"):
        yield "max_tokens: Input should be greater than or equal to 1"
    elif limit is not None and tokens > limit:
        yield (
            f"max_tokens: {tokens} > {limit}, which is the maximum allowed number of output tokens for {body['model']}"
        )


def _new_version(body: Body) -> Iterator[str]:
    """What version 2026-10-21 no longer takes."""
    for name in ("temperature", "top_p", "top_k"):
        if name in body:
            yield f"{name}: Extra inputs are not permitted"
    for path, message, block in _parts(body):
        if block["type"] == "document" and message["role"] == "assistant":
            yield f"{path}: `document` blocks are not allowed in assistant messages"
        if block["type"] == "text" and message["role"] == "user" and block.get("citations"):
            yield f"{path}.text.citations: Extra inputs are not permitted"
