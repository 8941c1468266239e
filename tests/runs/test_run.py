"""`run`: every request has one result, whatever happens on the way, and nothing is asked twice."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anthropic.types.messages import MessageBatchIndividualResponse
from pydantic import TypeAdapter
from tests.durable.killed import killed_after, records_of
from tests.durable.test_poison import lose

from harness import AT_ONCE, serving, until
from unbroken import BrokenRequest, ResultFileError, Run, RunAnswer, RunStopped, run
from unbroken.journal import MemoryJournal, SQLiteJournal
from unbroken.testing import (
    Answer,
    ErrorEvent,
    Poison,
    Reset,
    Script,
    Silence,
    Status,
    after_characters,
    has_text,
)

TEXT = "The lamp is lit, the glass is clear of salt, and the clockwork is wound. " * 3


def request(number: int, **params: Any) -> dict[str, Any]:
    """A request as a file of the Message Batches API has it."""
    said = f"Question {number}: is the lamp lit?"
    own = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": [{"role": "user", "content": said}], **params}
    return {"custom_id": f"q{number}", "params": own}


def requests(count: int) -> list[dict[str, Any]]:
    """So many of them."""
    return [request(number) for number in range(count)]


async def read(answers: Any) -> dict[str, RunAnswer[None]]:
    """All answers of a run, by id."""
    async with answers:
        return {answer.custom_id: answer async for answer in answers}


def texts(answers: Run[Any]) -> list[str]:
    """The texts of what runs, as far as they have come."""
    running = () if answers._work is None else answers._work._running.values()
    return [asked.stream.partial.text for asked in running if asked.stream is not None]


def lines(path: Path) -> dict[str, Any]:
    """The results in a file, which the SDK's own types read; each id stands there once."""
    read = [json.loads(line) for line in path.read_bytes().splitlines()]
    for each in read:
        TypeAdapter(MessageBatchIndividualResponse).validate_python(each)
    assert len({each["custom_id"] for each in read}) == len(read)
    return {each["custom_id"]: each["result"] for each in read}


def text_of(result: Any) -> str:
    """The text of a result."""
    return "".join(block["text"] for block in result["message"]["content"])


@pytest.mark.anyio
async def test_every_request_is_answered_once(tmp_path: Path) -> None:
    """Streams that break are gone on with; the answers and the lines are exact, and each is there once."""
    faults = [Reset(at=after_characters(60)), None, Status(529), ErrorEvent("overloaded_error", at=after_characters(9))]
    output = tmp_path / "answers.jsonl"
    async with serving(Script(Answer(TEXT), faults=faults)) as (server, client):
        found = await read(
            run(client, requests(12), journal=tmp_path / "run.db", output=output, policy=AT_ONCE, concurrency=3)
        )
        assert {custom_id: answer.text for custom_id, answer in found.items()} == {f"q{n}": TEXT for n in range(12)}
        assert {custom_id: text_of(result) for custom_id, result in lines(output).items()} == {
            f"q{n}": TEXT for n in range(12)
        }
        assert len(server.requests) == 15
    assert output.stat().st_mode & 0o777 == 0o600


@pytest.mark.anyio
async def test_what_has_a_result_is_not_asked_again(tmp_path: Path) -> None:
    """Neither with a file of results, nor without one, where the answers come again from the journal."""
    async with serving(Script(Answer(TEXT))) as (server, client):
        output, journal = tmp_path / "answers.jsonl", tmp_path / "run.db"
        await read(run(client, requests(3), journal=journal, output=output))
        rest = await read(run(client, requests(5), journal=journal, output=output))
        assert rest.keys() == {"q3", "q4"}
        assert len(server.requests) == 5
        kept = tmp_path / "kept.db"
        await read(run(client, requests(2), journal=kept))
        again = run(client, requests(2), journal=kept)
        found = await read(again)
        assert [(answer.text, answer.replayed) for answer in found.values()] == [(TEXT, True)] * 2
        assert len(server.requests) == 7
        assert again.progress.spent == 0
        assert len(lines(output)) == 5


