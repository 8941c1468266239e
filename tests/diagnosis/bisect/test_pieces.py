"""Requests as pieces."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from asking import MARK, requests, well_formed
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from unbroken.diagnosis.bisect.pieces import LOW_TOKENS, PLACEHOLDER, Pieces, filled, spelled

HELLO = {"role": "user", "content": PLACEHOLDER}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "s"}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if len(content) == 1 else list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content[0] if isinstance(content[0], str) else list(content)}


def ask(*turns: Any, **more: Any) -> dict[str, Any]:
    return {"model": "claude-opus-4-8", "max_tokens": LOW_TOKENS, **more, "messages": list(turns) or [user("Hi.")]}


def paths(request: dict[str, Any]) -> list[str]:
    return [spelled(path) for path in Pieces(request).paths]


def only(request: dict[str, Any], *wanted: str) -> dict[str, Any]:
    """The request with these pieces and what they need."""
    pieces = Pieces(request)
    known = paths(request)
    return pieces.request(pieces.closed(known.index(path) for path in wanted))


@settings(max_examples=60)
@given(request=requests(), data=st.data())
def test_any_pieces_are_a_request_that_the_api_takes(request: dict[str, Any], data: st.DataObject) -> None:
    """The law: of a request that is well-formed, so is every part; and nothing of the original changes."""
    assume(well_formed(request) is None)
    before = copy.deepcopy(request)
    pieces = Pieces(request)
    kept = pieces.closed(data.draw(st.sets(st.sampled_from(range(len(pieces))))))
    assert well_formed(pieces.request(kept)) is None
    assert request == before


@settings(max_examples=60)
@given(requests())
def test_all_pieces_are_the_request_and_none_are_the_least(request: dict[str, Any]) -> None:
    """With everything left out, the model is told to say hello."""
    pieces = Pieces(request)
    assert pieces.request(pieces.closed(range(len(pieces)))) == request
    least = pieces.request(frozenset())
    assert least == {
        "model": request["model"],
        "max_tokens": min(request["max_tokens"], LOW_TOKENS),
        "messages": [HELLO],
    }


@settings(max_examples=60)
@given(requests())
def test_a_piece_comes_after_the_one_that_it_is_in(request: dict[str, Any]) -> None:
    """So that a beginning of the pieces is a request."""
    seen: set[tuple[str | int, ...]] = set()
    for path in Pieces(request).paths:
        assert not any(path == other[: len(path)] for other in seen)
        seen.add(path)


def test_the_pieces_stand_in_the_order_of_a_prompt() -> None:
    """Arguments, tools, the choice among them, the system prompt, the turns, and last what bounds the answer."""
    tool = {"name": "look", "description": "It looks.", "input_schema": {"type": "object", "properties": {"a": {}}}}
    request = ask(
        user({"type": "text", "text": "Hi.", "cache_control": MARK}, {"type": "text", "text": "You."}),
        assistant("Hello."),
        user("Well?"),
        system=[{"type": "text", "text": "Be brief."}],
        tool_choice={"type": "auto"},
        tools=[tool],
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "title": "T"}}},
        betas=["b"],
        max_tokens=LOW_TOKENS + 1,
    )
    assert paths(request) == [
        "betas",
        "output_config.effort",
        "output_config.format",
        "output_config.format.schema.title",
        "tools[0]",
        "tools[0].description",
        "tools[0].input_schema.properties.a",
        "tool_choice",
        "system[0]",
        "messages[0].content[0]",
        "messages[0].content[0].cache_control",
        "messages[0].content[1]",
        "messages[1]",
        "messages[2]",
        "max_tokens",
    ]


def test_names_that_are_no_identifiers_are_quoted() -> None:
    """A property may be called anything."""
    assert spelled(("tools", 3, "input_schema", "$defs", "a b", "items")) == "tools[3].input_schema.$defs['a b'].items"


def test_what_holds_nothing_any_more_is_left_out_but_for_what_has_to_be_there() -> None:
    """No empty `metadata`; an empty `input_schema`, and a property that takes anything."""
    schema = {"properties": {"a": {"pattern": "^a$"}}}
    request = ask(tools=[{"name": "look", "input_schema": schema}], metadata={"user_id": "u"}, stop_sequences=["x"])
    assert only(request, "tools[0]") == ask(HELLO, tools=[{"name": "look", "input_schema": {}}])
    assert only(request, "tools[0].input_schema.properties.a")["tools"][0]["input_schema"] == {"properties": {"a": {}}}


def test_a_required_name_comes_with_its_property() -> None:
    """A name that is no property's stands alone: it may be what is wrong."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "c"]}
    request = ask(tools=[{"name": "look", "input_schema": schema}])
    built = only(request, "tools[0].input_schema.required[0]")["tools"][0]["input_schema"]
    assert built == {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    built = only(request, "tools[0].input_schema.required[1]")["tools"][0]["input_schema"]
    assert built == {"type": "object", "required": ["c"]}


def test_a_reference_comes_with_what_it_refers_to() -> None:
    """With the names of the pointer unescaped."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a~1b"}},
        "$defs": {"a/b": {"type": "string"}, "c": {}},
    }
    request = ask(output_config={"format": {"type": "json_schema", "schema": schema}})
    built = only(request, "output_config.format.schema.properties.a.$ref")["output_config"]["format"]["schema"]
    assert built == {"type": "object", "properties": schema["properties"], "$defs": {"a/b": {"type": "string"}}}


def test_a_choice_comes_with_its_tool() -> None:
    """The one that it names, or any."""
    tools = [{"name": name, "description": name, "input_schema": {}} for name in "ab"]
    bare = [{"name": name, "input_schema": {}} for name in "ab"]
    request = ask(tools=tools, tool_choice={"type": "tool", "name": "b"})
    assert only(request, "tool_choice")["tools"] == bare[1:]
    assert only({**request, "tool_choice": {"type": "any"}}, "tool_choice")["tools"] == bare[:1]
    assert "tools" not in only(ask(tool_choice={"type": "none"}), "tool_choice")


def test_calls_and_their_results_come_together_with_the_tool() -> None:
    """Also those of the server's tools; the input of a call and its result can be empty."""
    tools = [{"name": "look", "input_schema": {}}, {"type": "web_search_20260318", "name": "web_search", "max_uses": 1}]
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"where": "out"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "Dark."}]}
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    request = ask(user("Look."), assistant(call), user("x", result), assistant(search, found), user("So?"), tools=tools)
    bare = {**call, "input": {}}
    least = ask(HELLO, assistant(bare), {"role": "user", "content": [{**result}]}, tools=tools[:1])
    del least["messages"][2]["content"][0]["content"]
    request["messages"][2]["content"].reverse()
    assert only(request, "messages[1].content[0]") == only(request, "messages[2].content[0]") == least
    whole = only(request, "messages[1].content[0].input", "messages[2].content[0].content[0]")
    assert whole == ask(HELLO, assistant(call), {"role": "user", "content": [result]}, tools=tools[:1])
    searched = ask(HELLO, assistant(search, found), HELLO, tools=[{**tools[1]}])
    del searched["tools"][0]["max_uses"]
    assert only(request, "messages[3].content[1]") == searched


