"""The stream that the caller holds: the whole surface of the SDK's, and `report` and `partial`."""

from __future__ import annotations

import inspect
from typing import Any, Final

import anthropic
import anyio
import anyio.lowlevel
import pytest
from anthropic.lib.streaming import AsyncMessageStream, AsyncMessageStreamManager
from pydantic import BaseModel

from harness import AT_ONCE, CONTINUE, PREFILL, ask, assert_unbroken, read, read_on, serving
from unbroken import Partial, Policy, Report, ResilientStream, ResilientStreamManager, StreamFailed, resilient_stream
from unbroken.testing import (
    AFTER_CONTENT,
    Answer,
    Drop,
    Manner,
    RawBlock,
    Reset,
    Script,
    Silence,
    Status,
    Thinking,
    ToolUse,
    after_blocks,
    after_characters,
    after_events,
)
from unbroken.testing.manners.manners import FAITHFUL

pytestmark = pytest.mark.anyio

TEXT: Final = "What the caller holds looks like what the SDK gave, and does not break."
CUT: Final = Reset(at=after_characters(30))
OTHER: Final = "claude-sonnet-5-5"


def public(type_: type) -> set[str]:
    """The public names of a class, with the special ones that make it a context manager or an iterator."""
    special = ("__aiter__", "__anext__", "__aenter__", "__aexit__")
    return {name for name in dir(type_) if not name.startswith("_") or name in special}


def test_the_stream_has_the_whole_surface_of_the_sdks() -> None:
    """Every public method and property; those that are coroutines are coroutines here too."""
    for name in public(AsyncMessageStream):
        ours, theirs = getattr(ResilientStream, name, None), getattr(AsyncMessageStream, name)
        assert ours is not None, name
        assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs), name
        assert isinstance(ours, property) == isinstance(theirs, property), name
    assert public(AsyncMessageStreamManager) <= public(ResilientStreamManager)


async def test_events_are_those_of_the_sdk() -> None:
    """Type for type, and field for field, where nothing goes wrong."""
    answer = Answer([Thinking("Let me see."), TEXT])
    async with serving(answer) as (server, client):
        arguments = {name: value for name, value in ask().items() if name != "policy"}
        async with client.messages.stream(**arguments) as stream:
            theirs = [event async for event in stream]
        await server.play(answer)
        ours = (await read(client)).events
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other)
        assert one.to_dict() | {"message": None} == other.to_dict() | {"message": None}


async def test_both_iterators_take_from_the_same_stream() -> None:
    """Text first, then events, then text again: nothing is lost, nothing comes twice."""
    async with serving(Script(Answer(TEXT, pieces=(2, 4)), faults=[CUT])) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            text = await anext(stream.text_stream)
            text += await anext(stream.text_stream)
            async for event in stream:
                if event.type == "text":
                    text += event.text
                    assert event.snapshot == text
                if len(text) > 20:
                    break
            text += "".join([piece async for piece in stream.text_stream])
            assert text == TEXT
            assert (await stream.get_final_message()).content[0].text == TEXT


async def test_two_tasks_may_read_the_same_stream() -> None:
    """Each piece goes to one of them."""
    pieces: list[str] = []
    async with serving(Script(Answer(TEXT, pieces=(1, 3)), faults=[CUT])) as (server, client):
        async with resilient_stream(client, **ask()) as stream:

            async def consume() -> None:
                async for piece in stream.text_stream:
                    pieces.append(piece)
                    await anyio.lowlevel.checkpoint()

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(consume)
        assert sorted("".join(pieces)) == sorted(TEXT)
        assert len(server.requests) == 2


async def test_iterating_again_after_the_end_gives_nothing() -> None:
    """By either iterator."""
    async with serving(TEXT) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            await stream.until_done()
            assert [event async for event in stream] == []
            assert [piece async for piece in stream.text_stream] == []


