"""The scripted model, through the SDK: continuations, limits, tools, thinking."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from serving import ask, serving

from unbroken.testing import (
    Answer,
    Drop,
    EndOfFile,
    Manner,
    RawBlock,
    RedactedThinking,
    Reset,
    Script,
    ServerTool,
    Text,
    Thinking,
    ToolUse,
)
from unbroken.testing import after_characters as after
from unbroken.testing.claude.model import count_tokens
from unbroken.testing.manners.manners import STOPPING
from unbroken.testing.manners.wordings import APOLOGIES, COMPLETE, PROMISES, REFUSALS

TEXT = "The lighthouse at Rua Point was lit for the first time on the ninth of March, and for the last time later."
USER = {"role": "user", "content": "Tell me."}
PREFILLS = "claude-haiku-4-5"


def partial(text: str, *asks: str) -> list[dict[str, Any]]:
    """A conversation with a begun answer, and perhaps a user turn that asks to go on."""
    return [USER, {"role": "assistant", "content": text}, *({"role": "user", "content": each} for each in asks)]


@pytest.mark.asyncio
@pytest.mark.parametrize("cut", [1, 5, 14, 15, 40, len(TEXT) - 1, len(TEXT)])
async def test_a_prefill_goes_on_exactly_whatever_the_manner_is(cut: int) -> None:
    """The next character is the first."""
    sent = TEXT[:cut].rstrip()
    async with serving(Script(Answer(TEXT, manner=Manner.RESTART_ANSWER))) as (_, sdk):
        message = await sdk.messages.create(**ask(model=PREFILLS, messages=partial(sent)))
    assert "".join(block.text for block in message.content) == TEXT[len(sent) :]
    assert message.stop_reason == "end_turn"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("manner", "written"),
    [
        (Manner.EXACT, " Rua Point"),
        (Manner.ECHO, "lighthouse at Rua Point"),
        (Manner.LOST_SPACE, "Rua Point"),
        (Manner.RESTART_ANSWER, "The lighthouse at Rua Point"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_resume_is_answered_in_the_answers_manner(manner: Manner, written: str, stream: bool) -> None:
    """Streamed or not."""
    messages = partial(TEXT[:17], "The connection dropped after <tail>lighthouse at</tail>. Go on.")
    async with serving(Script(Answer(TEXT, manner=manner))) as (_, sdk):
        if stream:
            async with sdk.messages.stream(**ask(messages=messages)) as events:
                text = await events.get_final_text()
        else:
            text = (await sdk.messages.create(**ask(messages=messages))).content[0].text
    assert text.startswith(written)
    assert text.endswith(TEXT[18:])


@pytest.mark.asyncio
async def test_the_shape_of_the_vendors_page_is_understood() -> None:
    """The partial answer is quoted in a user turn."""
    quoted = f"Your previous response was interrupted and ended with [{TEXT[:30]}]. Continue from where you left off."
    async with serving(Script(Answer(TEXT, manner=Manner.EXACT))) as (_, sdk):
        message = await sdk.messages.create(**ask(messages=[USER, {"role": "user", "content": quoted}]))
    assert message.content[0].text == TEXT[30:]


@pytest.mark.asyncio
async def test_the_callers_own_prefill_is_remembered() -> None:
    """The first request has it alone; in the next one the partial answer follows it."""
    script = Script(TEXT, faults=[EndOfFile(at=after(20))])
    async with serving(script) as (_, sdk):
        first = ask(model=PREFILLS, messages=partial("Story:"), stream=False)
        async with sdk.messages.stream(**ask(model=PREFILLS, messages=partial("Story:"))) as stream:
            assert await stream.get_final_text() == TEXT[:20]
        second = await sdk.messages.create(**{**first, "messages": partial("Story:" + TEXT[:20])})
        again = await sdk.messages.create(**first)
    assert second.content[0].text == TEXT[20:]
    assert again.content[0].text == TEXT


@pytest.mark.asyncio
async def test_max_tokens_cut_the_answer() -> None:
    """At about four characters a token, with the right stop reason."""
    async with serving(TEXT) as (_, sdk):
        message = await sdk.messages.create(**ask(max_tokens=5))
    assert (message.content[0].text, message.stop_reason) == (TEXT[:20], "max_tokens")
    assert message.usage.output_tokens == 5


@pytest.mark.asyncio
async def test_a_stop_sequence_is_never_written() -> None:
    """The first one to come ends the answer."""
    async with serving(TEXT) as (_, sdk):
        message = await sdk.messages.create(**ask(stop_sequences=["March", " Point", "zebra"]))
        short = await sdk.messages.create(**ask(stop_sequences=["March"], max_tokens=2))
    assert (message.content[0].text, message.stop_reason) == ("The lighthouse at Rua", "stop_sequence")
    assert message.stop_sequence == " Point"
    assert (short.stop_reason, short.stop_sequence) == ("max_tokens", None)


@pytest.mark.asyncio
async def test_a_tool_call_is_streamed_in_pieces() -> None:
    """The input comes as partial JSON, and the stop reason is tool_use."""
    answer = Answer(["Let me look.", ToolUse("look", {"place": "Rua Point", "n": 3}), ToolUse("now", id="toolu_x")])
    async with serving(Script([answer, Answer("It is lit.")])) as (_, sdk):
        async with sdk.messages.stream(**ask()) as stream:
            message = await stream.get_final_message()
        plain = await sdk.messages.create(**ask())
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "lit"}
            for block in message.content
            if block.type == "tool_use"
        ]
        history = [USER, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
        after_the_call = await sdk.messages.create(**ask(messages=history))
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    assert message.content[1].input == {"place": "Rua Point", "n": 3}
    assert (message.content[2].id, message.content[2].input) == ("toolu_x", {})
    assert message.stop_reason == plain.stop_reason == "tool_use"
    assert plain.content[1].input == message.content[1].input
    assert after_the_call.content[0].text == "It is lit."


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "thinking", "shown"),
    [
        ("claude-opus-5-5", None, ""),
        ("claude-opus-5-5", {"type": "adaptive", "display": "summarized"}, "Hm, hm."),
        ("claude-sonnet-5", None, "Hm, hm."),
        ("claude-sonnet-5", {"type": "disabled"}, None),
        ("claude-sonnet-5", {"type": "adaptive", "display": "omitted"}, ""),
        ("claude-opus-4-8", None, None),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 1024}, "Hm, hm."),
    ],
)
async def test_thinking_comes_where_the_request_lets_the_model_think(
    model: str, thinking: dict[str, Any] | None, shown: str | None
) -> None:
    """Signed, with its text or without; and it can be sent back."""
    request = ask(model=model, thinking=thinking)
    async with serving(Script(Answer([Thinking("Hm, hm."), TEXT]))) as (server, sdk):
        async with sdk.messages.stream(**request) as stream:
            message = await stream.get_final_message()
        plain = await sdk.messages.create(**request)
        thoughts = [block for block in message.content if block.type == "thinking"]
        assert [block.thinking for block in thoughts] == ([] if shown is None else [shown])
        assert all(block.signature for block in thoughts)
        history = [USER, {"role": "assistant", "content": message.content}, {"role": "user", "content": "More."}]
        await sdk.messages.create(**{**request, "messages": history})
    assert [block.to_dict() for block in plain.content] == [_wire(block) for block in message.content]
    assert [entry.status for entry in server.requests] == [200, 200, 200]


def _wire(block: Any) -> dict[str, Any]:
    return {name: value for name, value in block.to_dict().items() if name != "parsed_output"}


@pytest.mark.asyncio
async def test_a_model_that_thinks_does_so_again_before_it_goes_on() -> None:
    """And writes what follows the text it was cut in."""
    answer = Answer([Thinking("Hm."), TEXT, ToolUse("look")], manner=Manner.EXACT)
    async with serving(Script(answer)) as (_, sdk):
        message = await sdk.messages.create(**ask(messages=partial(TEXT[:30], "Go on.")))
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[1].text == TEXT[30:]


@pytest.mark.asyncio
async def test_what_the_request_carries_is_not_written_again() -> None:
    """A server tool's call and result, which stand between two texts."""
    call = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "Rua"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    answer = Answer(["Let me look. ", RawBlock(call), RawBlock(result), Text(TEXT)], manner=Manner.EXACT)
    text = {"type": "text", "text": "Let me look. "}
    begun = [USER, {"role": "assistant", "content": [text, call, result, {"type": "text", "text": TEXT[:10]}]}]
    cut = [USER, {"role": "assistant", "content": [text, call, result]}]
    go_on = {"role": "user", "content": "Go on."}
    async with serving(Script(answer)) as (_, sdk):
        whole = await sdk.messages.create(**ask())
        rest = await sdk.messages.create(**ask(messages=[*begun, go_on]))
        after_result = await sdk.messages.create(**ask(messages=[*cut, go_on]))
    assert [block.type for block in whole.content] == ["text", "server_tool_use", "web_search_tool_result", "text"]
    assert [block.type for block in rest.content] == ["text"]
    assert rest.content[0].text == TEXT[10:]
    assert [block.type for block in after_result.content] == ["text"]