def test_thinking_comes_with_all_that_it_was_written_after() -> None:
    """Its signature is bound to the tools, the system prompt and the turns before it, and not to the arguments."""
    request = ask(
        user("Hi."),
        assistant(SIGNED, {"type": "text", "text": "Hello."}),
        user("Well?"),
        system="Be brief.",
        tools=[{"name": "look", "description": "It looks.", "input_schema": {}}],
        service_tier="auto",
    )
    built = only(request, "messages[1].content[0]")
    assert built["messages"] == [user("Hi."), assistant(SIGNED), HELLO]
    assert {name: built.get(name) for name in ("system", "tools", "service_tier")} == {
        "system": "Be brief.",
        "tools": request["tools"],
        "service_tier": None,
    }
    # What is the first of all is bound to nothing, but betas are needed by everything.
    request = ask(assistant(SIGNED, {"type": "text", "text": "Hello."}), betas=["b"])
    assert only(request, "messages[0].content[0]")["betas"] == ["b"]


def test_a_server_and_its_toolset_come_together() -> None:
    """The API takes neither without the other."""
    servers = [{"type": "url", "name": "maps", "url": "x"}]
    toolset = {"type": "mcp_toolset", "mcp_server_name": "maps"}
    request = ask(tools=[toolset, "nonsense"], mcp_servers=servers, betas=["mcp-client-2025-11-20"])
    for path in ("mcp_servers", "tools[0]"):
        built = only(request, path)
        assert (built["mcp_servers"], built["tools"]) == (servers, [toolset])


