"""What the Messages API rejects of the parameters beside the messages: their kinds, and values that no model takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from unbroken.testing.rules.incoming import Incoming

__all__ = ["kinds", "sampling", "speed", "system"]

_DICTIONARY: Final = "Input should be a valid dictionary"
_LIST: Final = "Input should be a valid list"
#: After the SDK's types/message_create_params.py, 2.12.0, and its types/beta of the same name.
_LISTS: Final = ("mcp_servers", "stop_sequences", "tools")
_OBJECTS: Final = ("metadata", "output_config", "output_format", "thinking", "tool_choice")
#: The types of a choice; after the SDK's types/tool_choice_param.py, 2.12.0.
_CHOICES: Final = ("auto", "any", "tool", "none")

_NEWER: Final = "2026-10-21"
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_DEFAULT: Final = {"temperature": 1, "top_p": 1}
_LEAST_TOP_P: Final = 0.95
_LEARN_MORE: Final = (
    "Please consult our documentation at https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
)


def kinds(request: Incoming) -> Iterator[str]:
    """Parameters that are no list, or no object, where they have to be. What is null counts as left out."""
    for name in (*_LISTS, *_OBJECTS):
        value = request.body.get(name)
        if value is not None and not isinstance(value, list if name in _LISTS else dict):
            yield f"{name}: {_LIST if name in _LISTS else _DICTIONARY}"
    for i, server in enumerate(request.body.get("mcp_servers") or ()):
        if not isinstance(server, dict):
            yield f"mcp_servers.{i}: {_DICTIONARY}"
    thinking = request.body.get("thinking")
    if thinking is not None and not isinstance(thinking.get("type"), str):
        yield "thinking: Unable to extract tag using discriminator 'type'"
    form = (request.body.get("output_config") or {}).get("format")
    if form is not None and not isinstance(form, dict):
        yield f"output_config.format: {_DICTIONARY}"
    yield from _choice(request.body.get("tool_choice"))


def _choice(choice: dict[str, Any] | None) -> Iterator[str]:
    if choice is None:
        return
    if choice.get("type") not in _CHOICES:
        tags = ", ".join(f"'{each}'" for each in _CHOICES)
        yield (
            f"tool_choice: Input tag '{choice.get('type')}' found using 'type' does not match any of the expected "
            f"tags: {tags}"
        )
    elif choice["type"] == "tool" and not isinstance(choice.get("name"), str):
        yield "tool_choice.tool.name: Field required"


def system(request: Incoming) -> Iterator[str]:
    """A system prompt that is neither a text nor text blocks, or a block of it in which nothing stands."""
    given = request.body.get("system")
    if given is None:
        return
    if not isinstance(given, str | list):
        yield "system: Input should be a valid string or a list of text blocks"
        return
    for i, block in enumerate([] if isinstance(given, str) else given):
        if not isinstance(block, dict):
            yield f"system.{i}: {_DICTIONARY}"
        elif block.get("type") != "text":
            yield f"system.{i}.type: Input should be 'text'"
        elif not isinstance(block.get("text"), str):
            yield f"system.{i}.text: Input should be a valid string"
        elif not block["text"]:
            yield "system: text content blocks must be non-empty"


def speed(request: Incoming) -> Iterator[str]:
    """The fast mode, of a model that has none: fast-mode page, November 2026."""
    if request.body.get("speed") == "fast" and not request.info.speed:
        yield f"'{request.body['model']}' does not support the `speed` parameter."


def sampling(request: Incoming) -> Iterator[str]:
    """Sampling parameters that the model does not take, or not now; the newest version has none of them.

    Sources: the migration guide to version 2026-10-21; the what's-new page of Claude 4.7; the extended-thinking page.
    The words of `temperature`: github.com/mnfst/modelparams.dev/issues/214,
    github.com/tinovyatkin/amazon-bedrock-copilot-chat/issues/546.
    """
    given = [name for name in _SAMPLING if request.body.get(name) is not None]
    if request.version >= _NEWER:
        yield from (f"{name}: Extra inputs are not permitted" for name in _SAMPLING if name in request.body)
    elif request.info.sampling == "none":
        for name in given:
            if request.body[name] != _DEFAULT.get(name):
                yield f"`{name}` is deprecated for this model."
    else:
        temperature = request.body.get("temperature")
        if isinstance(temperature, int | float) and not 0 <= temperature <= 1:
            yield "temperature: range: 0..1"
        if request.thinking in ("enabled", "adaptive"):
            yield from _while_thinking(request)
        if {"temperature", "top_p"} <= set(given) and request.info.sampling == "one":
            yield "`temperature` and `top_p` cannot both be specified for this model. Please use only one."


def _while_thinking(request: Incoming) -> Iterator[str]:
    top_p = request.body.get("top_p")
    if request.body.get("temperature") not in (None, 1):
        yield f"`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. {_LEARN_MORE}"
    if request.body.get("top_k") is not None:
        yield f"`top_k` must be unset when thinking is enabled or in adaptive mode. {_LEARN_MORE}"
    if isinstance(top_p, int | float) and top_p < _LEAST_TOP_P:
        yield (
            f"`top_p` must be greater than or equal to {_LEAST_TOP_P} or unset when thinking is enabled or in adaptive "
            f"mode. {_LEARN_MORE}"
        )