@pytest.mark.asyncio
async def test_citations_come_before_the_end_of_their_block() -> None:
    """As `citations_delta` events."""
    cited = {
        "type": "char_location",
        "cited_text": "lit",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 3,
        "file_id": None,
    }
    async with serving(Script(Answer([Text(TEXT, [cited])]))) as (_, sdk):
        async with sdk.messages.stream(**ask()) as stream:
            streamed = await stream.get_final_message()
        plain = await sdk.messages.create(**ask())
    assert streamed.content[0].citations[0].cited_text == "lit"
    assert plain.content[0].citations == streamed.content[0].citations


@pytest.mark.asyncio
async def test_a_limit_inside_thinking_or_a_tool_call() -> None:
    """Thinking that is cut has no signature; what follows the limit is not written."""
    answer = Answer([Thinking("Hm, hm, hm."), "Look.", ToolUse("look", {"place": "Rua Point"})])
    shown = {"type": "adaptive", "display": "summarized"}
    async with serving(Script(answer)) as (_, sdk):
        thought = await sdk.messages.create(**ask(max_tokens=1, thinking=shown))
        called = await sdk.messages.create(**ask(max_tokens=6, thinking=shown))
    assert [(block.type, block.signature) for block in thought.content] == [("thinking", "")]
    assert [block.type for block in called.content] == ["thinking", "text", "tool_use"]
    assert called.content[2].input == {}
    assert thought.stop_reason == called.stop_reason == "max_tokens"


