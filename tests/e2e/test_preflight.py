"""The preflight and the fault server judge the same requests: each is the other's test.

The server judges as the API does, and knows nothing of the preflight. What one of them objects to and the other does
not is a mistake of one of them, or stands here with its reason.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

import anthropic
import pytest
from anthropic import AsyncAnthropic, AsyncAnthropicVertex, BadRequestError
from asking import requests
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness import ask, client_of, serving
from unbroken import Notice, Policy, PreflightFailed, ResilienceMiddleware, resilient_stream
from unbroken.preflight import API_VERSION, RULES, check
from unbroken.testing import FaultServer
from unbroken.testing.rules.validation import KNOWN_MODELS, ApiError, validate

Body = dict[str, Any]

#: What `validate` does not look at, and why.
NOT_JUDGED: Final = frozenset(
    {
        "output_format_twice",  # the SDK raises it: nobody says what the API answers
        "request_too_large",  # of a body's bytes, by the server, before they are decoded
    }
)
OLD_VERSION: Final = "2023-06-01"


def judged(body: Body, version: str = API_VERSION) -> ApiError | None:
    """What the server says of a request."""
    sent = {name: value for name, value in body.items() if name != "betas"}
    return validate(sent, version, models=KNOWN_MODELS, betas=body.get("betas", ()))


def accusations(body: Body, version: str = API_VERSION) -> set[str]:
    """The codes of the errors that are found, but for those that the server cannot confirm."""
    found = check(body, version=version)
    return {finding.code for finding in found if finding.severity == "error"} - NOT_JUDGED


@given(requests())
def test_what_the_server_takes_is_not_accused(body: Body) -> None:
    """Whatever a request has."""
    assume(judged(body) is None)
    assert accusations(body) == set()


def turn(role: str, *blocks: Body) -> Body:
    return {"role": role, "content": list(blocks)}


def text(text: str, **more: Any) -> Body:
    return {"type": "text", "text": text, **more}


def use(id: str = "toolu_x") -> Body:
    return {"type": "tool_use", "id": id, "name": "look", "input": {}}


def answer(id: str = "toolu_x") -> Body:
    return {"type": "tool_result", "tool_use_id": id, "content": "done"}


def set_to(**changes: Any) -> Callable[[Body], None]:
    """A mistake: some arguments."""
    return lambda body: body.update(copy.deepcopy(changes))


def say(*more: Body) -> Callable[[Body], None]:
    """A mistake: what is said at the end."""
    return lambda body: body["messages"].extend(copy.deepcopy(more))


def first(*before: Body) -> Callable[[Body], None]:
    """A mistake: what is said before all else."""
    return lambda body: body["messages"].insert(0, *copy.deepcopy(before))


def begun(by: str = "I", **changes: Any) -> Callable[[Body], None]:
    """A mistake: the answer is begun. With tools of the API's own it might be one that the model paused."""

    def change(body: Body) -> None:
        body.pop("tools", None)
        body.pop("tool_choice", None)
        body.update(copy.deepcopy(changes))
        body["messages"].append(turn("assistant", text(by)))

    return change


def form(**schema: Any) -> Callable[[Body], None]:
    """A mistake: the form that is asked for has this in its schema."""
    whole = {**CLOSED, "properties": {"a": schema}}
    return set_to(output_config={"format": {"type": "json_schema", "schema": whole}})


def tool(**changes: Any) -> Callable[[Body], None]:
    """A mistake: the one tool that is offered."""
    return set_to(tools=[{**LOOK, **changes}], tool_choice={"type": "auto"})


def of_model(model: str, **changes: Any) -> Callable[[Body], None]:
    """A mistake: what this model does not take."""
    return set_to(model=model, **changes)


OLD: Final = "claude-haiku-4-5"
BUDGET: Final = {"type": "enabled", "budget_tokens": 1024}
LOOK: Final = {"name": "look", "input_schema": {"type": "object"}}
CLOSED: Final = {"type": "object", "additionalProperties": False}
STRICT: Final = {"strict": True, "input_schema": CLOSED}
SEARCHED: Final = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_x", "content": []}
SEARCH: Final = {"type": "server_tool_use", "id": "srvtoolu_x", "name": "web_search", "input": {}}
FORM: Final = {"format": {"type": "json_schema", "schema": CLOSED}}
CITED: Final = {"type": "document", "source": {"type": "text", "data": "a"}, "citations": {"enabled": True}}
MARK: Final = {"cache_control": {"type": "ephemeral"}}
HOUR: Final = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
THOUGHT: Final = {"type": "thinking", "thinking": "hm", "signature": "s"}

