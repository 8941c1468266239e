"""Streams of a journal as others read them: from the start, from a position, from what is there."""

from __future__ import annotations

import gc
import warnings
from typing import Any, Final

import pytest
from tests.corpus.grammar import SHAPES, request_for
from tests.durable.killed import records_of

from harness import ask, client_of, read, serving
from unbroken import Partial, StreamMissing, attach
from unbroken.core.wire.deltas import as_delta
from unbroken.durable.entries import Stored
from unbroken.durable.fold import Fold
from unbroken.journal import MemoryJournal
from unbroken.testing import Answer, FaultServer, Script

ID: Final = "c7/3"
TEXT: Final = "The lighthouse at Rua Point was lit in March, and its keeper wrote down every ship."


async def journal_with(answer: Answer | str, **changes: Any) -> MemoryJournal:
    journal = MemoryJournal()
    request = request_for(answer) if isinstance(answer, Answer) else {}
    async with FaultServer(Script([answer])) as server, client_of(server) as client:
        await read(client, **request, journal=journal, stream_id=ID, **changes)
    return journal


def folded(events: list[dict[str, Any]], partial: Partial | None = None) -> Partial:
    partial = partial or Partial()
    for event in events:
        partial.apply(as_delta(event) if event["type"] == "content_block_delta" else event)
    return partial


@pytest.mark.anyio
@pytest.mark.parametrize("shape", list(SHAPES))
async def test_from_every_position_the_rest_makes_the_same_message(shape: str) -> None:
    journal = await journal_with(SHAPES[shape])
    pairs = [pair async for pair in attach(journal, ID, after="0").entries]
    whole = folded([event for _, event in pairs])
    for number, (position, _) in enumerate(pairs):
        rest = [event async for _, event in attach(journal, ID, after=position).entries]
        assert rest == [event for _, event in pairs[number + 1 :]]
    snapshot = [pair async for pair in attach(journal, ID).entries]
    made = folded([event for _, event in snapshot])
    assert made.content == whole.content
    assert made.ending == whole.ending
    assert {position for position, _ in snapshot[:-1]} <= {"0"}
    assert [pair async for pair in attach(journal, ID, after=snapshot[-1][0]).entries] == []


@pytest.mark.anyio
async def test_a_reader_from_a_position_has_the_whole_message() -> None:
    journal = await journal_with(TEXT)
    for position in [position async for position, _ in attach(journal, ID, after="0").entries]:
        async with attach(journal, ID, after=position) as stream:
            events = [event async for event in stream]
            message = await stream.get_final_message()
            assert message.content[0].text == TEXT  # type: ignore[union-attr]
            assert "message_start" not in [event.type for event in events]
            assert stream.report.outcome == "complete"


@pytest.mark.anyio
async def test_a_fold_of_the_log_is_what_the_writer_had() -> None:
    for answer in SHAPES.values():
        journal = MemoryJournal()
        async with FaultServer(Script([answer])) as server, client_of(server) as client:
            reading = await read(client, **request_for(answer), journal=journal, stream_id=ID)
        fold = Fold()
        for number, record in enumerate(await records_of(journal, ID), 1):
            fold.take(Stored(1, number, *record))
        assert fold.partial.content == reading.partial.content
        assert [attempt.outcome for attempt in fold.report.attempts] == ["complete"]
        assert fold.end is not None


@pytest.mark.anyio
async def test_what_is_not_there_and_what_is_anothers_look_alike() -> None:
    journal = await journal_with(TEXT, owner="ines")
    told = []
    for name, owner in (("c7/4", None), (ID, "somebody"), ("c7/4", "ines")):
        for read_it in (lambda stream: stream.get_final_message(), lambda stream: anext(stream.entries)):
            with pytest.raises(StreamMissing) as caught:
                await read_it(attach(journal, name, owner=owner))
            told.append(str(caught.value).replace(name, "ID"))
    assert len(set(told)) == 1
    assert await attach(journal, ID, owner="ines").get_final_text() == TEXT


@pytest.mark.anyio
async def test_a_reader_that_is_dropped_leaves_nothing_open() -> None:
    journal = await journal_with(TEXT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream = attach(journal, ID, after="0")
        await anext(stream)
        del stream
        gc.collect()


@pytest.mark.anyio
@pytest.mark.parametrize("after", ["", "x", "1", "1-", "-1", "1-x", "١-٢", "1-2-3", "9" * 40 + "-1"])
async def test_an_after_that_is_no_position_is_refused(after: str) -> None:
    with pytest.raises(ValueError, match="after must be"):
        attach(MemoryJournal(), ID, after=after)


@pytest.mark.anyio
async def test_a_position_that_the_journal_has_lost_is_told() -> None:
    journal = await journal_with(TEXT)
    pairs = [pair async for pair in attach(journal, ID, after="7-3").entries]
    assert pairs[0][1] == {"type": "rewind"}
    assert folded([event for _, event in pairs[1:]]).text == TEXT
    with pytest.raises(Exception, match="has lost") as caught:
        await attach(journal, ID, after="1-9999").get_final_message()
    assert caught.value.diagnosis.code == "rewind"  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_all_readers_agree() -> None:
    async with serving(Answer(TEXT, pieces=(1, 3))) as (server, client):
        journal = MemoryJournal()
        await read(client, **ask(journal=journal, stream_id=ID))
        texts = {await attach(journal, ID, after=after).get_final_text() for after in (None, "0", "1-5")}
        assert texts == {TEXT}
        assert len(server.requests) == 1