@pytest.mark.asyncio
async def test_the_same_seed_cuts_the_same_pieces() -> None:
    """And another one others."""

    async def pieces(seed: int) -> list[str]:
        async with serving(Script(TEXT, seed=seed)) as (_, sdk), sdk.messages.stream(**ask()) as stream:
            return [piece async for piece in stream.text_stream]

    assert await pieces(1) == await pieces(1) != await pieces(2)


@pytest.mark.asyncio
async def test_each_model_has_its_own_steps_and_its_own_answer() -> None:
    """A model that is named does not use up the others' steps."""
    script = Script(
        "Everybody's.",
        faults=[Drop(at=after(3))],
        models={"claude-haiku-4-5": Script("Haiku's.", then=Reset(at=after(2))), "claude-opus-4-8": Script()},
    )
    got: list[str] = []
    async with serving(script) as (server, sdk):
        for model in (
            "claude-opus-4-8",
            "claude-haiku-4-5-20251001",
            "claude-haiku-4-5",
            "claude-sonnet-5",
            "claude-sonnet-5",
        ):
            text = ""
            try:
                async with sdk.messages.stream(**ask(model=model)) as stream:
                    async for piece in stream.text_stream:
                        text += piece
            except Exception as error:
                text += type(error).__name__
            got.append(text)
    assert got == ["Everybody's.", "HaReadError", "HaReadError", "EveRemoteProtocolError", "Everybody's."]
    assert [request.model for request in server.requests][1] == "claude-haiku-4-5-20251001"


