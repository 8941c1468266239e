"""A client with the middleware and a journal: a request that is made again goes on, whoever makes it, and where."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

import anthropic
import anyio
import pytest
from anthropic import AsyncAnthropic, AsyncAnthropicBedrock
from tests.corpus.grammar import SHAPES, request_for
from tests.durable.killed import entries_of, killed_after, records_of
from tests.durable.test_every_kill import ID, is_within_an_append
from tests.e2e.test_whole_messages import assert_whole

from harness import AT_ONCE, CONTINUE, PREFILL, Reading, client_of
from unbroken import (
    Policy,
    Report,
    ResilienceMiddleware,
    Route,
    StreamCancelled,
    StreamConflict,
    StreamFailed,
    attach,
    cancel,
    resilient_stream,
)
from unbroken.journal import Journal, MemoryJournal, SQLiteJournal
from unbroken.testing import (
    Answer,
    FaultServer,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_fraction,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio", "trio")]

TEXT: Final = "The step was run again by its engine, and went on in the middle of the sentence that it was at."
SHORT: Final = "It stands on the hill behind the harbour."
ASK: Final[dict[str, Any]] = {
    "model": CONTINUE,
    "max_tokens": 2_000,
    "messages": [{"role": "user", "content": "Tell me."}],
}


@asynccontextmanager
async def client_with(
    server: FaultServer, journal: Journal, *others: Any, client: type[Any] = AsyncAnthropic, **changes: Any
) -> AsyncIterator[Any]:
    """A client of the server, whose requests are written down under one id."""
    options = {"policy": replace(AT_ONCE, allow_replay=True), "stream_id": lambda request: ID, **changes}
    middleware = [*others, ResilienceMiddleware(journal=journal, **options)]
    if client is AsyncAnthropic:
        async with client_of(server, middleware=middleware) as sdk:
            yield sdk
    else:
        async with client(base_url=server.url, api_key="test", aws_region="us-east-1", middleware=middleware) as sdk:
            yield sdk


def resource_of(client: Any, request: dict[str, Any]) -> Any:
    return client.beta.messages if "betas" in request else client.messages


async def streamed(client: Any, **request: Any) -> Reading:
    """What the SDK's own helper makes of it."""
    reading = Reading(report=Report(outcome="complete"))
    async with resource_of(client, request).stream(**request) as stream:
        async for event in stream:
            reading.events.append(event)
        reading.message = reading.snapshot = await stream.get_final_message()
    return reading


async def created(client: Any, **request: Any) -> Any:
    return await resource_of(client, request).create(**request)


@pytest.mark.sample(5)
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "a refusal"])
async def test_killed_after_every_entry(shape: str, streams: bool, model: str) -> None:
    """Whoever makes the request again gets the whole message, for one request at the most."""
    answer, source = SHAPES[shape], MemoryJournal()
    request = {"model": model, "max_tokens": 4096, "messages": ASK["messages"], **request_for(answer)}
    async with FaultServer(Script([answer])) as server, client_with(server, source) as client:
        await created(client, **request)
    count = len(await entries_of(source, ID))
    for n in range(1, count + 1):
        journal = await killed_after(source, ID, n)
        if await is_within_an_append(journal):
            continue
        async with FaultServer(Script([answer])) as server, client_with(server, journal) as client:
            try:
                if streams:
                    reading = await streamed(client, **request)
                else:
                    message = await created(client, **request)
                    asked = len(server.requests)
                    # Read once more, it is the same, and costs nothing.
                    reading = await streamed(client, **request)
                    assert [block.to_dict() for block in message.content] == [
                        block.to_dict() for block in reading.message.content
                    ]
                    assert (message.id, message.model) == (reading.message.id, reading.message.model)
                    assert message.stop_reason == reading.message.stop_reason
                    assert message.usage.output_tokens == reading.message.usage.output_tokens
                    assert len(server.requests) == asked
                assert_whole(reading, answer, server)
                assert reading.types.count("message_start") == reading.types.count("message_stop") == 1
                assert len(server.requests) <= 1
                records = await records_of(journal, ID)
                assert [record.kind for record in records].count("end") == 1
            except AssertionError as error:
                error.add_note(f"killed after {n} of {count} entries")
                raise