@pytest.mark.anyio
async def test_an_error_is_an_answer(tmp_path: Path) -> None:
    """What the API will never take, and what kills every request, are results with their diagnosis; others go on."""
    poison = Poison(has_text("Question 1:"), Status(500))
    asked = [request(0), request(1), request(2, max_tokens=10_000_000), request(3)]
    output, journal = tmp_path / "answers.jsonl", tmp_path / "run.db"
    async with serving(Script(Answer(TEXT), poison=poison)) as (server, client):
        answers = run(client, asked, journal=journal, output=output, policy=AT_ONCE)
        found = await read(answers)
        assert [found[f"q{n}"].text for n in (0, 3)] == [TEXT] * 2
        assert found["q1"].diagnosis is not None
        assert found["q2"].diagnosis is not None
        assert found["q2"].diagnosis.code == "invalid_request"
        results = lines(output)
        assert results["q2"]["error"]["error"]["type"] == "invalid_request_error"
        assert results["q1"]["type"] == "errored"
        assert results["q1"]["diagnosis"]["code"] == found["q1"].diagnosis.code
        assert (answers.progress.succeeded, answers.progress.failed) == (2, 2)
        asked_for = len(server.requests)
        assert not await read(run(client, asked, journal=journal, output=output, policy=AT_ONCE))
        assert len(server.requests) == asked_for
        # Mended, and tried once more.
        await server.play(Script(Answer(TEXT)))
        again = await read(run(client, asked, journal=journal, output=output, policy=AT_ONCE, retry_failed=True))
        assert again["q1"].text == TEXT
        assert text_of(lines(output)["q1"]) == TEXT
        assert lines(output)["q2"]["type"] == "errored"


@pytest.mark.anyio
async def test_the_journal_keeps_what_the_file_has_not(tmp_path: Path) -> None:
    """Its streams are deleted, also those that a process has left that died before; failures stay, to be gone on with.

    A journal that the caller has opened keeps all.
    """
    poison = Poison(has_text("Question 1:"), Status(500))
    output, path = tmp_path / "answers.jsonl", tmp_path / "run.db"
    async with serving(Script(Answer(TEXT), poison=poison)) as (_, client):
        async with SQLiteJournal(path) as journal:
            await read(run(client, requests(40), journal=journal, output=output, policy=AT_ONCE))
            assert len(await journal.streams()) == 40
        await read(run(client, requests(45), journal=path, output=output, policy=AT_ONCE))
        async with SQLiteJournal(path) as journal:
            assert [state.stream_id for state in await journal.streams()] == ["run/q1"]
        assert len(lines(output)) == 45


@pytest.mark.anyio
async def test_a_failure_is_replayed_from_the_journal(tmp_path: Path) -> None:
    """Without a file of results, what has failed is an answer of the next run, and is not asked again."""
    async with serving(Script(Answer(TEXT), then=Status(500))) as (server, client):
        journal = tmp_path / "run.db"
        first = await read(run(client, requests(1), journal=journal, policy=AT_ONCE))
        count = len(server.requests)
        second = await read(run(client, requests(1), journal=journal, policy=AT_ONCE))
        assert len(server.requests) == count
        assert second["q0"].replayed
        assert second["q0"].diagnosis is not None
        assert first["q0"].diagnosis is not None
        assert second["q0"].diagnosis.code == first["q0"].diagnosis.code


@pytest.mark.anyio
async def test_broken_requests_are_told_and_the_others_run(tmp_path: Path) -> None:
    """By their number, without what stands there."""
    file = tmp_path / "requests.jsonl"
    good = [json.dumps(each) for each in requests(3)]
    secret = '{"custom_id": "q9", "params": {"messages": "a secret'
    nameless = json.dumps({"custom_id": "no spaces please", "params": {}})
    modelless = json.dumps({"custom_id": "q8", "params": {"max_tokens": 5, "messages": []}})
    typed = json.dumps(request(7, max_tokens="many"))
    file.write_text("\n".join([good[0], secret, "", nameless, "[]", good[1], good[0], modelless, typed, good[2]]))
    broken: list[BrokenRequest] = []
    async with serving(Script(Answer(TEXT))) as (_, client):
        answers = run(client, file, journal=tmp_path / "run.db", on_broken=broken.append)
        assert (await read(answers)).keys() == {"q0", "q1", "q2"}
    assert sorted(each.number for each in broken) == [2, 4, 5, 7, 8, 9]
    assert not any("secret" in str(each) for each in broken)
    assert (answers.progress.total, answers.progress.broken, answers.progress.waiting) == (9, 6, 0)