@pytest.mark.asyncio
async def test_tokens_are_counted() -> None:
    """By `count_tokens`, which uses up no step."""
    async with serving(Script(TEXT, faults=[Reset()])) as (_, sdk):
        short = await sdk.messages.count_tokens(**ask(max_tokens=None))
        long = await sdk.messages.count_tokens(**ask(max_tokens=None, system="x" * 400))
        with pytest.raises(httpx2.ReadError):
            async with sdk.messages.stream(**ask()) as stream:
                await stream.get_final_message()
    assert long.input_tokens - short.input_tokens in range(95, 105)


SEARCH_TOOL = {"type": "web_search_20260318", "name": "web_search"}
CODE_TOOL = {"type": "code_execution_20260521", "name": "code_execution"}
LOOK = {"name": "look", "input_schema": {"type": "object"}}
FORMAT = {"format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}}
PAGE = {"type": "web_search_result", "url": "https://example.com", "title": "T", "page_age": None}
SEARCH = ServerTool("web_search", {"query": "x"}, [PAGE])
SOURCE = {"type": "web_search_result_location", "url": "https://example.com", "title": "T", "cited_text": "lit"}


def kinds(message: Any) -> list[str]:
    return [block.type for block in message.content]


@pytest.mark.asyncio
async def test_a_tool_that_is_no_longer_offered_is_not_called() -> None:
    """Once a request has offered it; until then a test need not name the tools."""
    answer = Answer(["I look. ", ToolUse("look"), SEARCH, "Found."])
    async with serving(Script(answer)) as (_, sdk):
        before = await sdk.messages.create(**ask())
        await sdk.messages.create(**ask(tools=[LOOK, SEARCH_TOOL]))
        without = await sdk.messages.create(**ask())
        with_one = await sdk.messages.create(**ask(tools=[SEARCH_TOOL]))
    assert kinds(before) == ["text", "tool_use", "server_tool_use", "web_search_tool_result", "text"]
    assert kinds(without) == ["text", "text"]
    assert kinds(with_one) == ["text", "server_tool_use", "web_search_tool_result", "text"]


@pytest.mark.asyncio
async def test_a_paused_turn_is_sent_back_and_gone_on_with() -> None:
    """The call that was running has its result in the next response, and the turn its end."""
    first = Answer(["I search. ", ServerTool("web_search", {"query": "x"})], stop_reason="pause_turn")
    script = Script([Answer([first.blocks[0], SEARCH], stop_reason="pause_turn"), Answer("It was lit.")])
    async with serving(script) as (server, sdk):
        paused = await sdk.messages.create(**ask(tools=[SEARCH_TOOL]))
        turn = [USER, {"role": "assistant", "content": paused.content}]
        ended = await sdk.messages.create(**ask(tools=[SEARCH_TOOL], messages=turn))
        await server.play(Script([first, Answer("It was lit.")]))
        paused_in_a_call = await sdk.messages.create(**ask(tools=[SEARCH_TOOL]))
        turn = [USER, {"role": "assistant", "content": paused_in_a_call.content}]
        ended_too = await sdk.messages.create(**ask(tools=[SEARCH_TOOL], messages=turn))
    assert paused.stop_reason == paused_in_a_call.stop_reason == "pause_turn"
    assert kinds(paused_in_a_call) == ["text", "server_tool_use"]
    assert [message.content[0].text for message in (ended, ended_too)] == ["It was lit."] * 2
    assert ended.stop_reason == ended_too.stop_reason == "end_turn"


@pytest.mark.asyncio
async def test_what_a_message_has_beside_its_content() -> None:
    """The details of a refusal, the container that the request named, the searches that were made."""
    code = ServerTool(
        "code_execution", {"code": "1"}, {"type": "code_execution_tool_result_error", "error_code": "unavailable"}
    )
    container = {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"}
    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    script = Script(
        [
            Answer([code, SEARCH, "Done."], container=container),
            Answer("I cannot", stop_reason="refusal"),
            Answer("I cannot", stop_reason="refusal", stop_details=details),
        ]
    )
    async with serving(script) as (_, sdk):
        turns = [USER]
        messages = []
        for _ in range(3):
            async with sdk.messages.stream(**ask(tools=[CODE_TOOL, SEARCH_TOOL], messages=turns)) as stream:
                messages.append(await stream.get_final_message())
            turns = [*turns, {"role": "assistant", "content": messages[-1].content}, USER]
        named = await sdk.messages.create(**ask(tools=[CODE_TOOL], container="container_7"))
    ran, refused, refused_with_details = messages
    assert ran.container.id == "container_1"
    assert named.container.id == "container_7"
    assert ran.usage.server_tool_use.web_search_requests == 1
    assert refused.stop_details.to_dict() == {"type": "refusal", "category": None, "explanation": None}
    assert refused_with_details.stop_details.to_dict() == details


@pytest.mark.asyncio
async def test_a_document_of_a_form_is_always_begun_anew() -> None:
    """Whoever must write a whole one cannot go on with another; without the form it can."""
    document = '{"lit": "March", "steps": 112}'
    messages = partial(document[:12], "Go on, please.")
    async with serving(Script(Answer(document, manner=Manner.EXACT))) as (_, sdk):
        again = await sdk.messages.create(**ask(messages=messages, output_config=FORMAT))
        rest = await sdk.messages.create(**ask(messages=messages))
    assert again.content[0].text == document
    assert rest.content[0].text == document[12:]


@pytest.mark.asyncio
async def test_who_writes_a_text_again_cites_again() -> None:
    """Before the text, as the API does; a search result's index is the server's own, and each time another."""
    place = {"type": "page_location", "cited_text": "x", "document_index": 0, "document_title": None}
    answer = Answer([Text("It was lit. ", [place, SOURCE])], manner=Manner.ECHO)
    async with serving(Script(answer)) as (_, sdk):
        whole = await sdk.messages.create(**ask())
        given = [whole.content[0].citations[0].to_dict()]
        content = [{"type": "text", "text": "It was lit. ", "citations": given}]
        messages = [USER, {"role": "assistant", "content": content}, {"role": "user", "content": 'Repeat "was lit. ".'}]
        rest = await sdk.messages.create(**ask(messages=messages))
    assert [each.type for each in whole.content[0].citations] == ["page_location", "web_search_result_location"]
    assert rest.content[0].text == "was lit. "
    told = [(each.type, each.cited_text) for each in whole.content[0].citations]
    assert [(each.type, each.cited_text) for each in rest.content[0].citations] == told
    assert whole.content[0].citations[1].encrypted_index != rest.content[0].citations[1].encrypted_index


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("carried", "written"),
    [
        ([], ["thinking", "text", "server_tool_use", "web_search_tool_result", "redacted_thinking", "text"]),
        ([0], ["thinking", "text", "server_tool_use", "web_search_tool_result", "redacted_thinking", "text"]),
        ([0, 1, 2], ["thinking", "text"]),
    ],
)
async def test_whole_blocks_are_not_written_again(carried: list[int], written: list[str]) -> None:
    """A model that thinks does so first; the text it repeats, when asked to, comes before the calls that are left."""
    answer = Answer([Thinking("Hm."), "I search. ", SEARCH, RedactedThinking(), "It was lit."])
    async with serving(Script(answer)) as (_, sdk):
        whole = await sdk.messages.create(**ask(tools=[SEARCH_TOOL]))
        blocks = [block for block in whole.content if not block.type.endswith("thinking")]
        content = [blocks[index] for index in carried]
        begun = [{"role": "assistant", "content": content}, {"role": "user", "content": 'Go on after "search. ".'}]
        request = ask(tools=[SEARCH_TOOL], messages=[USER, *begun] if carried else [USER])
        rest = await sdk.messages.create(**request)
    assert kinds(rest) == written


#: What quotes the end of what is carried, "lighthouse at", and half a word of what is not.
ASKS = "The line dropped after <end>lighthouse at Ru</end>. Repeat that. Go on."
REST = TEXT[17:]


async def answered(sdk: Any, **changes: Any) -> tuple[str, str]:
    """The text and the stop reason of an answer to the request to go on; the same streamed and not."""
    request = ask(messages=partial(TEXT[:17], ASKS), **changes)
    async with sdk.messages.stream(**request) as stream:
        streamed = await stream.get_final_message()
    message = await sdk.messages.create(**request)
    assert {block.type for block in message.content} <= {"text"}
    assert streamed.stop_reason == message.stop_reason
    return "".join(block.text for block in message.content), message.stop_reason


@pytest.mark.asyncio
@pytest.mark.parametrize("content", [TEXT, [TEXT, ToolUse("look"), "More."]], ids=["text", "with a call"])
@pytest.mark.parametrize("reason", [None, "pause_turn"])
async def test_a_model_that_stops_ends_its_turn(content: Any, reason: str | None) -> None:
    """Whatever is left of the answer, and however that was to end."""
    wordings = {
        Manner.ECHO_ONLY: {"lighthouse at Ru"},
        Manner.MARKED_ECHO_ONLY: {"<end>lighthouse at Ru</end>"},
        Manner.APOLOGY: set(APOLOGIES),
        Manner.REFUSAL_IN_TEXT: set(REFUSALS),
        Manner.ALREADY_COMPLETE: set(COMPLETE),
        Manner.PROMISE: set(PROMISES),
        Manner.EMPTY: {""},
        Manner.INSTRUCTION: {
            "The line dropped after\n\n<end>lighthouse at Ru",
            "Repeat that. Go on.",
        },
    }
    for manner in STOPPING:
        script = Script(Answer(content, manner=manner, stop_reason=reason, stop_details={"type": "x"}))
        async with serving(script) as (_, sdk):
            text, stop_reason = await answered(sdk)
        assert stop_reason == "end_turn"
        if manner in wordings:
            assert text in wordings[manner]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("manner", "written"),
    [
        (Manner.MARKED_ECHO, f"<end>lighthouse at Ru</end>{REST[3:]}"),
        (Manner.CLOSING_MARK, f"lighthouse at Ru</end>{REST[3:]}"),
    ],
)
async def test_the_marks_of_the_request_get_into_the_text(manner: Manner, written: str) -> None:
    """The model took them from the request; what comes behind the text comes too."""
    async with serving(Script(Answer([TEXT, ToolUse("look")], manner=manner))) as (_, sdk):
        message = await sdk.messages.create(**ask(messages=partial(TEXT[:17], ASKS)))
        assert (message.content[0].text, kinds(message), message.stop_reason) == (
            written,
            ["text", "tool_use"],
            "tool_use",
        )