@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_that_is_there_costs_no_request(streams: bool) -> None:
    """Of a request that streamed, or did not: both have the same stream."""
    journal = MemoryJournal()
    async with FaultServer(Script(TEXT, faults=[Reset(at=after_fraction(0.5))])) as server:
        async with client_with(server, journal) as client:
            first = (await streamed(client, **ASK)).message if streams else await created(client, **ASK)
        assert len(server.requests) == 2
        async with client_with(server, journal) as client:
            again = await created(client, **ASK)
            reading = await streamed(client, **ASK)
            async with resilient_stream(client, **ASK, journal=journal, stream_id=ID) as stream:
                assert await stream.get_final_text() == TEXT
                assert stream.role == "reader"
        assert len(server.requests) == 2
    assert first.content[0].text == again.content[0].text == reading.text == TEXT
    assert first.id == again.id == reading.message.id
    async with attach(journal, ID) as attached:
        await attached.until_done()
        assert again._request_id == attached.report.request_ids[-1]


async def test_an_answer_in_one_piece_is_that_of_the_api() -> None:
    """Every field that a request without a journal brings, with another id and another count of requests alone."""
    answer = Answer([Thinking("Where?"), Text("Let me look. "), ToolUse("look", {"where": "north", "far": [1, 2]})])
    request = {**ASK, "tools": [{"name": "look", "input_schema": {"type": "object"}}]}
    async with FaultServer(Script([answer, answer])) as server:
        async with client_with(server, MemoryJournal(), stream_id=lambda request: None) as client:
            plain = await created(client, **request)
        async with client_with(server, MemoryJournal()) as client:
            kept = await created(client, **request)
            raw = await client.messages.with_raw_response.create(**request)
        assert [sent.body.get("stream") for sent in server.requests] == [None, True]
        assert type(plain) is type(kept)
        ids = {"id", "content", "diagnostics"}
        assert {n: v for n, v in plain.to_dict().items() if n not in ids} == {
            n: v for n, v in kept.to_dict().items() if n not in ids
        }
        assert [block.type for block in plain.content] == [block.type for block in kept.content]
        assert raw.headers["content-type"] == "application/json"
        parsed = raw.parse()
        assert (await parsed if isawaitable(parsed) else parsed).id == kept.id


async def test_an_answer_in_one_piece_may_take_long() -> None:
    """The SDK lets it pass where it has a timeout."""
    async with FaultServer(Script(TEXT)) as server, client_with(server, MemoryJournal()) as client:
        with pytest.raises(ValueError, match="Streaming is required"):
            await created(client, **{**ASK, "max_tokens": 64_000})
        message = await created(client, **{**ASK, "max_tokens": 64_000}, timeout=600)
        assert message.content[0].text == TEXT


async def test_the_tool_loop_of_an_agent_can_be_made_again() -> None:
    """Its second request has the SDK's own blocks in it."""
    call = Answer([Text("Let me look. "), ToolUse("look", {"where": "north"})])
    journal = MemoryJournal()

    async def loop(client: Any) -> str:
        messages: list[Any] = list(ASK["messages"])
        tools = [{"name": "look", "input_schema": {"type": "object"}}]
        while True:
            message = await client.messages.create(**{**ASK, "messages": messages}, tools=tools)
            messages.append({"role": "assistant", "content": message.content})
            results = [
                {"type": "tool_result", "tool_use_id": block.id, "content": "rain"}
                for block in message.content
                if block.type == "tool_use"
            ]
            if not results:
                return str(message.content[-1].text)
            messages.append({"role": "user", "content": results})

    async with FaultServer(Script([call, TEXT])) as server:
        turn = {"stream_id": lambda request: f"wf-7/{len(request.json['messages'])}"}
        for _ in range(2):
            async with client_with(server, journal, **turn) as client:
                assert await loop(client) == TEXT
        assert len(server.requests) == 2
        assert [state.stream_id for state in await journal.streams()] == ["wf-7/1", "wf-7/3"]


