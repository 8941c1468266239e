"""`StreamHost` and `recover`: streams that belong to no request."""

from __future__ import annotations

from typing import Any, Final

import anyio
import pytest

from harness import ask, serving, until
from unbroken import Policy, StreamConflict, StreamFailed, StreamHost, attach, recover
from unbroken.journal import MemoryJournal
from unbroken.testing import Answer, Script, Silence, after_characters

TEXT: Final = "The lighthouse at Rua Point was lit in March, and its keeper wrote down every ship."


def asked(**changes: Any) -> dict[str, Any]:
    request = ask(**changes)
    del request["policy"]
    return request


@pytest.mark.anyio
async def test_a_stream_is_begun_once_however_often_that_is_said() -> None:
    journal = MemoryJournal()
    async with serving(TEXT) as (server, client), StreamHost(journal, client) as host:
        assert [await host.start("a/1", **asked()) for _ in range(3)] == [True, False, False]
        assert await attach(journal, "a/1").get_final_text() == TEXT
        assert await host.start("a/1", **asked()) is False
        with pytest.raises(StreamConflict):
            await host.start("a/1", **asked(max_tokens=3))
        assert len(server.requests) == 1


@pytest.mark.anyio
async def test_who_leaves_hands_over_and_another_goes_on() -> None:
    journal = MemoryJournal()
    async with serving(Script(TEXT, faults=[Silence(at=after_characters(40))])) as (server, client):
        reader = attach(journal, "a/1", after="0")
        async with StreamHost(journal, client) as first:
            await first.start("a/1", **asked())
            await until(lambda: bool(server.requests) and len(server.requests[0].sent_text) >= 40)
            assert first.streams == 1
        async with StreamHost(journal, client):
            with anyio.fail_after(60):
                assert await reader.get_final_text() == TEXT
        assert len(server.requests) == 2


@pytest.mark.anyio
async def test_what_exceeds_max_streams_waits_in_the_journal() -> None:
    journal = MemoryJournal()
    async with serving(Answer(TEXT)) as (server, client), StreamHost(journal, client, max_streams=1) as host:
        for number in range(4):
            await host.start(f"a/{number}", **asked())
        with anyio.fail_after(60):
            for number in range(4):
                assert await attach(journal, f"a/{number}").get_final_text() == TEXT
        assert len(server.requests) == 4


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True])
async def test_prepare_gives_what_is_not_stored(is_async: bool) -> None:
    journal, records = MemoryJournal(), []

    def prepare(record: Any) -> dict[str, Any]:
        records.append(record)
        return {"extra_headers": {"x-tenant": "seven"}}

    async def prepare_later(record: Any) -> dict[str, Any]:
        return prepare(record)

    async with serving(Script(TEXT, faults=[Silence(at=after_characters(40))])) as (server, client):
        async with StreamHost(journal, client) as first:
            await first.start("a/1", **asked(extra_headers={"x-tenant": "seven"}))
            await until(lambda: bool(server.requests) and len(server.requests[0].sent_text) >= 40)
        done = await recover(journal, client, prepare=prepare_later if is_async else prepare)
        assert done == 1
        assert await attach(journal, "a/1").get_final_text() == TEXT
        assert [request.headers["x-tenant"] for request in server.requests] == ["seven", "seven"]
        (record,) = records
        assert record.stream_id == "a/1"
        assert "extra_headers" not in record.arguments
        assert await recover(journal, client) == 0


@pytest.mark.anyio
async def test_a_failure_is_in_the_journal() -> None:
    journal = MemoryJournal()
    async with serving(Script(TEXT, faults=[Silence(at=after_characters(40))])) as (_, client):
        async with StreamHost(journal, client, policy=Policy(deadline=0.05)) as host:
            await host.start("a/1", **asked())
            with anyio.fail_after(60), pytest.raises(StreamFailed) as caught:
                await attach(journal, "a/1").get_final_message()
            assert caught.value.diagnosis.code == "deadline"
            assert isinstance(caught.value, TimeoutError)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"max_streams": 0}, ValueError),
        ({"max_streams": 1.5}, TypeError),
        ({"lease": 0}, ValueError),
        ({"lease": "20"}, TypeError),
        ({"grace": -1}, ValueError),
        ({"max_recoveries": -1}, ValueError),
        ({"fallback_models": "claude-sonnet-5-5"}, TypeError),
        ({"policy": {}}, TypeError),
        ({"journal": "answers.db"}, TypeError),
        ({"client": object()}, TypeError),
    ],
)
async def test_what_is_wrong_is_told_at_once(changes: dict[str, Any], error: type[Exception]) -> None:
    async with serving(TEXT) as (_, client):
        given = {"journal": MemoryJournal(), "client": client, **changes}
        with pytest.raises(error):
            StreamHost(given.pop("journal"), given.pop("client"), **given)


@pytest.mark.anyio
async def test_a_host_is_entered_once_and_before_it_is_used() -> None:
    async with serving(TEXT) as (_, client):
        host = StreamHost(MemoryJournal(), client)
        with pytest.raises(RuntimeError):
            await host.start("a/1", **asked())
        async with host:
            with pytest.raises(TypeError, match="max_tokens"):
                await host.start("a/1", model="claude-opus-5-5", messages=[])
            with pytest.raises(TypeError, match="unexpected argument"):
                await host.start("a/1", **asked(temprature=1))
        with pytest.raises(RuntimeError):
            async with host:
                pass
