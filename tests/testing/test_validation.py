"""What the API rejects, with its words, and what it accepts."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from serving import ask, serving

from unbroken.testing import FaultServer, Script, Status
from unbroken.testing.signing import conversation, sign
from unbroken.testing.validation import KNOWN_MODELS, validate

NEW, OLD = "2026-10-21", "2023-06-01"
PREFILLS, NEWEST, OPTIONAL = "claude-haiku-4-5", "claude-opus-5-5", "claude-opus-4-8"
USER = {"role": "user", "content": "Hello."}


def says(version: str | None = NEW, *, counting: bool = False, **changes: Any) -> str | None:
    """The message of the error, or None."""
    error = validate(ask(**changes), version, models=KNOWN_MODELS, counting=counting)
    return error and error.message


def turns(*contents: Any) -> list[dict[str, Any]]:
    """A conversation, the user first."""
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]


def text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def call(id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "look", "input": {}}


def result(id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": "x"}


def thought(model: str, thinking: str = "", before: str = "", shown: str | None = None) -> dict[str, Any]:
    """A block that `model` signed; `shown` is what the request makes of its text."""
    signature = sign(model, thinking, before)
    return {"type": "thinking", "thinking": thinking if shown is None else shown, "signature": signature}


def server_call(id: str, name: str = "web_search") -> dict[str, Any]:
    return {"type": "server_tool_use", "id": id, "name": name, "input": {}}


SEARCH = {"type": "web_search_20260318", "name": "web_search"}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
CACHED = {"cache_control": {"type": "ephemeral"}}
FORMAT = {"format": {"type": "json_schema", "schema": {}}}

REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, "model: Field required"),
    "no messages": ({"messages": None}, "messages: Field required"),
    "an empty conversation": ({"messages": []}, "messages: at least one message is required"),
    "a model that does not prefill": (
        {"messages": turns("Hi", "Sure")},
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
    "an empty prefill": (
        {"messages": turns("Hi", "")},
        "messages: text content blocks must be non-empty",
    ),
    "white space at the end of a prefill": (
        {"model": PREFILLS, "messages": turns("Hi", "Sure ")},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    "a prefill with thinking": (
        {"model": PREFILLS, "messages": turns("Hi", "Sure"), "thinking": {"type": "enabled", "budget_tokens": 1024}},
        "prefilled when thinking is enabled",
    ),
    "a prefill with an output format": (
        {"model": PREFILLS, "messages": turns("Hi", "Sure"), "output_config": FORMAT},
        "prefilling is incompatible with JSON outputs",
    ),
    "an empty text": ({"messages": turns([text("")])}, "text content blocks must be non-empty"),
    "an empty text in the system prompt": ({"system": [text("")]}, "text content blocks must be non-empty"),
    "a blank text": ({"messages": turns("a", " \n", "b")}, "text content blocks must contain non-whitespace text"),
    "an empty turn": ({"messages": turns("a", [], "b")}, "messages.1: all messages must have non-empty content"),
    "the assistant first": ({"messages": turns("a", "b", "c")[1:]}, 'first message must use the "user" role'),
    "an unknown role": ({"messages": [{"role": "tool", "content": "a"}]}, "messages.0.role"),
    "content of a wrong kind": ({"messages": turns(3)}, "messages.0.content"),
    "a block without a type": ({"messages": turns([{"text": "a"}])}, "messages.0.content"),
    "a parameter that nobody knows": ({"fallback_models": []}, "fallback_models: Extra inputs are not permitted"),
    "a stream that is no boolean": ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    "a blank stop sequence": ({"stop_sequences": ["\n"]}, "each stop sequence must contain non-whitespace"),
    "five cache marks": (
        {"messages": turns([text(str(n), **CACHED) for n in range(4)]), "system": [text("s", **CACHED)]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "two tools of one name": ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    "a forced tool": ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "`any` and `tool` are not supported"),
    "a forced tool with thinking": (
        {
            "model": PREFILLS,
            "tools": [TOOL],
            "tool_choice": {"type": "tool", "name": "look"},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "a call without a result": (
        {"messages": turns("a", [text("b"), call("t1")], "c")},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1.",
    ),
    "one result for two calls": (
        {"messages": turns("a", [call("t1"), call("t2")], [result("t1")])},
        "immediately after: t2.",
    ),
    "a result that comes a turn late": (
        {"messages": turns("a", [call("t1")], "b", "c", [result("t1")])},
        "messages.1: `tool_use` ids were found",
    ),
    "a call at the end": ({"messages": turns("a", [call("t1")])}, "messages.1: `tool_use` ids were found"),
    "a result without a call": ({"messages": turns([result("t1")])}, "messages.0.content.0: unexpected `tool_use_id`"),
    "thinking turned off where it cannot be": (
        {"thinking": {"type": "disabled"}},
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "a budget where there is none": (
        {"model": OPTIONAL, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "no budget": ({"model": PREFILLS, "thinking": {"type": "enabled"}}, "budget_tokens: Field required"),
    "a small budget": (
        {"model": PREFILLS, "thinking": {"type": "enabled", "budget_tokens": 1023}},
        "Input should be greater than or equal to 1024",
    ),
    "a budget as large as max_tokens": (
        {"model": PREFILLS, "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    "thinking last": (
        {"messages": turns("a", [text("b"), thought(NEWEST)], "c")},
        "messages.1: The final block in an assistant message cannot be `thinking`.",
    ),
    "unsigned thinking": (
        {"messages": turns("a", [{"type": "thinking", "thinking": "x", "signature": ""}, text("b")], "c")},
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "thinking without a signature": (
        {"messages": turns("a", [{"type": "thinking", "thinking": "x"}, text("b")], "c")},
        "messages.1.content.0.thinking.signature: Field required",
    ),
    "another model's thinking": (
        {"model": OPTIONAL, "messages": turns("a", [thought("claude-opus-5"), text("b")], "c")},
        "Invalid `signature` in `thinking` block",
    ),
    "modified thinking": (
        {"model": OPTIONAL, "messages": turns("a", [thought(OPTIONAL, "x", shown="y"), text("b")], "c")},
        "Invalid `signature` in `thinking` block",
    ),
    "thinking of another conversation": (
        {"messages": turns("a", [thought(NEWEST, "x", "elsewhere"), text("b")], "c")},
        "The block is bound to a different conversation.",
    ),
    "a user who thinks": (
        {"model": OPTIONAL, "messages": turns([thought(OPTIONAL), text("b")])},
        "`thinking` blocks are only allowed in assistant messages",
    ),
    "no max_tokens": ({"max_tokens": None}, "max_tokens: Field required"),
    "negative max_tokens": ({"max_tokens": -1}, "greater than or equal to 0"),
    "a stream of no tokens": ({"max_tokens": 0, "stream": True}, "greater than or equal to 1"),
    "more than the model can write": ({"model": PREFILLS, "max_tokens": 64_001}, "max_tokens: 64001 > 64000"),
    "temperature": ({"temperature": 0.5}, "temperature: Extra inputs are not permitted"),
    "top_p": ({"top_p": 0.5}, "top_p: Extra inputs are not permitted"),
    "top_k": ({"top_k": 5}, "top_k: Extra inputs are not permitted"),
    "an assistant's document": (
        {"messages": turns("a", [{"type": "document", "source": {}}, text("b")], "c")},
        "messages.1.content.0: `document` blocks are not allowed in assistant messages",
    ),
    "a user's citations": (
        {"messages": turns([text("a", citations=[{"type": "char_location"}])])},
        "messages.0.content.0.text.citations",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_it_is_rejected(name: str) -> None:
    """With words that say where and why."""
    changes, message = REJECTED[name]
    assert message in (says(**changes) or "")


ACCEPTED: dict[str, dict[str, Any]] = {
    "a plain request": {},
    "a prefill": {"model": PREFILLS, "messages": turns("Hi", "Sure")},
    "a prefill with thinking off": {
        "model": PREFILLS,
        "messages": turns("Hi", "Sure"),
        "thinking": {"type": "disabled"},
    },
    "an empty last turn of a paused one": {"messages": turns("Hi", [server_call("srvtoolu_1")]), "tools": [SEARCH]},
    "white space inside": {"messages": turns("Hi", "Sure ", "Go on. ")},
    "two user turns in a row": {"messages": [USER, USER]},
    "calls with results": {"messages": turns("a", [call("t1"), call("t2")], [result("t2"), result("t1"), text("b")])},
    "four cache marks": {"messages": turns([text(str(n), **CACHED) for n in range(4)])},
    "a forced tool": {"model": OPTIONAL, "tools": [TOOL], "tool_choice": {"type": "any"}},
    "a budget below max_tokens": {"model": PREFILLS, "thinking": {"type": "enabled", "budget_tokens": 4095}},
    "all that a model can write": {"model": PREFILLS, "max_tokens": 64_000},
    "warming the cache": {"max_tokens": 0},
    "an assistant's citations": {"messages": turns("a", [text("b", citations=[{"type": "char_location"}])], "c")},
    "a user's empty citations": {"messages": turns([text("a", citations=[])])},
    "its own thinking": {"model": OPTIONAL, "messages": turns("a", [thought(OPTIONAL, "x"), text("b")], "c")},
    "a dated model": {"model": "claude-haiku-4-5-20251001"},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    """The strictness stops where the API's does."""
    assert says(**ACCEPTED[name]) is None


