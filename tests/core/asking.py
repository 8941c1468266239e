"""Arbitrary requests that the API would take, for Hypothesis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from unbroken.testing.rules.validation import KNOWN_MODELS, validate

Request = dict[str, Any]

MODEL = "claude-opus-4-8"
MARK = {"type": "ephemeral"}
CANARY = "canary"

names = st.sampled_from("abcdef")


def well_formed(request: Mapping[str, Any]) -> str | None:
    """What the fault server says of a request; None: it takes it."""
    body = {name: value for name, value in request.items() if name not in ("betas", "extra_headers")}
    error = validate(body, "2026-10-21", models=KNOWN_MODELS, betas=request.get("betas", ()))
    return error and error.message


def _holding(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A schema, with others in it in any of the ways in which schemas hold others."""
    more = {
        "type": st.sampled_from(["object", "string", ["array", "null"]]),
        "pattern": st.just("^a$"),
        "enum": st.lists(st.integers(0, 3), min_size=1, max_size=3),
        "properties": st.dictionaries(names, inner, max_size=3),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "items": inner,
        "required": st.lists(names, max_size=3, unique=True),
        "additionalProperties": st.just(False) | inner,
    }
    return st.fixed_dictionaries({}, optional=more)


schemas = st.recursive(st.sampled_from([{}, True, {"type": "string"}]), _holding, max_leaves=6)
properties = st.dictionaries(names, schemas, max_size=3)


def _closed(schema: Any) -> Any:
    """A schema whose objects have no further properties, as structured outputs demand."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    return {**closed, "additionalProperties": False} if schema.get("type") == "object" else closed


def _held(tool: Request) -> Request:
    """A tool whose schema is one that it can be held to, if it is strict."""
    return {**tool, "input_schema": _closed(tool["input_schema"])} if tool.get("strict") else tool


tool = st.fixed_dictionaries(
    {"input_schema": st.fixed_dictionaries({"type": st.just("object")}, optional={"properties": properties})},
    optional={"description": st.just("It does."), "strict": st.booleans()},
).map(_held)
SEARCH = {"type": "web_search_20260318", "name": "web_search", "max_uses": 2}


@st.composite
def tools(draw: st.DrawFn) -> list[Request]:
    """Some of the caller's own, maybe one of the vendor's."""
    own = draw(st.lists(tool, max_size=5))
    return [{"name": f"tool{number}", **each} for number, each in enumerate(own)] + draw(
        st.sampled_from([[], [SEARCH]])
    )


@st.composite
def conversations(draw: st.DrawFn, offered: list[Request]) -> list[Request]:
    """Turns: plain ones, blocks, calls with their results, thinking; the user's is last."""
    turns: list[Request] = []
    own = [tool["name"] for tool in offered if "input_schema" in tool]
    for number in range(draw(st.integers(0, 8))):
        asked: list[Request] = [{"type": "text", "text": f"question {number}"}]
        if draw(st.booleans()):
            asked.append({"type": "text", "text": "and more", "cache_control": MARK})
        turns.append({"role": "user", "content": draw(st.sampled_from([f"question {number}", asked]))})
        answer: list[Request] = [{"type": "text", "text": f"answer {number}"}]
        calls = draw(st.lists(st.sampled_from(own), max_size=2)) if own else []
        ids = [f"toolu_{number}_{index}" for index in range(len(calls))]
        uses = zip(ids, calls, strict=True)
        answer += [{"type": "tool_use", "id": use, "name": name, "input": {"a": number}} for use, name in uses]
        turns.append({"role": "assistant", "content": answer if calls or draw(st.booleans()) else f"answer {number}"})
        if calls:
            contents = ["done", [{"type": "text", "text": "done"}, {"type": "text", "text": "and more"}], None]
            content = draw(st.sampled_from(contents))
            fields = {} if content is None else {"content": content}
            results = [{"type": "tool_result", "tool_use_id": use, **fields} for use in ids]
            turns += [{"role": "user", "content": results}, {"role": "assistant", "content": "I see."}]
    return [*turns, {"role": "user", "content": "the last question"}]


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request with any of what a request may have."""
    offered = draw(tools())
    choices: list[Request] = [{"type": "auto"}]
    choices += [{"type": "tool", "name": tool["name"]} for tool in offered]
    schema = st.fixed_dictionaries({"type": st.just("object")}, optional={"properties": properties})
    form = st.fixed_dictionaries({"type": st.just("json_schema"), "schema": schema.map(_closed)})
    output = {"effort": st.just("low"), "format": form}
    more = {
        "service_tier": st.just("auto"),
        "metadata": st.just({"user_id": "u"}),
        "stop_sequences": st.just(["one", "two"]),
        "system": st.sampled_from(["Be brief.", [{"type": "text", "text": "Be brief.", "cache_control": MARK}]]),
        "output_config": st.fixed_dictionaries({}, optional=output),
        "betas": st.just(["output-128k-2025-02-19"]),
    }
    if offered:
        more |= {"tools": st.just(offered), "tool_choice": st.sampled_from(choices)}
    fixed = {
        "model": st.just(MODEL),
        "max_tokens": st.sampled_from([16, 4096]),
        "messages": conversations(offered),
    }
    request = draw(st.fixed_dictionaries(fixed, optional=more))
    if "tools" not in request:
        request["messages"] = draw(conversations([]))
    if json.dumps(request).count("cache_control") > 4:
        for turn in request["messages"]:
            for block in turn["content"] if isinstance(turn["content"], list) else ():
                block.pop("cache_control", None)
    return request