async def test_two_who_ask_at_once_ask_once() -> None:
    """One writes, and the other reads along."""
    journal = MemoryJournal()
    texts: list[str] = []

    async def ask(client: Any) -> None:
        texts.append((await streamed(client, **ASK)).text)

    async with FaultServer(Script(TEXT)) as server:
        async with client_with(server, journal) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client)
            tasks.start_soon(ask, client)
        assert texts == [TEXT, TEXT]
        assert len(server.requests) == 1


@pytest.mark.parametrize("streams", [True, False])
async def test_who_reads_along_goes_on_when_the_writer_leaves(streams: bool) -> None:
    """The writer has half of it, and is cancelled, as an engine does with a step that takes too long."""
    journal = MemoryJournal()
    read: list[str] = []

    async def leave_in_the_middle(client: Any, scope: anyio.CancelScope) -> None:
        with scope:
            await streamed(client, **ASK)

    async def ask(client: Any) -> None:
        message = (await streamed(client, **ASK)).message if streams else await created(client, **ASK)
        read.append(message.content[0].text)

    async with FaultServer(Script(TEXT, faults=[Pings(at=after_fraction(0.5))])) as server:
        async with client_with(server, journal) as client, anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()
            tasks.start_soon(leave_in_the_middle, client, scope)
            await has_shown(journal, len(TEXT) // 3)
            tasks.start_soon(ask, client)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
        assert read == [TEXT]
        assert len(server.requests) == 2


async def has_shown(journal: Journal, characters: int) -> None:
    """Return when so much of the text is in the journal."""
    with anyio.fail_after(120):
        while True:
            if await journal.look(ID) is not None:
                break
            await anyio.sleep(0.02)
        async with attach(journal, ID) as stream:
            shown = 0
            async for piece in stream.text_stream:
                shown += len(piece)
                if shown >= characters:
                    return


async def test_an_id_of_another_request_is_said() -> None:
    """It is no matter for the SDK's retries."""
    journal = MemoryJournal()
    async with FaultServer(Script(TEXT)) as server, client_with(server, journal) as client:
        await created(client, **ASK)
        for call in (created, streamed):
            with pytest.raises(StreamConflict):
                await call(client, **{**ASK, "max_tokens": 3})
        assert len(server.requests) == 1


async def test_an_id_that_is_none_is_said() -> None:
    async with FaultServer(Script(TEXT)) as server:
        async with client_with(server, MemoryJournal(), stream_id=lambda request: "a b") as client:
            with pytest.raises(ValueError, match="stream_id must have"):
                await created(client, **ASK)
        assert not server.requests


@pytest.mark.parametrize("streams", [True, False])
async def test_where_nothing_helps_the_sdk_says_so_and_who_asks_again_asks_for_the_rest(streams: bool) -> None:
    journal = MemoryJournal()
    call = streamed if streams else created
    faults = [Reset(at=after_fraction(0.5)), *[Status(529)] * 3]
    async with FaultServer(Script(TEXT, faults=faults)) as server:
        async with client_with(server, journal, policy=Policy(initial_backoff=0, max_attempts=3)) as client:
            with pytest.raises(StreamFailed if streams else anthropic.OverloadedError) as caught:
                await call(client, **ASK)
            error: Any = caught.value if streams else caught.value.response.extensions["unbroken"]
            asked = len(server.requests)
            assert len(error.report.attempts) == asked == 4
            assert TEXT.startswith(error.partial.text)
            assert error.partial.text
            await call(client, **ASK)
            assert len(server.requests) == asked + 1


@pytest.mark.parametrize("streams", [True, False])
async def test_before_anything_has_come_the_sdks_own_error_is_raised(streams: bool) -> None:
    async with FaultServer(Script(TEXT, faults=[Status(529)] * 3)) as server:
        policy = Policy(initial_backoff=0, max_attempts=3)
        async with client_with(server, MemoryJournal(), policy=policy) as client:
            with pytest.raises(anthropic.OverloadedError) as caught:
                await (streamed if streams else created)(client, **ASK)
            assert isinstance(caught.value.response.extensions["unbroken"], StreamFailed)
            assert len(server.requests) == 3


@pytest.mark.parametrize("streams", [True, False])
async def test_a_stop_from_elsewhere_ends_it(streams: bool) -> None:
    """And it stays stopped for who asks again."""
    journal = MemoryJournal()

    async def ask(client: Any) -> None:
        with pytest.raises(StreamCancelled):
            await (streamed if streams else created)(client, **ASK)

    async with FaultServer(Script(TEXT, faults=[Silence(at=after_fraction(0.5))])) as server:
        async with client_with(server, journal, owner=lambda request: "ann") as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, client)
                await has_shown(journal, 1)
                assert await cancel(journal, ID, owner="ann")
            await ask(client)
        assert len(server.requests) == 1