def test_thinking_is_bound_to_what_came_before_it() -> None:
    """The system prompt, the tools, the messages; neither to cache marks nor to how a text is written down."""
    asked = turns("a")
    bound = thought(NEWEST, "", conversation({"system": "s", "tools": [TOOL]}, asked))
    same = {"system": "s", "tools": [TOOL], "messages": [*asked, *turns("", [bound, text("b")], "c")[1:]]}
    same["messages"][2] = {"role": "user", "content": "c"}
    assert says(**same) is None
    assert says(**{**same, "messages": [*turns([text("a", **CACHED)]), *same["messages"][1:]]}) is None
    for change in ({"system": "t"}, {"tools": []}, {"messages": [*turns("A"), *same["messages"][1:]]}):
        assert "bound to a different conversation" in (says(**{**same, **change}) or "")


def test_what_only_the_new_version_rejects() -> None:
    """The same requests pass under the old one."""
    for name in ("temperature", "top_p", "top_k", "an assistant's document", "a user's citations"):
        assert says(OLD, **REJECTED[name][0]) is None


def test_counting_needs_no_max_tokens() -> None:
    """`count_tokens` has no such parameter."""
    assert says(counting=True, max_tokens=None) is None


def test_bodies_that_are_none() -> None:
    """A version must be named, and the body must be an object."""
    assert says(None) == "anthropic-version: header is required"
    for body in (None, [], "x"):
        error = validate(body, NEW, models=KNOWN_MODELS)
        assert error is not None
        assert error.type == "invalid_request_error"


