"""What the Messages API rejects of thinking: the parameter, and blocks that are not as the model signed them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from unbroken.core.message.blocks import THINKING
from unbroken.core.models.table import EFFORTS, LEAST_THINKING_BUDGET, QUIET_TYPES, ModelInfo
from unbroken.testing.claude.carried import turns_of
from unbroken.testing.claude.signatures import after_thinking, conversation, signed_by, signed_in
from unbroken.testing.rules.incoming import Block, Incoming, blocks_of

__all__ = ["parameter", "places", "signatures"]

#: Without the beta of this name a budget is part of `max_tokens`: extended-thinking page.
_INTERLEAVED: Final = "interleaved-thinking-"


def parameter(request: Incoming) -> Iterator[str]:
    """A kind of thinking that the model has not; a budget that does not fit."""
    thinking = request.body.get("thinking")
    if thinking is None:
        return
    kind = request.thinking
    if kind not in (request.info.thinking or ("disabled",)):
        yield f'"thinking.type.{kind}" is not supported for this model.'
    effort = (request.body.get("output_config") or {}).get("effort")
    quiet = request.info.quiet_effort
    # What's-new pages of Opus 5 and the 5.5 models; the words are not known.
    is_quiet = kind in QUIET_TYPES
    if quiet is not None and is_quiet and effort in EFFORTS and effort not in quiet:
        yield f'"thinking.type.{kind}" is not supported at effort "{effort}".'
    if kind != "enabled":
        return
    budget = thinking.get("budget_tokens")
    most = request.body.get("max_tokens")
    may_interleave = request.info.interleaves and bool(request.body.get("tools") or request.body.get("mcp_servers"))
    if isinstance(budget, bool) or not isinstance(budget, int):
        yield "thinking.enabled.budget_tokens: Field required"
    elif budget < LEAST_THINKING_BUDGET:
        yield f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_THINKING_BUDGET}"
    elif isinstance(most, int) and most <= budget and not (may_interleave and request.has_beta(_INTERLEAVED)):
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def places(request: Incoming) -> Iterator[str]:
    """Thinking that ends a turn; with a budget, a turn of calls that does not begin with thinking."""
    for i, message in enumerate(request.messages):
        content = blocks_of(message)
        if message["role"] == "assistant" and content and content[-1]["type"] in THINKING:
            yield f"messages.{i}: The final block in an assistant message cannot be `thinking`."
    turns = turns_of([dict(message) for message in request.messages])
    answers_calls = any(block["type"] == "tool_result" for block in turns[-1]["content"])
    if request.thinking != "enabled" or not answers_calls or len(turns) == 1:
        return
    first = turns[-2]["content"][0]["type"]
    if first not in THINKING:
        yield (
            f"messages.{len(turns) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block "
            "(preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        )


def signatures(request: Incoming) -> Iterator[str]:
    """Blocks that another model signed, or that were changed, moved, or left alone since."""
    for i, message in enumerate(request.messages):
        before = conversation(request.body, request.messages[:i])
        for j, block in enumerate(blocks_of(message)):
            if block["type"] in THINKING and not request.is_scripted(block):
                yield from _signature(f"messages.{i}.content.{j}", block, request.info, before)
                before = after_thinking(before, block)


def _signature(path: str, block: Block, model: ModelInfo, before: str) -> Iterator[str]:
    kind = block["type"]
    field, shown = ("signature", block.get("thinking")) if kind == "thinking" else ("data", "redacted")
    if signed_by(block[field], str(shown)) != model.name:
        # The API may also drop another model's block in silence; a test had better know that it was sent.
        yield f"{path}: Invalid `{field}` in `{kind}` block"
    if model.binds_thinking and signed_in(block[field]) != before:
        yield (
            f"{path}: Invalid `{field}` in `{kind}` block. The block is bound to a different "
            "conversation. Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "
            '"drop_block".'
        )
