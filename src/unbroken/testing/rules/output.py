"""What the Messages API rejects of the output that is asked for: prefill, form, effort, lengths."""

from __future__ import annotations

from collections.abc import Iterator

from unbroken.core.models.table import EFFORTS
from unbroken.testing.claude.model import count_tokens
from unbroken.testing.claude.offers import output_format, output_formats
from unbroken.testing.rules.incoming import Incoming, blocks_of

__all__ = ["effort", "form", "lengths", "prefill"]


def prefill(request: Incoming) -> Iterator[str]:
    """An answer begun by the caller, where that is not possible. A paused turn may go back as it was."""
    i = len(request.messages) - 1
    last = request.messages[i]
    if last["role"] != "assistant" or request.is_paused:
        return
    final = blocks_of(last)[-1] if last["content"] else {"type": "text", "text": ""}
    if final["type"] in ("server_tool_use", "mcp_tool_use"):
        return  # a call that still runs: only a pause leaves one
    if not request.info.prefill:
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    text = final.get("text", "")
    if text != text.rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"
    if (request.thinking or "disabled") != "disabled":
        yield f"messages.{i}: a final assistant message cannot be prefilled when thinking is enabled."
    if output_format(request.body) is not None:
        yield "output_config.format: message prefilling is incompatible with JSON outputs"


def form(request: Incoming) -> Iterator[str]:
    """A form that is none, or together with citations: the documentation of structured outputs names that a 400."""
    if output_format(request.body) is None:
        return
    for path, wanted in output_formats(request.body):
        if wanted.get("type") != "json_schema":
            yield f"{path}.type: Input should be 'json_schema'"
        elif not isinstance(wanted.get("schema"), dict):
            yield f"{path}.schema: Field required"
    given = [
        block.get("citations") for _, _, block in request.parts() if block["type"] in ("document", "search_result")
    ]
    if any(isinstance(each, dict) and each.get("enabled") for each in given):
        yield "output_config.format: citations are incompatible with JSON outputs"


def effort(request: Incoming) -> Iterator[str]:
    """An effort that nobody knows, or that the model does not take: github.com/askalf/dario/pull/491."""
    wanted = (request.body.get("output_config") or {}).get("effort")
    if wanted is None:
        return
    if not request.info.effort:
        yield "This model does not support the effort parameter."
    elif wanted not in EFFORTS:
        known = ", ".join(f"'{each}'" for each in EFFORTS)
        yield f"output_config.effort: Input should be {known}"
    elif wanted not in request.info.effort:
        levels = ", ".join(level for level in EFFORTS if level in request.info.effort)
        yield f"This model does not support effort level '{wanted}'. Supported levels: {levels}."


def lengths(request: Incoming) -> Iterator[str]:
    """More than the model can write, or read."""
    if request.counting:
        return
    tokens = count_tokens(dict(request.body))
    if request.info.context is not None and tokens > request.info.context:
        yield f"prompt is too long: {tokens} tokens > {request.info.context} maximum"
    wanted = request.body.get("max_tokens")
    limit = request.info.max_output
    if wanted is None:
        yield "max_tokens: Field required"
    elif isinstance(wanted, bool) or not isinstance(wanted, int):
        yield "max_tokens: Input should be a valid integer"
    elif wanted < 0:
        yield "max_tokens: Input should be greater than or equal to 0"
    elif wanted == 0 and request.body.get("stream"):
        yield "max_tokens: Input should be greater than or equal to 1"
    elif limit is not None and wanted > limit:
        yield (
            f"max_tokens: {wanted} > {limit}, which is the maximum allowed number of output tokens for "
            f"{request.body['model']}"
        )