@pytest.mark.anyio
async def test_requests_are_taken_as_there_is_room(tmp_path: Path) -> None:
    """From a generator, and from an async one; and while nobody takes the answers, no more are asked."""
    taken: list[int] = []

    def give() -> Iterator[dict[str, Any]]:
        for number in range(40):
            taken.append(number)
            yield request(number)

    async def give_later() -> AsyncIterator[dict[str, Any]]:
        for each in give():
            await anyio.lowlevel.checkpoint()
            yield each

    async with serving(Script(Answer("Yes."))) as (_, client):
        for given in (give(), give_later()):
            taken.clear()
            async with run(client, given, journal=MemoryJournal(), concurrency=2) as answers:
                await anext(answers)
                await anyio.wait_all_tasks_blocked()
                # Two run, three wait to be read, and one was read.
                assert len(taken) <= 2 + 3 + 1 + 1
                assert len([answer async for answer in answers]) == 39
            assert taken == list(range(40))


@pytest.mark.anyio
async def test_what_was_half_answered_goes_on(tmp_path: Path) -> None:
    """A run that is left in mid-answer is gone on with where it was."""
    output, journal = tmp_path / "answers.jsonl", tmp_path / "run.db"
    async with serving(Script(Answer(TEXT), then=Silence(at=after_characters(60)))) as (server, client):
        answers = run(client, requests(2), journal=journal, output=output, policy=AT_ONCE)
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                async for _ in answers:
                    raise AssertionError("it was left before")

            tasks.start_soon(wait)
            await until(lambda: [len(text) for text in texts(answers)] == [60, 60])
            tasks.cancel_scope.cancel()
        await answers.aclose()
        assert not lines(output)
        await server.play(Script(Answer(TEXT)))
        again = await read(run(client, requests(2), journal=journal, output=output, policy=AT_ONCE))
        assert [answer.text for answer in again.values()] == [TEXT] * 2
        resumed = [each for each in server.requests[2:] if each.body["messages"][-1]["role"] == "assistant"]
        assert len(resumed) == 2
        assert len(server.requests) == 4


@pytest.mark.anyio
async def test_stop_lets_what_runs_be_finished(tmp_path: Path) -> None:
    """Nothing more is asked, and every answer that was begun still comes."""
    async with serving(Script(Answer("Yes."))) as (server, client):
        answers = run(client, requests(20), journal=tmp_path / "run.db", concurrency=2)
        found = [await anext(answers)]
        answers.stop()
        found += [answer async for answer in answers]
        assert all(answer.text == "Yes." for answer in found)
        assert len(found) == len(server.requests) < 20


@pytest.mark.anyio
async def test_the_budget_ends_a_run(tmp_path: Path) -> None:
    """No request is begun that is not expected to fit; the run says so, and goes on with a larger budget."""
    price = 4 / 1e6  # of a token of the model's output, about: 15 tokens are 75 micro-dollars and more
    async with serving(Script(Answer("Yes. " * 20))) as (server, client):
        journal = tmp_path / "run.db"
        answers = run(client, requests(30), journal=journal, budget_usd=price * 500, concurrency=2)
        found = []
        with pytest.raises(RunStopped, match="budget") as stopped:
            found += [answer async for answer in answers]
        assert stopped.value.code == "max_cost"
        assert 0 < len(server.requests) < 30
        assert 0 < answers.progress.spent < price * 600
        rest = await read(run(client, requests(30), journal=journal))
        assert len(rest) == len(server.requests) == 30