@pytest.mark.asyncio
async def test_an_empty_turn_has_no_content() -> None:
    """Not even thinking; the stream is whole."""
    answer = Answer([Thinking("Hm."), TEXT, ToolUse("look")], manner=Manner.EMPTY)
    async with serving(Script(answer)) as (_, sdk):
        async with sdk.messages.stream(**ask(messages=partial(TEXT[:17], ASKS))) as stream:
            types = [event.type async for event in stream]
            message = await stream.get_final_message()
        plain = await sdk.messages.create(**ask(messages=partial(TEXT[:17], ASKS)))
        whole = await sdk.messages.create(**ask())
    assert types == ["message_start", "message_delta", "message_stop"]
    assert message.content == plain.content == []
    assert message.stop_reason == plain.stop_reason == "end_turn"
    assert kinds(whole) == ["thinking", "text", "tool_use"], "who is asked afresh answers as ever"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("content", "written"),
    [
        ([TEXT, ToolUse("look")], ["tool_use"]),
        ([TEXT, "More.", SEARCH, "Found."], ["server_tool_use", "web_search_tool_result", "text"]),
        ([Thinking("Hm."), TEXT, ToolUse("look"), ToolUse("now")], ["thinking", "tool_use", "tool_use"]),
        ([TEXT, "More."], ["text", "text"]),
        ([TEXT, RawBlock({"type": "hologram"})], ["text", "hologram"]),
        ([TEXT, RawBlock({"type": "server_tool_use", "id": "s", "name": "x", "input": {}})], ["server_tool_use"]),
    ],
)
@pytest.mark.parametrize("cut", [17, len(TEXT)])
async def test_a_model_goes_straight_to_its_next_call(content: list[Any], written: list[str], cut: int) -> None:
    """Whether its text was whole or not; without a call it goes on as it should."""
    messages = partial(TEXT[:cut], f'It ended in "{TEXT[cut - 12 : cut]}".')
    async with serving(Script(Answer(content, manner=Manner.STRAIGHT_TO_TOOL))) as (_, sdk):
        message = await sdk.messages.create(**ask(messages=messages))
    exact = ["text"] * (written[0] == "text" and cut < len(TEXT))
    assert kinds(message) == (exact + written[1:] if written[0] == "text" else written)
    if exact:
        assert message.content[0].text == TEXT[cut:]