#: A mistake for each rule that the server confirms, by the rule's code.
MISTAKES: Final[dict[str, Callable[[Body], None]]] = {
    "field_missing": lambda body: body.pop("max_tokens", None),
    "messages_invalid": set_to(messages=[{"role": "user"}]),
    "messages_empty": set_to(messages=[]),
    "first_message_not_user": first(turn("system", text("a"))),
    "content_empty": say(turn("assistant", text("a")), turn("user")),
    "text_empty": say(turn("user", text(""))),
    "text_blank": say(turn("user", text(" \n"))),
    "block_field_missing": say(turn("user", {"type": "text"})),
    "block_not_users": say(turn("user", THOUGHT, text("a"))),
    "document_in_assistant": say(turn("assistant", CITED, text("a")), turn("user", text("b"))),
    "citations_in_user_text": say(turn("user", text("a", citations=[{"type": "char_location"}]))),
    "stop_sequence_blank": set_to(stop_sequences=["a", " "]),
    "prefill_unsupported": begun(),
    "prefill_trailing_white_space": begun("I ", model=OLD),
    "prefill_with_thinking": begun(model=OLD, max_tokens=4096, thinking=BUDGET),
    "prefill_with_output_format": begun(model=OLD, output_config=FORM),
    "tool_name_duplicate": set_to(tools=[LOOK, LOOK]),
    "tool_choice_without_tools": lambda body: (body.pop("tools", None), body.update(tool_choice={"type": "auto"})),
    "tool_choice_unknown": set_to(tools=[LOOK], tool_choice={"type": "tool", "name": "see"}),
    "tool_choice_unsupported": of_model("claude-opus-5-5", tools=[LOOK], tool_choice={"type": "any"}),
    "tool_choice_with_thinking": of_model(
        OLD,
        tools=[LOOK],
        tool_choice={"type": "any"},
        max_tokens=4096,
        thinking=BUDGET,
    ),
    "tool_use_without_result": say(turn("assistant", use()), turn("user", text("a"))),
    "tool_result_not_first": say(turn("assistant", use()), turn("user", text("a"), answer())),
    "tool_result_without_use": say(turn("user", answer())),
    "tool_result_twice": say(turn("assistant", use()), turn("user", answer(), answer())),
    "tool_use_id_twice": say(turn("assistant", use(), use()), turn("user", answer())),
    "tool_use_id_invalid": say(turn("assistant", use("a b")), turn("user", answer("a b"))),
    "text_after_tool_use": say(turn("assistant", use(), text("a")), turn("user", answer())),
    "server_tool_unpaired": say(turn("assistant", SEARCHED, text("a")), turn("user", text("b"))),
    "server_tool_not_offered": lambda body: (
        body.update(tools=[LOOK], tool_choice={"type": "auto"}),
        say(turn("assistant", SEARCH))(body),
    ),
    "thinking_unsupported": set_to(thinking=BUDGET, max_tokens=4096),
    "thinking_budget_missing": of_model(OLD, thinking={"type": "enabled"}),
    "thinking_budget_low": of_model(OLD, thinking={"type": "enabled", "budget_tokens": 5}, max_tokens=4096),
    "thinking_budget_too_large": of_model(OLD, thinking={"type": "enabled", "budget_tokens": 4096}, max_tokens=4096),
    "thinking_ends_turn": say(turn("assistant", text("a"), THOUGHT), turn("user", text("b"))),
    "thinking_unsigned": say(turn("assistant", {**THOUGHT, "signature": ""}, text("a")), turn("user", text("b"))),
    "thinking_not_first": lambda body: (
        of_model(OLD, thinking=BUDGET, max_tokens=4096)(body),
        say(turn("assistant", use()), turn("user", answer()))(body),
    ),
    "output_format_invalid": set_to(output_config={"format": {"type": "xml"}}),
    "output_format_with_citations": lambda body: (body.update(output_config=FORM), say(turn("user", CITED))(body)),
    "effort_unsupported": of_model(OLD, output_config={"effort": "low"}),
    "cache_control_too_many": say(turn("user", *[text("a", **MARK)] * 5)),
    "cache_control_on_thinking": say(turn("assistant", {**THOUGHT, **MARK}, text("a")), turn("user", text("b"))),
    "cache_control_on_empty_text": say(turn("user", text("", **MARK))),
    "cache_control_automatic_ttl": lambda body: (say(turn("user", text("a", **MARK)))(body), body.update(HOUR)),
    "cache_control_invalid": say(turn("user", text("a", cache_control={"type": "ephemeral", "ttl": "2h"}))),
    "cache_control_on_message": say({"role": "user", "content": "a", **MARK}),
    "cache_control_ttl_order": say(turn("user", text("a", **MARK), text("b", **HOUR))),
    "argument_invalid": set_to(metadata="u"),
    "system_empty": set_to(system=[text("")]),
    "system_invalid": set_to(system=[{"type": "text"}]),
    "messages_too_many": lambda body: body["messages"].extend([turn("user", text("a"))] * 100_000),
    "thinking_invalid": set_to(thinking=True),
    "effort_without_thinking": of_model(
        "claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "xhigh"}
    ),
    "speed_unsupported": of_model("claude-sonnet-5", speed="fast"),
    "tool_invalid": set_to(tools=[{"name": "look"}]),
    "tool_name_invalid": tool(name="look up"),
    "tool_property_name": tool(input_schema={"type": "object", "properties": {"$where": {}}}),
    "tool_schema_invalid": tool(input_schema={"type": "object", "required": "a"}),
    "tool_schema_type": tool(input_schema={"type": "string"}),
    "tool_schema_union": tool(input_schema={"type": "object", "anyOf": [{}]}),
    "tool_choice_invalid": set_to(tools=[LOOK], tool_choice="auto"),
    "schema_invalid": form(type="text"),
    "schema_recursive": form(**{"$ref": "#"}),
    "schema_reference": form(**{"$ref": "https://example.com/schema"}),
    "schema_additional_properties": form(type="object"),
    "schema_constraint": form(type="integer", minimum=1),
    "schema_one_of": form(oneOf=[{"type": "null"}]),
    "schema_enum": form(enum=[[1]]),
    "schema_all_of_reference": form(allOf=[{"$ref": "#/properties/a/$defs/b"}], **{"$defs": {"b": {}}}),
    "schema_strict_tools": set_to(tools=[{**STRICT, "name": f"look{n}"} for n in range(21)]),
    "schema_optional": form(type="object", additionalProperties=False, properties={f"p{n}": {} for n in range(25)}),
    "schema_unions": form(anyOf=[{"anyOf": [{"type": "null"}]} for _ in range(17)]),
    "schema_too_complex": form(anyOf=[{"anyOf": [{"type": "null"}]} for _ in range(15)]),
    "schema_true": form(type="array", items=True),
    "image_url_on_bedrock": lambda body: (
        say(turn("user", {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}))(body),
        body.update(model="us.anthropic.claude-opus-4-8-v1:0"),
    ),
    "sampling_removed": set_to(temperature=0.5),
    "max_tokens_invalid": set_to(max_tokens=-1),
    "max_tokens_too_large": set_to(max_tokens=128_001, betas=[]),
    "context_exceeded": of_model(OLD, system="a lamp " * 250_000),
}
#: The same of the rules that only versions before the one that the SDK sends now have.
OLDER: Final[dict[str, Callable[[Body], None]]] = {
    "sampling_both": of_model(OLD, temperature=0.5, top_p=0.9),
    "sampling_range": of_model(OLD, temperature=1.5),
    "sampling_unsupported": set_to(temperature=0.5),
    "sampling_with_thinking": of_model(OLD, temperature=0.5, max_tokens=4096, thinking=BUDGET),
}
#: Those that leave nothing for other mistakes to be made in, or that take long.
ALONE: Final = ("context_exceeded", "messages_empty", "messages_invalid", "messages_too_many")