async def test_the_snapshot_is_what_was_read_and_the_partial_what_arrived() -> None:
    """The first grows as the caller reads; the second may be ahead of it."""
    async with serving(Script(Answer(TEXT, pieces=(3, 3)), faults=[Silence(at=after_characters(30))])) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            assert stream.partial.text == "" or TEXT.startswith(stream.partial.text)
            first = await anext(stream.text_stream)
            assert stream.current_message_snapshot.content[0].text == first
            assert TEXT.startswith(stream.partial.text)
            assert stream.partial.text.startswith(first)
            before = stream.partial
            await anext(stream.text_stream)
            assert stream.current_message_snapshot.content[0].text == TEXT[: len(first) + 3]
            assert before.text.startswith(first)


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_the_partial_and_the_report_go_to_json_and_back(model: str) -> None:
    """From a real run, with every field."""
    answer = Answer([Thinking("Let me see."), TEXT])
    async with serving(Script(answer, faults=[CUT, Status(529)])) as (_, client):
        reading = await read(client, model=model)
    assert Partial.from_json(reading.partial.to_json()) == Partial.from_dict(reading.partial.to_dict())
    assert Partial.from_json(reading.partial.to_json()).to_message() == reading.partial.to_message()
    assert Report.from_json(reading.report.to_json()) == reading.report
    assert reading.report.to_dict()["version"] == 1


async def test_the_final_text_joins_all_text_blocks() -> None:
    """As the SDK does."""
    async with serving(Script(Answer(["First part. ", "Second part."]), faults=[Reset(at=after_characters(16))])) as (
        _,
        client,
    ):
        async with resilient_stream(client, **ask()) as stream:
            assert await stream.get_final_text() == "First part. Second part."


async def test_a_message_without_text_has_no_final_text() -> None:
    """`RuntimeError`, as in the SDK."""
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    async with serving(Answer([ToolUse("look", {"at": "this"})])) as (_, client):
        async with resilient_stream(client, **ask(tools=tools)) as stream:
            with pytest.raises(RuntimeError, match="text"):
                await stream.get_final_text()


class Weather(BaseModel):
    """A document."""

    place: str
    degrees: int


WEATHER: Final = Weather(place="a lighthouse on the western coast", degrees=21)
DOCUMENT: Final = '{"place": "a lighthouse on the western coast", "degrees": 21}'


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
@pytest.mark.parametrize(("resume", "form"), [("auto", "continue"), ("restart", "restart")])
async def test_an_output_format_is_parsed_although_the_stream_was_cut(resume: Any, form: str, model: str) -> None:
    """The document is gone on with; or, where that is asked for, begun anew, and has to replay what was delivered."""
    policy = Policy(initial_backoff=0, resume=resume)
    async with serving(Script(DOCUMENT, faults=[CUT, Drop(at=after_characters(40))])) as (server, client):
        async with resilient_stream(client, **ask(model=model, output_format=Weather, policy=policy)) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            message = await stream.get_final_message()
            assert text == DOCUMENT
            assert message.parsed_output == WEATHER
            assert [attempt.form for attempt in stream.report.attempts] == ["request", form, form]
        constrained = [bool((request.body.get("output_config") or {}).get("format")) for request in server.requests]
        assert constrained == [True, form == "restart", form == "restart"], "under it, only a whole document comes"


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # SDK 1.0, of its own parsed blocks
@pytest.mark.parametrize("manner", sorted(FAITHFUL), ids=str)
async def test_what_a_document_is_gone_on_with_is_held_until_it_is_whole(manner: Manner) -> None:
    """Nobody reads a half that is not of the document; the end is parsed as ever."""
    script = Script(Answer(DOCUMENT, manner=manner), faults=[CUT])
    async with serving(script) as (_, client):
        reading = await read(client, output_format=Weather)
    assert_unbroken(reading, DOCUMENT)
    assert reading.message.parsed_output == WEATHER


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # SDK 1.0, of its own parsed blocks
async def test_a_continuation_that_makes_no_document_is_followed_by_another() -> None:
    """Nothing of it was delivered, and its text is not in what is parsed."""
    broken = DOCUMENT[:30] + " and so on, dear reader."
    script = Script(DOCUMENT, faults=[CUT], models={OTHER: Script(Answer(broken))})
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    async with serving(script) as (_, client):
        reading = await read(client, output_format=Weather, fallback_models=[OTHER], policy=policy)
    assert_unbroken(reading, DOCUMENT)
    assert reading.message.parsed_output == WEATHER
    assert reading.forms == ["request", "continue", "continue"]
    assert reading.outcomes == ["connection", "invalid_document", "complete"]
    assert reading.report.attempts[1].characters == 0


