"""A small conversation, and what was delivered of its answer in several kinds: for the tests of what is asked next."""

from __future__ import annotations

from typing import Any

from builders import block_start, block_stop, message_start, open_text, partial, thinking_block, tool_block

from unbroken.core.models.table import lookup

HAIKU = lookup("claude-haiku-4-5")  # takes a prefill
OPUS = lookup("claude-opus-5-5")  # does not, and always thinks

QUESTION = {"role": "user", "content": "Tell me about foxes."}
REQUEST: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 1_000, "messages": [QUESTION]}
SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody has ever asked the dog."
HELD = partial(message_start(), *open_text(SENTENCE))

THINKS: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 2_000}}
THOUGHT = partial(message_start(), *thinking_block("Hm."), *open_text("Foxes ", index=1))
REDACTED = partial(message_start(), block_start(0, "redacted_thinking"), block_stop(0), *open_text("Foxes ", index=1))
JSON_FORMAT = {"output_config": {"format": {"type": "json_schema", "schema": {}}}}

PAIR = [*tool_block("{}", type="server_tool_use"), block_start(1, "web_search_tool_result"), block_stop(1)]
USED = partial(message_start(), *PAIR)
USED_THEN_TEXT = partial(message_start(), *PAIR, *open_text(SENTENCE, index=2))
THOUGHT_AND_USED = partial(
    message_start(),
    *thinking_block("Hm."),
    *tool_block("{}", index=1, type="server_tool_use"),
    block_start(2, "web_search_tool_result"),
    block_stop(2),
)
ANY = {"tool_choice": {"type": "any"}}
SEARCH = {"tool_choice": {"type": "tool", "name": "web_search"}}
WEATHER = {"tool_choice": {"type": "tool", "name": "weather"}}