@pytest.mark.asyncio
async def test_the_sdk_gets_the_errors_of_the_api() -> None:
    """400 and 404 as its own classes; none of them uses up a step of the script."""
    async with serving(Script(faults=[Status(529)])) as (server, sdk):
        with pytest.raises(anthropic.BadRequestError, match="does not support assistant message prefill"):
            await sdk.messages.create(**ask(messages=turns("Hi", "Sure")))
        with pytest.raises(anthropic.NotFoundError, match="model: gpt-5"):
            await sdk.messages.create(**ask(model="gpt-5"))
        with pytest.raises(anthropic.NotFoundError):
            await sdk.models.list()
        with pytest.raises(anthropic.OverloadedError):
            await sdk.messages.create(**ask())
    assert [request.status for request in server.requests] == [400, 404, 404, 529]


@pytest.mark.asyncio
async def test_keys_and_models_of_ones_own() -> None:
    """Both can be given; a bearer token will do."""
    async with FaultServer("Hi.", models=["my-model"], api_keys={"right"}) as server:
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="wrong", max_retries=0) as sdk:
            with pytest.raises(anthropic.AuthenticationError):
                await sdk.messages.create(**ask(model="my-model"))
        async with anthropic.AsyncAnthropic(base_url=server.url, auth_token="right", max_retries=0) as sdk:
            assert (await sdk.messages.create(**ask(model="my-model"))).content[0].text == "Hi."
            with pytest.raises(anthropic.NotFoundError):
                await sdk.messages.create(**ask())


def test_a_system_prompt_in_blocks() -> None:
    """It is read like the messages."""
    assert says(system=[text("You are kind.", **CACHED)]) is None