INVALID: Final = RawBlock(
    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
    [{"type": "input_json_delta", "partial_json": '{"at": nonsense'}],
)


@pytest.mark.parametrize("iterator", ["events", "text"])
async def test_invalid_json_in_a_whole_tool_call_is_the_sdks_value_error(iterator: str) -> None:
    """It is not retried, and whoever reads on gets it again."""
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    async with serving(Answer(["I look. ", INVALID])) as (server, client):
        async with resilient_stream(client, **ask(tools=tools)) as stream:
            reader: Any = stream if iterator == "events" else stream.text_stream
            for _ in range(2):
                with pytest.raises(ValueError):  # noqa: PT011  # the message is the SDK's, and changes
                    async for _ in reader:
                        pass
        assert len(server.requests) == 1


async def test_a_failure_is_raised_again_to_whoever_reads_on() -> None:
    """After a failure there is no silent end."""
    async with serving(Script(TEXT, faults=[CUT], then=Status(529))) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            for _ in range(2):
                with pytest.raises(StreamFailed):
                    async for _ in stream:
                        pass
            for get in (stream.get_final_message, stream.get_final_text, stream.until_done):
                with pytest.raises(StreamFailed):
                    await get()


async def test_a_block_that_was_given_up_is_in_the_snapshot_and_not_in_the_message() -> None:
    """Indices hold for who reads events; the final message is whole blocks only."""
    thought = Thinking("A long thought, which does not come to its end at the first attempt.")
    answer = Answer([thought, TEXT], pieces=(4, 4))
    shown = {"type": "adaptive", "display": "summarized"}
    async with serving(Script(answer, faults=[Reset(at=after_events(6))])) as (_, client):
        async with resilient_stream(client, **ask(thinking=shown)) as stream:
            starts = [event.index async for event in stream if event.type == "content_block_start"]
            message = await stream.get_final_message()
            assert starts == [0, 1, 2]
            assert [block.type for block in stream.current_message_snapshot.content] == ["thinking", "thinking", "text"]
            assert [block.type for block in message.content] == ["thinking", "text"]
            assert message.content[0].signature
            assert await stream.get_final_text() == TEXT


async def test_text_read_before_the_failure_is_all_that_was_delivered() -> None:
    """Not a character more, and not one less, than the partial of the error."""
    text = ""
    async with serving(Script(TEXT, faults=[CUT], then=Status(529))) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            async with resilient_stream(client, **ask()) as stream:
                async for piece in stream.text_stream:
                    text += piece
    assert text == caught.value.partial.text == TEXT[:30]


# -- tools