async def test_thinking_that_another_had_begun_to_show_is_no_part_of_it() -> None:
    """A reader of the SDK's keeps its own books: an unsigned block in them would be sent back with the next turn."""
    answer = Answer([Thinking("They ask where it is. I have to look that up."), Text(SHORT)], pieces=(3, 3))
    request = {**ASK, "thinking": {"type": "adaptive", "display": "summarized"}}
    source = MemoryJournal()
    async with FaultServer(Script([answer])) as server, client_of(server) as client:
        live = Policy(live=frozenset({"text", "thinking"}))
        async with resilient_stream(client, **request, policy=live, journal=source, stream_id=ID) as stream:
            await stream.until_done()
    count = len(await entries_of(source, ID))
    abandoned = 0
    for n in range(1, count + 1):
        journal = await killed_after(source, ID, n)
        async with FaultServer(Script([answer])) as server, client_with(server, journal) as client:
            reading = await streamed(client, **request)
            message = await created(client, **request)
            records = await records_of(journal, ID)
        abandoned += any(record.kind == "abandoned" for record in records)
        indices = [event.index for event in reading.events if event.type == "content_block_start"]
        assert indices == list(range(len(reading.message.content)))
        assert reading.text == SHORT
        for content in (reading.message.content, message.content):
            assert [block.signature for block in content if block.type == "thinking"] != [""]
            assert all(block.signature for block in content if block.type == "thinking")
    assert abandoned > 10


@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("n", [1, 2, 5, 9, 1_000])
async def test_a_client_of_bedrock_reads_it_too(n: int) -> None:
    """Also where nothing has come to this process that could be in Bedrock's own frames."""
    source = MemoryJournal()
    request = {**ASK, "model": "anthropic.claude-opus-5-5"}
    async with FaultServer(Script(TEXT)) as server:
        async with client_with(server, source, client=AsyncAnthropicBedrock) as client:
            assert (await streamed(client, **request)).text == TEXT
        journal = await killed_after(source, ID, min(n, len(await entries_of(source, ID))))
        async with client_with(server, journal, client=AsyncAnthropicBedrock) as client:
            assert (await streamed(client, **request)).text == TEXT
            assert (await created(client, **request)).content[0].text == TEXT
        assert len(server.requests) <= 2


@pytest.mark.parametrize("streams", [True, False])
async def test_it_fails_over_to_another_client(streams: bool) -> None:
    """In the middle of the text, and before it."""
    async with FaultServer(TEXT) as other, AsyncAnthropic(base_url=other.url, api_key="test") as elsewhere:
        for faults in ([Reset(at=after_fraction(0.5)), *[Status(529)] * 3], [Status(529)] * 4):
            journal = MemoryJournal()
            async with FaultServer(Script(TEXT, faults=faults)) as server:
                fallback = Route(model="claude-sonnet-5-5", client=elsewhere)
                async with client_with(server, journal, fallback_models=[fallback]) as client:
                    call = streamed if streams else created
                    result = await call(client, **ASK)
                    assert (result.text if isinstance(result, Reading) else result.content[0].text) == TEXT
                    assert (await streamed(client, **ASK)).text == TEXT


async def test_what_stands_behind_it_sees_a_stream_and_what_stands_before_it_does_not() -> None:
    seen: list[Any] = []

    async def look(request: Any, call_next: Any) -> Any:
        seen.append((request.stream, bool(request.json.get("stream"))))
        return await call_next(request)

    async with FaultServer(Script(TEXT)) as server:
        journal = MemoryJournal()
        ours = ResilienceMiddleware(journal=journal, stream_id=lambda request: ID, policy=AT_ONCE)
        async with client_of(server, middleware=[look, ours, look]) as client:
            assert (await created(client, **ASK)).content[0].text == TEXT
    assert seen == [(False, False), (True, True)]


