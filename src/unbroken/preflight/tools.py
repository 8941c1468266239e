"""The tools that are offered, and the choice among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .blocks import ADDITION
from .json_schema import Node, invalid, nodes
from .request import Request, get, is_object
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_PROPERTY: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_FORCED: Final = ("any", "tool")
_CHOICES: Final = ("auto", "any", "tool", "none")
_UNIONS: Final = ("oneOf", "allOf", "anyOf")


def _named(request: Request) -> Iterator[tuple[int, str]]:
    for i, tool in enumerate(request.tools):
        name = get(tool, "name")
        if isinstance(name, str):
            yield i, name


def _own(request: Request) -> Iterator[tuple[int, Any]]:
    """The caller's own tools, with their places: the API's have a type of another name."""
    for i, tool in enumerate(request.tools):
        if is_object(tool) and get(tool, "type") in (None, "custom"):
            yield i, tool


def _schemas(request: Request) -> Iterator[Node]:
    for i, tool in _own(request):
        schema = get(tool, "input_schema")
        if isinstance(schema, Mapping):
            yield Node(f"tools[{i}].input_schema", schema)


@rule("tool_invalid", "Give each tool a `name` and an `input_schema`.", "tools")
def tool_invalid(request: Request) -> Iterator[Complaint]:
    """A tool that is no object, or one of the caller's own without a name or a schema.

    Source: the SDK's `types/tool_param.py`, 2.12.0: `Required`.
    """
    for i, tool in enumerate(request.tools):
        if tool is None or isinstance(tool, str | bytes | int | float | list | tuple):
            yield f"tools[{i}]", "The tool is not an object."
    for i, tool in _own(request):
        if not isinstance(get(tool, "name"), str):
            yield f"tools[{i}].name", "The tool has no name."
        if not is_object(get(tool, "input_schema")):
            yield f"tools[{i}].input_schema", "The tool has no schema for its input."


@rule("tool_name_invalid", "Use letters, digits, `_` and `-`, at most 128 of them.", "tools")
def tool_name_invalid(request: Request) -> Iterator[Complaint]:
    """A name that a tool cannot have.

    Source: "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'" (github.com/home-assistant/core/issues/147760); the
    define-tools page has 64 characters.
    """
    for i, tool in _own(request):
        name = get(tool, "name")
        if isinstance(name, str) and not _NAME.fullmatch(name):
            yield (
                f"tools[{i}].name",
                "The tool's name is empty, too long, or has characters that the API does not take.",
            )


@rule("tool_name_duplicate", "Give each tool a name of its own.", "tools")
def tool_name_duplicate(request: Request) -> Iterator[Complaint]:
    """Two tools of one name.

    Source: "tools: Tool names must be unique." (github.com/danny-avila/LibreChat/issues/13162).
    """
    first: dict[str, int] = {}
    for i, name in _named(request):
        if name in first:
            yield f"tools[{i}].name", f"The name `{name}` is that of `tools[{first[name]}]` already."
        first.setdefault(name, i)


@rule("tool_schema_type", 'Give the schema `"type": "object"`, with the arguments as its properties.', "tools")
def tool_schema_type(request: Request) -> Iterator[Complaint]:
    """A tool's input that is not an object.

    Source: the SDK's `types/tool_param.py`, 2.12.0: `type: Required[Literal["object"]]`.
    """
    for node in _schemas(request):
        if node.schema.get("type") != "object":
            yield f"{node.path}.type", "The input of a tool has to be of the type `object`."


@rule("tool_schema_union", "Move it into a property, or make one object of the alternatives.", "tools")
def tool_schema_union(request: Request) -> Iterator[Complaint]:
    """Alternatives at the top of a tool's schema.

    Source: "input_schema does not support oneOf, allOf, or anyOf at the top level"
    (github.com/anthropics/claude-code/issues/40075).
    """
    for node in _schemas(request):
        for name in _UNIONS:
            if name in node.schema:
                yield f"{node.path}.{name}", f"`{name}` stands at the top of a tool's schema."


@rule("tool_property_name", "Use letters, digits, `_`, `.` and `-`, at most 64 of them.", "tools")
def tool_property_name(request: Request) -> Iterator[Complaint]:
    """A name that an argument of a tool cannot have.

    Source: "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'" (github.com/n8n-io/n8n/issues/30590).
    """
    for node in _schemas(request):
        properties = node.schema.get("properties")
        for name in properties if isinstance(properties, Mapping) else ():
            if isinstance(name, str) and not _PROPERTY.fullmatch(name):
                yield f"{node.path}.properties", "A property's name is empty, too long, or has other characters."
                break


@rule("tool_schema_invalid", "Correct it: the API takes JSON Schema draft 2020-12.", "tools")
def tool_schema_invalid(request: Request) -> Iterator[Complaint]:
    """A tool's schema that is no JSON Schema.

    Source: "JSON schema is invalid. It must match JSON Schema draft 2020-12"
    (github.com/anthropics/claude-code/issues/63673).
    """
    for schema in _schemas(request):
        for node in nodes(schema.schema, schema.path):
            for path, wanted in invalid(node):
                yield path, f"The keyword has to be {wanted}."


@rule("tool_choice_invalid", 'Give `{"type": "auto"}`, or `any`, `none`, or `tool` with a `name`.', "tool_choice")
def tool_choice_invalid(request: Request) -> Iterator[Complaint]:
    """A `tool_choice` that is none.

    Source: the SDK's `types/tool_choice_param.py`, 2.12.0.
    """
    choice = get(request.params, "tool_choice")
    if choice is None:
        return
    if request.tool_choice not in _CHOICES:
        yield "tool_choice", "`tool_choice` is not an object with a type that the API knows."
    elif request.tool_choice == "tool" and not isinstance(get(choice, "name"), str):
        yield "tool_choice.name", "`tool_choice` does not say which tool."


@rule("tool_choice_without_tools", "Give tools, or leave `tool_choice` out.", "tool_choice")
def tool_choice_without_tools(request: Request) -> Iterator[Complaint]:
    """A choice among no tools.

    Source: the API's own words: "tool_choice may only be specified while providing tools."
    """
    if request.tool_choice in _CHOICES[:-1] and not request.may_have_tools:
        yield "tool_choice", "`tool_choice` is given, and no tools are."


@rule("tool_choice_unknown", "Name a tool that is offered.", "tool_choice")
def tool_choice_unknown(request: Request) -> Iterator[Complaint]:
    """A choice of a tool that is not offered.

    Source: the API's own words: "Tool '...' not found in provided tools".
    """
    name = get(get(request.params, "tool_choice"), "name")
    if request.tool_choice != "tool" or not isinstance(name, str) or not request.tools:
        return
    # The names of a toolset's tools, of an MCP server's, and of those that a message adds, are not in the list.
    others = get(request.params, "mcp_servers") or ADDITION in request.has
    others = others or any(get(tool, "name") is None for tool in request.tools)
    if not others and all(name != offered for _, offered in _named(request)):
        yield "tool_choice.name", f"No tool of the name `{name}` is offered."


@rule(
    "tool_choice_unsupported",
    'Leave it out, or give `{"type": "auto"}`, and say in the prompt which tool to use.',
    "tool_choice",
)
def tool_choice_unsupported(request: Request) -> Iterator[Complaint]:
    """A forced `tool_choice` on a model that takes none.

    Source: what's-new pages of the 5.1 and 5.5 models: `any` and `tool` are a 400.
    """
    if request.tool_choice in _FORCED and not request.info.forced_tool_choice:
        yield "tool_choice.type", f"{request.model} takes no `tool_choice` of the type `{request.tool_choice}`."


@rule("tool_choice_with_thinking", 'Give `{"type": "auto"}`, or turn thinking off.', "tool_choice")
def tool_choice_with_thinking(request: Request) -> Iterator[Complaint]:
    """A forced `tool_choice` with a thinking budget.

    Source: thinking page, August 2026: in manual mode a forced `tool_choice` is incompatible.
    """
    if request.tool_choice in _FORCED and request.thinking == "enabled":
        yield "tool_choice.type", "`tool_choice` forces a tool, and thinking is on."


RULES: Final[tuple[Rule, ...]] = (
    tool_invalid,
    tool_name_invalid,
    tool_name_duplicate,
    tool_schema_type,
    tool_schema_union,
    tool_property_name,
    tool_schema_invalid,
    tool_choice_invalid,
    tool_choice_without_tools,
    tool_choice_unknown,
    tool_choice_unsupported,
    tool_choice_with_thinking,
)