TOOLS: Final = [{"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}]
CALLS: Final = Answer(
    ["I look twice. ", ToolUse("look", {"at": "the first thing"}), ToolUse("look", {"at": "the second thing"})]
)


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_whole_tool_calls_end_the_turn_and_half_ones_are_dropped(model: str) -> None:
    """The cut comes inside the second call: the caller runs the first, and nothing is asked again."""
    async with serving(Script(CALLS, faults=[Reset(at=after_blocks(2))])) as (server, client):
        reading = await read(client, model=model, tools=TOOLS)
        assert reading.message.stop_reason == "tool_use"
        assert [block.type for block in reading.message.content] == ["text", "tool_use"]
        assert reading.message.content[1].input == {"at": "the first thing"}
        assert reading.types.count("message_stop") == 1
        assert len(server.requests) == 1
        assert reading.codes == ["tool_use_finished"] or reading.codes[-1] == "message_stop_supplied"


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_half_a_tool_call_is_never_handed_over(model: str) -> None:
    """Its input is held until it is whole; the turn is resumed from the text before it."""
    async with serving(Script(CALLS, faults=[Reset(at=after_blocks(1)), Drop(at=after_blocks(1))])) as (_, client):
        reading = await read(client, model=model, tools=TOOLS)
        calls = [event for event in reading.events if event.type == "content_block_start"]
        assert [event.content_block.type for event in calls] == ["text", "tool_use", "tool_use"]
        assert reading.text == "I look twice. "
        assert [b.input["at"] for b in reading.message.content[1:]] == ["the first thing", "the second thing"]
        assert reading.message.stop_reason == "tool_use"


async def test_a_tool_call_that_is_whole_and_lost_its_end_is_handed_over_once() -> None:
    """Everything had arrived but `message_delta`."""
    async with serving(Script(CALLS, faults=[Drop(at=AFTER_CONTENT)])) as (server, client):
        reading = await read(client, tools=TOOLS)
        assert [block.type for block in reading.message.content] == ["text", "tool_use", "tool_use"]
        assert reading.message.stop_reason == "tool_use"
        assert len(server.requests) == 1


# -- usage


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_the_usage_of_the_message_describes_the_message_and_the_report_sums(model: str) -> None:
    """Input of the attempt that opened it, output as delivered; what was spent in all is the report's."""
    long = TEXT * 5
    async with serving(Script(long, faults=[Reset(at=after_characters(200)), Reset(at=after_characters(120))])) as (
        server,
        client,
    ):
        reading = await read(client, model=model)
        assert_unbroken(reading, long)
        attempts = reading.report.attempts
        assert reading.message.usage.input_tokens == attempts[0].input_tokens
        assert reading.message.usage.output_tokens == pytest.approx(len(long) / 4.5, rel=0.25)
        usage = reading.report.usage
        assert usage.input_tokens == sum(attempt.input_tokens or 0 for attempt in attempts)
        assert usage.input_tokens > reading.message.usage.input_tokens
        assert usage.output_tokens == attempts[-1].output_tokens
        assert usage.estimated_output_tokens == sum(a.estimated_output_tokens or 0 for a in attempts[:-1])
        assert all(attempt.estimated_output_tokens for attempt in attempts[:-1])
        assert len(server.requests) == 3


async def test_the_characters_of_the_attempts_add_up_to_the_text() -> None:
    """What each attempt brought is told apart from what it repeated."""
    async with serving(Script(TEXT, faults=[CUT])) as (server, client):
        reading = await read(client)
        first, second = reading.report.attempts
        assert first.characters + second.characters == len(TEXT)
        assert second.characters + second.discarded >= len(server.requests[1].sent_text) - 1


async def test_max_tokens_is_shared_by_all_attempts() -> None:
    """A resume asks for what is left, and for what it is to repeat; the message ends where the limit is."""
    long = " ".join(f"{n}. {TEXT}" for n in range(40))
    async with serving(Script(long, faults=[Reset(at=after_characters(800))])) as (server, client):
        async with resilient_stream(client, **ask(max_tokens=300, policy=AT_ONCE)) as stream:
            reading = await read_on(stream)
        assert reading.message.stop_reason == "max_tokens"
        assert server.requests[1].body["max_tokens"] < 200
        assert long.startswith(reading.text)
        assert len(reading.text) <= 4 * (300 + 64)


async def test_a_stop_sequence_that_the_cut_falls_into_still_stops_at_its_first_character() -> None:
    """Text that could be its head is held back until that is decided."""
    text = "Count with me: one, two, three, ENOUGH four, five."
    for cut in range(28, 40):
        async with serving(Script(text, faults=[Reset(at=after_characters(cut))])) as (_, client):
            reading = await read(client, stop_sequences=["ENOUGH"])
            assert reading.text == "Count with me: one, two, three, "
            assert reading.message.stop_reason == "stop_sequence"
            assert reading.message.stop_sequence == "ENOUGH"


async def test_the_policys_wording_asks_for_the_rest() -> None:
    """In the caller's own language."""
    policy = Policy(initial_backoff=0, continue_prompt="Bitte weiter nach: {echo}")
    async with serving(Script(TEXT, faults=[CUT])) as (server, client):
        assert_unbroken(await read(client, policy=policy), TEXT)
        assert str(server.requests[1].body["messages"][-1]["content"]).startswith("Bitte weiter nach: ")


async def test_errors_before_the_stream_are_the_sdks_own_objects() -> None:
    """With response, body and request id."""
    async with serving(Script(TEXT, then=Status(401, message="no such key"))) as (server, client):
        with pytest.raises(anthropic.AuthenticationError) as caught:
            await read(client)
        assert caught.value.request_id == server.requests[0].id
        assert "no such key" in str(caught.value)