async def test_the_id_may_come_from_the_task_that_asks() -> None:
    """As workflow engines tell a step who it is. None: the request is not written down."""
    step: ContextVar[str | None] = ContextVar("step", default=None)
    journal = MemoryJournal()
    async with FaultServer(Script(TEXT)) as server:
        async with client_with(server, journal, stream_id=lambda request: step.get()) as client:
            await created(client, **ASK)
            assert await journal.streams() == []
            for name in ("wf/1", "wf/2"):
                step.set(name)
                await created(client, **ASK)
        assert [state.stream_id for state in await journal.streams()] == ["wf/1", "wf/2"]


async def test_owners_can_have_it_erased() -> None:
    journal = MemoryJournal()
    async with FaultServer(Script(TEXT)) as server:
        async with client_with(server, journal, owner=lambda request: request.headers.get("x-user")) as client:
            await created(client, **ASK, extra_headers={"x-user": "ann"})
        assert await attach(journal, ID, owner="ann").get_final_text() == TEXT
        with pytest.raises(LookupError):
            await attach(journal, ID, owner="bob").get_final_text()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"journal": MemoryJournal()}, "give stream_id"),
        ({"stream_id": lambda request: ID}, "give journal"),
        ({"owner": lambda request: "ann"}, "give journal"),
        ({"journal": "a.db", "stream_id": lambda request: ID}, "journal must be a Journal"),
        ({"journal": MemoryJournal(), "stream_id": ID}, "stream_id must be a function"),
        ({"journal": MemoryJournal(), "stream_id": lambda request: ID, "owner": "ann"}, "owner must be a function"),
    ],
)
async def test_bad_arguments_are_told_at_once(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        ResilienceMiddleware(**wrong)


@pytest.mark.slow
@pytest.mark.backends("asyncio")
async def test_without_a_journal_nothing_of_journals_is_imported() -> None:
    code = """
import sys
from unbroken import ResilienceMiddleware
ResilienceMiddleware()
print([name for name in sys.modules if name.startswith(("unbroken.durable", "unbroken.journal", "sqlite3"))])
"""
    assert (await anyio.run_process([sys.executable, "-c", code])).stdout.decode().strip() == "[]"


CHILD: Final = """
import sys, anyio
from anthropic import AsyncAnthropic
from unbroken import ResilienceMiddleware
from unbroken.journal import SQLiteJournal

async def main(url, path, streams):
    async with SQLiteJournal(path) as journal:
        ours = ResilienceMiddleware(journal=journal, stream_id=lambda request: "c7/3")
        async with AsyncAnthropic(base_url=url, api_key="test", middleware=[ours]) as client:
            messages = [{"role": "user", "content": "Tell me."}]
            ask = {"model": "claude-opus-5-5", "max_tokens": 2000, "messages": messages}
            if streams == "True":
                async with client.messages.stream(**ask) as stream:
                    await stream.until_done()
            else:
                await client.messages.create(**ask)

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.backends("asyncio")
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("streams", [True, False])
async def test_a_process_that_is_killed_is_gone_on_with_by_the_next(streams: bool, tmp_path: Path) -> None:
    """With -9, in the middle of its answer; the model is asked for the rest only."""
    path = tmp_path / "answers.db"
    with FaultServer.in_thread(Script(TEXT, faults=[Silence(at=after_fraction(0.5))])) as server:
        async with SQLiteJournal(path) as journal:
            command = [sys.executable, "-c", CHILD, server.url, str(path), str(streams)]
            child = await anyio.open_process(command, stdin=None, stdout=None, stderr=None)
            try:
                await has_shown(journal, len(TEXT) // 3)
            finally:
                child.kill()
                await child.wait()
            ours = ResilienceMiddleware(journal=journal, stream_id=lambda request: ID)
            async with AsyncAnthropic(base_url=server.url, api_key="test", middleware=[ours]) as client:
                message = (await streamed(client, **ASK)).message if streams else await created(client, **ASK)
                assert [block.text for block in message.content] == [TEXT]
        first, second = server.requests
        assert first.body["messages"] == ASK["messages"]
        assert len(second.body["messages"]) > 1