@pytest.mark.asyncio
async def test_a_model_repeats_a_text_that_was_whole_and_stops() -> None:
    """The call that is left is not made."""
    messages = partial(TEXT, f'It ended in "{TEXT[-12:]}".')
    async with serving(Script(Answer([TEXT, ToolUse("look")], manner=Manner.ECHO_ONLY))) as (_, sdk):
        message = await sdk.messages.create(**ask(messages=messages))
    assert (message.content[0].text, message.stop_reason, kinds(message)) == (TEXT[-12:], "end_turn", ["text"])


@pytest.mark.asyncio
async def test_the_citations_of_an_answer_are_not_those_of_an_apology() -> None:
    """They come with the answer's own text only."""
    cited = {"type": "page_location", "cited_text": "x", "document_index": 0, "document_title": None}
    for manner, number in ((Manner.APOLOGY, 0), (Manner.ECHO, 1)):
        async with serving(Script(Answer([Text(TEXT, [cited])], manner=manner))) as (_, sdk):
            message = await sdk.messages.create(**ask(messages=partial(TEXT[:17], ASKS)))
        assert len(message.content[0].citations or []) == number


@pytest.mark.asyncio
@pytest.mark.parametrize("manner", [Manner.RESTART_ANSWER, Manner.RESTART_NUMBERED, Manner.RESTART_RENUMBERED])
async def test_max_tokens_end_a_replay_before_it_comes_to_anything_new(manner: Manner) -> None:
    """The limit is the request's own, and the replay is counted: no manner of its own is needed for it."""
    answer = Answer(f"1. {TEXT}", manner=manner, pieces=(5, 5))
    messages = partial(f"1. {TEXT[:60]}", f'It ended in "{TEXT[40:63]}".')
    async with serving(Script(answer)) as (_, sdk):
        cut = await sdk.messages.create(**ask(messages=messages, max_tokens=12))
        whole = await sdk.messages.create(**ask(messages=messages, max_tokens=120))
    assert (len(cut.content[0].text), cut.stop_reason) == (48, "max_tokens")
    assert cut.content[0].text.endswith(TEXT[:45])
    assert whole.content[0].text.endswith(TEXT)


@pytest.mark.asyncio
@pytest.mark.parametrize("manner", [Manner.EMPTY, Manner.APOLOGY, Manner.MARKED_ECHO])
async def test_a_prefill_and_a_document_of_a_form_know_no_manner(manner: Manner) -> None:
    """The one is gone on with exactly, the other begun anew."""
    async with serving(Script(Answer(TEXT, manner=manner))) as (_, sdk):
        prefilled = await sdk.messages.create(**ask(model=PREFILLS, messages=partial(TEXT[:17])))
        formed = await sdk.messages.create(**ask(messages=partial(TEXT[:17], ASKS), output_config=FORMAT))
    assert (prefilled.content[0].text, formed.content[0].text) == (REST, TEXT)


def test_an_image_is_no_text_to_be_counted() -> None:
    """Its base64 is left out; in a tool's result as well."""
    source = {"type": "base64", "media_type": "image/png", "data": "a" * 400_000}
    image = {"type": "image", "source": source}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
    body = {"messages": [{"role": "user", "content": [image, result, {"type": "text", "text": "b" * 400}]}]}
    assert 100 < count_tokens(body) < 400