def test_every_rule_is_judged_or_says_that_it_is_not() -> None:
    """A new rule belongs to one of the three."""
    errors = {rule.code for rule in RULES if rule.severity == "error"}
    assert errors == MISTAKES.keys() | NOT_JUDGED | OLDER.keys()
    assert not MISTAKES.keys() & NOT_JUDGED


@pytest.mark.sample(4)
@pytest.mark.parametrize("code", MISTAKES)
@settings(max_examples=10)
@given(body=requests())
def test_a_request_with_one_thing_broken_is_rejected_by_both(code: str, body: Body) -> None:
    """The server answers with a 4xx what is found as an error, and the other way round."""
    MISTAKES[code](body)
    assert code in accusations(body)
    error = judged(body)
    assert error is not None
    assert 400 <= error.status < 500


@pytest.mark.parametrize("code", OLDER)
@settings(max_examples=10)
@given(body=requests())
def test_what_only_an_older_version_rejects_is_rejected_by_both(code: str, body: Body) -> None:
    """The same, of that version."""
    OLDER[code](body)
    assert code in accusations(body, OLD_VERSION)
    assert judged(body, OLD_VERSION) is not None


@given(requests(), st.lists(st.sampled_from(sorted(MISTAKES.keys() - set(ALONE))), max_size=3))
def test_both_agree_on_any_number_of_mistakes(body: Body, codes: list[str]) -> None:
    """Also where one mistake undoes another."""
    for code in codes:
        MISTAKES[code](body)
    assert bool(accusations(body)) == (judged(body) is not None)


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_what_is_found_is_told_and_the_request_is_sent() -> None:
    """The default only warns: the API has the last word, and the notice comes with it."""
    broken = ask(messages=[turn("user", text("a")), turn("assistant", text("I"))])
    notices = []
    async with serving("Once upon a time.") as (server, client):
        with pytest.raises(Exception, match="does not support assistant message prefill"):
            async with resilient_stream(client, on_notice=notices.append, **broken) as stream:
                await stream.until_done()
        assert len(server.requests) == 1
    assert [notice.code for notice in notices] == ["preflight", "failed"]
    assert notices[0].message.startswith("messages[1]: The conversation ends with an assistant message")