@pytest.mark.parametrize(
    ("kept", "turns"),
    [
        (
            "messages[0]",
            [
                user("One."),
            ],
        ),
        ("messages[1]", [HELLO, assistant("Two."), HELLO]),
        ("messages[3]", [HELLO, assistant("Four.")]),
    ],
)
def test_the_users_turns_are_first_and_last(kept: str, turns: list[dict[str, Any]]) -> None:
    """But for a last turn of the assistant, where the request had one."""
    request = ask(user("One."), assistant("Two."), user("Three."), assistant("Four."))
    assert only(request, kept)["messages"] == turns


def test_max_tokens_is_low_until_it_is_suspected() -> None:
    """A thinking budget needs more."""
    request = ask(max_tokens=9_000, thinking={"type": "enabled", "budget_tokens": 2_000})
    assert only(request)["max_tokens"] == LOW_TOKENS
    assert only(request, "thinking")["max_tokens"] == 2_000 + LOW_TOKENS
    assert only(request, "max_tokens")["max_tokens"] == 9_000


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"model": "m", "max_tokens": "many", "messages": "Hi."},
        {"messages": ["Hi.", {"role": "user"}, {"role": "user", "content": [1]}], "tools": {}, "tool_choice": "auto"},
        {"tools": ["look", {"name": "look", "input_schema": True}], "system": [1], "thinking": 1, "output_format": 1},
        {"output_config": {"format": 1}, "metadata": 1, "messages": []},
    ],
)
def test_what_is_no_request_has_pieces_too(request_: dict[str, Any]) -> None:
    """Preflight names what is wrong; here nothing breaks."""
    pieces = Pieces(request_)
    whole = pieces.request(pieces.closed(range(len(pieces))))
    assert whole.keys() == request_.keys()
    assert pieces.request(frozenset()).keys() <= request_.keys()


def test_filler_has_the_length_of_what_it_stands_for() -> None:
    """In every text of every turn; thinking cannot be filled, and goes."""
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "abc"}]}
    request = ask(user("word " * 30), assistant(SIGNED), assistant({"type": "text", "text": "abc"}), user(1, 2))
    request["messages"][-1]["content"] = [result, {"type": "image", "source": {}}]
    turns = filled(request)["messages"]
    assert len(turns[0]["content"]) in (149, 150)
    assert "word" not in turns[0]["content"]
    assert turns[1] == assistant({"type": "text", "text": "lor"})
    assert turns[2]["content"] == [
        {**result, "content": [{"type": "text", "text": "lor"}]},
        {"type": "image", "source": {}},
    ]
    source = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": {"type": "error"}}
    assert filled(ask(assistant(source)))["messages"] == [assistant(source)]
    # What the API rejects is looked for too.
    odd = ["no turn", {"role": "user"}, user("no block", {"no": "type"})]
    assert filled(ask(*odd))["messages"] == ["no turn", user("no block", {"no": "type"})]


def test_a_call_and_a_result_without_ids_do_not_break_it() -> None:
    """The API may be asked what it thinks of them."""
    call = {"type": "tool_use", "name": "a", "input": {}}
    assert len(Pieces(ask(assistant(call), user({"type": "tool_result", "content": "x"}, {"type": "text"})))) >= 2
