"""What the tests of the rules share: a request with changes, and the words with which it is rejected."""

from __future__ import annotations

from typing import Any

from serving import ask

from unbroken.testing import Answer
from unbroken.testing.claude.signatures import sign
from unbroken.testing.rules.validation import KNOWN_MODELS, validate

NEW, OLD = "2026-10-21", "2023-06-01"
PREFILLS, NEWEST, OPTIONAL = "claude-haiku-4-5", "claude-opus-5-5", "claude-opus-4-8"
USER = {"role": "user", "content": "Hello."}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20260318", "name": "web_search"}
CODE = {"type": "code_execution_20260521", "name": "code_execution"}
CACHED = {"cache_control": {"type": "ephemeral"}}
FORMAT = {"format": {"type": "json_schema", "schema": {}}}
BUDGET = {"type": "enabled", "budget_tokens": 1024}


def says(
    version: str | None = NEW,
    *,
    counting: bool = False,
    betas: tuple[str, ...] = (),
    answers: tuple[Answer, ...] = (),
    others: tuple[Answer, ...] = (),
    **changes: Any,
) -> str | None:
    """The message of the error, or None."""
    error = validate(
        ask(**changes),
        version,
        models=KNOWN_MODELS,
        counting=counting,
        betas=betas,
        answers=answers,
        others=others,
    )
    return error and error.message


def turns(*contents: Any) -> list[dict[str, Any]]:
    """A conversation, the user first."""
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]


def text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def call(id: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "look", "input": {}, **more}


def result(id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": "x"}


def server_call(id: str, name: str = "web_search", **more: Any) -> dict[str, Any]:
    return {"type": "server_tool_use", "id": id, "name": name, "input": {}, **more}


def server_result(id: str, name: str = "web_search", content: Any = ()) -> dict[str, Any]:
    return {"type": f"{name}_tool_result", "tool_use_id": id, "content": list(content)}


def thought(model: str, thinking: str = "", before: str = "", shown: str | None = None) -> dict[str, Any]:
    """A block that `model` signed; `shown` is what the request makes of its text."""
    signature = sign(model, thinking, before)
    return {"type": "thinking", "thinking": thinking if shown is None else shown, "signature": signature}