@pytest.mark.anyio
@pytest.mark.backends("asyncio")  # trio lets the reader and the engine run in any order
async def test_nobody_waits_for_it() -> None:
    """What the API takes all the same is told once the first text was handed over, and once."""
    notices: list[Notice] = []
    async with serving("Once upon a time.") as (_, client):
        async with resilient_stream(client, on_notice=notices.append, **ask(model="claude-3-opus")) as stream:
            seen = [len(notices) async for _ in stream.text_stream]
    assert seen[0] == 0
    assert [notice.code for notice in notices] == ["preflight"]


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_an_error_is_raised_before_anything_is_sent() -> None:
    """At the call itself."""
    broken = ask(messages=[], policy=Policy(preflight="error"))
    async with serving("Once upon a time.") as (server, client):
        with pytest.raises(PreflightFailed, match="There is no message"):
            resilient_stream(client, **broken)
        assert server.requests == []


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_a_policy_may_ask_to_look_at_nothing() -> None:
    """Then nothing is told."""
    broken = ask(messages=[turn("user", text("a")), turn("assistant", text("I"))], policy=Policy(preflight="off"))
    notices: list[Any] = []
    async with serving("Once upon a time.") as (_, client):
        with pytest.raises(Exception, match="prefill"):
            async with resilient_stream(client, on_notice=notices.append, **broken) as stream:
                await stream.until_done()
    assert [notice.code for notice in notices] == ["failed"]


@pytest.mark.parametrize(
    ("client", "headers", "is_refused"),
    [
        # SDK 1 sends an older version of its own.
        (AsyncAnthropic(api_key="test"), None, not anthropic.__version__.startswith("1.")),
        (AsyncAnthropic(api_key="test"), {"anthropic-version": "2023-06-01"}, False),
        (AsyncAnthropic(api_key="test", default_headers={"anthropic-version": "2023-06-01"}), None, False),
        (AsyncAnthropicVertex(region="here", project_id="p", access_token="test"), None, False),
    ],
)
def test_the_version_that_the_client_sends_decides(client: Any, headers: Body | None, is_refused: bool) -> None:
    """What only the newest version rejects is not held against older ones, nor against other platforms."""
    changes: Body = {"extra_body": {"temperature": 0.5}, "model": OLD, "policy": Policy(preflight="error")}
    with pytest.raises(PreflightFailed, match="temperature") if is_refused else nullcontext():
        resilient_stream(client, extra_headers=headers, **ask(**changes))


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize("stream", [True, False])
async def test_the_middleware_looks_at_requests_too(stream: bool) -> None:
    """It tells, or raises before anything is sent, as its policy says."""
    broken = {name: value for name, value in ask(tool_choice={"type": "auto"}).items() if name != "policy"}
    notices: list[Any] = []
    told = ResilienceMiddleware(on_notice=notices.append)
    strict = ResilienceMiddleware(policy=Policy(preflight="error"))
    async with FaultServer("Once upon a time.") as server:
        async with client_of(server, middleware=[told]) as client:
            with pytest.raises(BadRequestError, match="only be specified while providing tools"):
                await client.messages.create(**broken, stream=stream)
        sent = len(server.requests)
        assert [notice.code for notice in notices].count("preflight") == 1
        async with client_of(server, middleware=[strict]) as client:
            with pytest.raises(PreflightFailed, match="`tool_choice` is given, and no tools are"):
                await client.messages.create(**broken, stream=stream)
        assert len(server.requests) == sent