@pytest.mark.anyio
async def test_failures_end_a_run(tmp_path: Path) -> None:
    """After so many; and at once where no other request can get past it, which is then not a result."""
    async with serving(Script(Answer(TEXT), then=Status(400))) as (server, client):
        output = tmp_path / "answers.jsonl"
        with pytest.raises(RunStopped) as stopped:
            await read(
                run(client, requests(9), journal=tmp_path / "a.db", output=output, max_failures=2, concurrency=1)
            )
        assert stopped.value.code == "max_failures"
        assert len(lines(output)) == len(server.requests) == 2
        await server.play(Script(Answer(TEXT), then=Status(401)))
        with pytest.raises(RunStopped) as stopped:
            await read(run(client, requests(9), journal=tmp_path / "a.db", output=output, concurrency=1))
        assert stopped.value.code == "all_fail"
        assert stopped.value.diagnosis is not None
        assert len(server.requests) == 3
        assert len(lines(output)) == 2


@pytest.mark.anyio
async def test_two_runs_share_a_journal() -> None:
    """Each has every answer, and each request is asked once."""
    async with serving(Script(Answer(TEXT))) as (server, client), MemoryJournal() as journal:
        found: list[dict[str, RunAnswer[None]]] = []

        async def work() -> None:
            found.append(await read(run(client, requests(20), journal=journal, concurrency=3)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            tasks.start_soon(work)
        assert [sorted(each) for each in found] == [sorted(f"q{n}" for n in range(20))] * 2
        assert all(answer.text == TEXT for each in found for answer in each.values())
        assert len(server.requests) == 20


@pytest.mark.anyio
async def test_another_request_under_the_same_id(tmp_path: Path) -> None:
    """It is told, and not mixed up with the one that there is."""
    broken: list[BrokenRequest] = []
    async with serving(Script(Answer(TEXT))) as (server, client):
        await read(run(client, [request(0)], journal=tmp_path / "run.db"))
        again = run(client, [request(0, max_tokens=9)], journal=tmp_path / "run.db", on_broken=broken.append)
        assert not await read(again)
        assert len(server.requests) == 1
    assert "another journal" in broken[0].why


@pytest.mark.anyio
async def test_a_file_that_is_no_results_is_left_alone(tmp_path: Path) -> None:
    """Such as the file of requests, given twice by mistake."""
    file = tmp_path / "requests.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in requests(2)))
    before = file.read_bytes()
    async with serving(Script(Answer(TEXT))) as (server, client):
        with pytest.raises(ResultFileError, match="line 1"):
            await read(run(client, file, journal=tmp_path / "run.db", output=file))
        assert not server.requests
    assert file.read_bytes() == before


@pytest.mark.anyio
async def test_arguments_are_checked_at_the_call(tmp_path: Path) -> None:
    """Before anything is opened."""
    async with serving(Script(Answer(TEXT))) as (_, client):
        with pytest.raises(ValueError, match="concurrency"):
            run(client, [], journal=tmp_path / "run.db", concurrency=0)
        with pytest.raises(ValueError, match="budget_usd"):
            run(client, [], journal=tmp_path / "run.db", budget_usd=-1)
        with pytest.raises(TypeError, match="journal"):
            run(client, [], journal=7)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="requests"):
            run(client, 7, journal=tmp_path / "run.db")  # type: ignore[arg-type]
        with pytest.raises(FileNotFoundError):
            run(client, tmp_path / "none.jsonl", journal=tmp_path / "run.db")
    assert not os.listdir(tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize("lost", [3, 20])
async def test_who_is_killed_with_its_run_is_no_poison_until_it_is_so_again_and_again(lost: int) -> None:
    """Whoever kills a run kills all that it writes; and what kills each run that writes it has to end."""
    whole = MemoryJournal()
    async with serving(Script(Answer(TEXT))) as (server, client):
        await read(run(client, requests(1), journal=whole))
        journal = await killed_after(whole, "run/q0", 2)
        attempt = (await records_of(journal, "run/q0"))[1].body
        for number in range(2, lost + 1):
            await lose(journal, {**attempt, "number": number}, "run/q0")
        answer = (await read(run(client, requests(1), journal=journal)))["q0"]
        if lost == 3:
            assert answer.text == TEXT
            assert len(server.requests) == 2
        else:
            assert answer.diagnosis is not None
            assert answer.diagnosis.code == "poison"
            assert len(server.requests) == 1
