"""A stream in a journal, as its caller has it: who writes it, who reads it, and what comes of its id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import anyio
import pytest
from pydantic import BaseModel
from tests.corpus.grammar import SHAPES, request_for
from tests.durable.killed import entries_of, killed_after, records_of
from tests.durable.mortal import MortalJournal

import unbroken
from harness import AT_ONCE, ask, client_of, read, serving, until
from unbroken import StreamCancelled, StreamConflict, StreamFailed, attach, cancel, resilient_message, resilient_stream
from unbroken.journal import MemoryJournal
from unbroken.testing import Answer, FaultServer, Reset, Script, Silence, Status, after_characters, after_events

ID: Final = "c7/3"
TEXT: Final = "The lighthouse at Rua Point was lit in March, and its keeper wrote down every ship. " * 3


def durably(journal: Any, **changes: Any) -> dict[str, Any]:
    return ask(journal=journal, stream_id=ID, **changes)


@pytest.mark.anyio
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "a refusal"])
async def test_with_a_journal_the_sdks_surface_is_the_same(shape: str) -> None:
    answer = SHAPES[shape]
    request = request_for(answer)
    async with FaultServer(Script([answer])) as server, client_of(server) as client:
        plain = await read(client, **request)
    async with FaultServer(Script([answer])) as server, client_of(server) as client:
        journalled = await read(client, **request, journal=MemoryJournal(), stream_id=ID)
    assert journalled.types == plain.types
    assert journalled.text == plain.text
    assert journalled.message.stop_reason == plain.message.stop_reason
    assert [block.type for block in journalled.message.content] == [block.type for block in plain.message.content]
    assert journalled.message == journalled.snapshot
    assert journalled.report.outcome == plain.report.outcome == "complete"


@pytest.mark.anyio
async def test_an_id_that_has_ended_costs_no_request() -> None:
    journal = MemoryJournal()
    async with serving(TEXT) as (server, client):
        first = await read(client, **durably(journal))
        again = await read(client, **durably(journal))
        message = await resilient_message(client, **durably(journal))
        assert again.text == first.text == TEXT == message.content[0].text  # type: ignore[union-attr]
        assert len(server.requests) == 1
        assert message._request_id == first.report.request_ids[-1]
        async with resilient_stream(client, **durably(journal)) as stream:
            assert stream.role == "reader"
            with pytest.raises(RuntimeError, match="no response here"):
                _ = stream.response


@pytest.mark.anyio
async def test_a_caller_whose_stream_was_taken_has_the_report_of_all_who_have_written_it() -> None:
    """It stood still meanwhile, and reads on: how it went is not how it went for this one."""
    store = MemoryJournal()
    journal = MortalJournal(store)
    script = Script(Answer(TEXT, pieces=(4, 4)), faults=[Silence(at=after_characters(100)), None])
    async with serving(script) as (server, client):
        async with resilient_stream(client, **durably(journal)) as stream:
            text = ""
            while len(text) < 100:
                text += await anext(stream.text_stream)
            journal.freeze()
            await journal.give_up()
            other = await read(client, **durably(store))
            journal.thaw()
            assert await stream.get_final_text() == TEXT
            assert stream.role == "reader"
            assert stream.report.outcome == other.report.outcome == "complete"
            assert stream.report.request_ids == other.report.request_ids
        assert len(server.requests) == 2


@pytest.mark.anyio
async def test_one_that_has_used_up_its_resumes_has_them_anew_when_it_is_asked_for_once_more() -> None:
    """Else whoever asks would get the same failure for ever, and no request would be made."""
    journal = MemoryJournal()
    cuts = [Reset(at=after_characters(60)), Reset(at=after_characters(60)), Reset(at=after_characters(60)), None]
    policy = replace(AT_ONCE, max_resumes=1)
    async with serving(Script(Answer(TEXT, pieces=(4, 4)), faults=cuts)) as (server, client):
        with pytest.raises(StreamFailed):
            await read(client, **durably(journal, policy=policy))
        assert len(server.requests) == 2
        with pytest.raises(StreamFailed):
            await read(client, **durably(journal, policy=policy))
        assert len(server.requests) == 3
        reading = await read(client, **durably(journal, policy=policy))
        assert reading.text == TEXT
        assert len(server.requests) == 4


@pytest.mark.anyio
async def test_another_request_under_an_id_is_a_conflict() -> None:
    journal = MemoryJournal()
    async with serving(TEXT) as (server, client):
        await read(client, **durably(journal))
        for other in ({"max_tokens": 7}, {"owner": "somebody"}, {"system": "Be brief."}):
            with pytest.raises(StreamConflict):
                async with resilient_stream(client, **durably(journal, **other)):
                    pass
        assert issubclass(StreamConflict, ValueError)
        assert len(server.requests) == 1


@pytest.mark.anyio
async def test_who_asks_for_an_id_that_lives_reads_along() -> None:
    """And gets all of it, from its first event, whenever it comes."""
    journal = MemoryJournal()
    script = Script(Answer(TEXT, pieces=(4, 4)), faults=[Silence(at=after_characters(100)), None])
    async with serving(script) as (server, client):
        async with resilient_stream(client, **durably(journal)) as writer:
            assert writer.role == "writer"
            got = ""
            async for text in writer.text_stream:
                got += text
                if len(got) >= 100:
                    break
            async with resilient_stream(client, **durably(journal)) as reader:
                assert reader.role == "reader"
                seen = ""
                async for text in reader.text_stream:
                    seen += text
                    if len(seen) >= 100:
                        break
                assert seen == got
                assert reader.position == writer.position
                assert len(server.requests) == 1
                # The writer leaves: who reads along goes on by itself.
                await writer.close()
                async for text in reader.text_stream:
                    seen += text
                assert seen == TEXT
                assert len(server.requests) == 2
                assert [attempt.outcome for attempt in reader.report.attempts] == ["cancelled", "complete"]


@pytest.mark.anyio
async def test_one_that_has_failed_is_shown_again_and_asked_for_the_rest() -> None:
    journal = MemoryJournal()
    faults = [Reset(at=after_characters(100)), Status(503), Status(503), Status(503)]
    policy = replace(AT_ONCE, max_attempts=3)
    async with serving(Script(TEXT, faults=faults)) as (server, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client, **durably(journal, policy=policy))
        assert TEXT.startswith(caught.value.partial.text)
        assert len(caught.value.partial.text) >= 90
        with pytest.raises(StreamFailed) as told:
            await attach(journal, ID).get_final_message()
        assert told.value.partial.text == caught.value.partial.text
        assert told.value.diagnosis.code == caught.value.diagnosis.code
        assert told.value.status_code == caught.value.status_code == 503
        await until(lambda: len(server.requests) >= 4)
        again = await read(client, **durably(journal, policy=policy))
        assert again.text == TEXT
        assert again.types.count("message_start") == 1
        assert again.report.outcome == "complete"


@pytest.mark.anyio
async def test_one_that_was_stopped_is_shown_again_and_ends_so() -> None:
    journal = MemoryJournal()
    async with serving(Script(TEXT, faults=[Silence(at=after_characters(100))])) as (server, client):
        async with resilient_stream(client, **durably(journal)) as stream:
            async for _ in stream.text_stream:
                if len(stream.partial.text) >= 100:
                    break
            assert await cancel(journal, ID)
            with pytest.raises(StreamCancelled) as caught:
                await stream.until_done()
            assert caught.value.diagnosis.code == "stopped"
            assert TEXT.startswith(caught.value.partial.text)
        assert not await cancel(journal, ID)
        with pytest.raises(StreamCancelled):
            await read(client, **durably(journal))
        assert len(server.requests) == 1
        assert server.requests[0].abandoned


@pytest.mark.anyio
async def test_what_the_api_does_not_take_is_the_sdks_own_error_and_the_end() -> None:
    journal = MemoryJournal()
    async with serving(Script(TEXT, faults=[Status(400)])) as (_, client):
        with pytest.raises(Exception, match="400") as caught:
            await read(client, **durably(journal))
        assert type(caught.value).__name__ == "BadRequestError"
        with pytest.raises(StreamFailed) as told:
            await attach(journal, ID).get_final_message()
        assert told.value.status_code == 400
        assert (await records_of(journal, ID))[-1].kind == "end"


@pytest.mark.anyio
async def test_every_event_is_in_the_journal_before_it_is_shown() -> None:
    journal = MemoryJournal()
    async with serving(Answer(TEXT, pieces=(1, 5))) as (_, client):
        async with resilient_stream(client, **durably(journal)) as stream:
            async for _ in stream:
                position = stream.position
                assert position is not None
                state = await journal.look(ID)
                assert state is not None
                assert state.head >= int(position.partition("-")[2])


@pytest.mark.anyio
async def test_a_successor_that_parses_has_the_whole_document() -> None:
    class Lit(BaseModel):
        lit: str
        steps: int

    answer, source = Answer('{"lit": "March", "steps": 112}'), MemoryJournal()
    async with serving(Script([answer])) as (_, client):
        await read(client, **durably(source, output_format=Lit))
    half = await killed_after(source, ID, len(await entries_of(source, ID)) // 2)
    async with serving(Script([answer])) as (_, client):
        message = await resilient_message(client, **durably(half, output_format=Lit))
        assert message.parsed_output == Lit(lit="March", steps=112)


@pytest.mark.anyio
async def test_a_successor_reports_what_its_predecessors_spent() -> None:
    source = MemoryJournal()
    async with serving(TEXT) as (_, client):
        whole = await read(client, **durably(source))
    half = await killed_after(source, ID, 8)
    async with serving(TEXT) as (_, client):
        reading = await read(client, **durably(half))
    first, second = reading.report.attempts
    assert (first.outcome, second.outcome) == ("orphaned", "complete")
    assert (first.number, second.number) == (1, 2)
    assert reading.report.resumes == 1
    assert reading.report.usage.input_tokens >= whole.report.usage.input_tokens


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"stream_id": None}, TypeError),
        ({"stream_id": 7}, TypeError),
        ({"stream_id": ""}, ValueError),
        ({"stream_id": "a b"}, ValueError),
        ({"stream_id": "x" * 201}, ValueError),
        ({"journal": None}, TypeError),
        ({"journal": "answers.db"}, TypeError),
        ({"owner": ""}, ValueError),
        ({"owner": 7}, TypeError),
    ],
)
def test_what_is_wrong_with_the_arguments_is_told_at_the_call(changes: dict[str, Any], error: type[Exception]) -> None:
    client = unbroken_client()
    with pytest.raises(error):
        resilient_stream(client, **{**durably(MemoryJournal()), **changes})


def unbroken_client() -> Any:
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(api_key="test")


def test_the_names_are_public() -> None:
    for name in ("attach", "cancel", "recover", "StreamHost", "StreamMissing", "StreamCancelled", "StreamConflict"):
        assert name in dir(unbroken)


@pytest.mark.anyio
async def test_leaving_early_gives_the_stream_up_at_once() -> None:
    journal = MemoryJournal()
    async with serving(Script(TEXT, faults=[Silence(at=after_events(6))])) as (_, client):
        async with resilient_stream(client, **durably(journal)) as stream:
            await anext(stream)
        state = await journal.look(ID)
        assert state is not None
        assert state.orphaned
        with anyio.fail_after(60):
            assert (await read(client, **durably(journal))).text == TEXT
