"""Requests in message batches: what was begun is finished here, the rest is put there, and all comes into one file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import anthropic
import pytest

from harness import AT_ONCE, serving
from runs.test_run import TEXT, lines, read, requests, text_of
from unbroken import RunAnswer, run
from unbroken.testing import Answer, Batches, CutFrame, Reset, Script, Status, after_characters


async def deferring(client: Any, count: int, path: Path, **options: Any) -> dict[str, RunAnswer[None]]:
    """A run that puts what is left into a batch."""
    output, journal = path / "answers.jsonl", path / "run.db"
    return await read(
        run(client, requests(count), journal=journal, output=output, policy=AT_ONCE, **{"defer": True, **options})
    )


@pytest.mark.anyio
async def test_half_here_and_half_there_is_one_file(tmp_path: Path) -> None:
    """What has an answer is not asked, what was half answered is finished here, and the rest comes from a batch."""
    output = tmp_path / "answers.jsonl"
    async with serving(Script(Answer(TEXT))) as (server, client):
        assert len(await deferring(client, 2, tmp_path, defer=False)) == 2
        await server.play(Script(Answer(TEXT), then=Reset(at=after_characters(40))))
        # Its stream is in the journal, and has failed; it is gone on with.
        never = {"policy": AT_ONCE, "journal": tmp_path / "run.db"}
        await read(run(client, requests(3), output=tmp_path / "other.jsonl", **never, max_failures=1))
        await server.play(Script(Answer(TEXT), batches=Batches()))
        first = await deferring(client, 6, tmp_path, retry_failed=True)
        assert "q5" not in first
        (batch,) = server.batches
        assert {each.custom_id for each in batch.requests} | set(lines(output)) == {f"q{n}" for n in range(6)}
        assert (tmp_path / "answers.jsonl.batches").stat().st_mode & 0o777 == 0o600
        assert "lamp" not in (tmp_path / "answers.jsonl.batches").read_text()
        asked = len(server.requests)
        second = run(client, requests(6), journal=tmp_path / "run.db", output=output)
        found = await read(second)
        assert {text_of(result) for result in lines(output).values()} == {TEXT}
        assert sorted(lines(output)) == [f"q{n}" for n in range(6)]
        assert all(answer.text == TEXT for answer in found.values())
        assert found["q5"].report.attempts[0].batch
        assert second.progress.done == 6
        assert not (tmp_path / "answers.jsonl.batches").exists()
        assert not [each for each in server.requests[asked:] if each.path == "/v1/messages"]


@pytest.mark.anyio
async def test_what_a_batch_is_still_at_is_left_to_it(tmp_path: Path) -> None:
    """It is not asked here as well; the run says how many there are."""
    async with serving(Script(Answer(TEXT), batches=Batches(seconds=math.inf))) as (server, client):
        await deferring(client, 3, tmp_path)
        again = run(client, requests(5), journal=tmp_path / "run.db", output=tmp_path / "answers.jsonl")
        assert (await read(again)).keys() == {"q3", "q4"}
        assert (again.progress.deferred, again.progress.done) == (3, 2)
        assert len([each for each in server.requests if each.path == "/v1/messages"]) == 2


@pytest.mark.anyio
async def test_results_that_break_off_are_read_again(tmp_path: Path) -> None:
    """Each line once; and an error of one request is its result, with a diagnosis."""
    batches = Batches(
        errors=[None, Status(529)],
        polls=[Status(500)],
        reads=[CutFrame(at=after_characters(0)), Reset(at=after_characters(0)), None],
    )
    output = tmp_path / "answers.jsonl"
    async with serving(Script(Answer(TEXT), batches=batches)) as (_, client):
        await deferring(client, 4, tmp_path)
        assert not await deferring(client, 4, tmp_path)  # it could not be looked at
        found: dict[str, Any] = {}
        for _ in range(3):
            found |= await deferring(client, 4, tmp_path)
        kinds = {custom_id: result["type"] for custom_id, result in lines(output).items()}
        assert kinds == {"q0": "succeeded", "q1": "errored", "q2": "succeeded", "q3": "succeeded"}
        assert lines(output)["q1"]["diagnosis"]["code"]
        assert found["q1"].error is not None


@pytest.mark.anyio
async def test_what_a_batch_has_not_answered_is_asked_again(tmp_path: Path) -> None:
    """Expired, cancelled, or gone with its batch: no result is made of that."""
    async with serving(Script(Answer(TEXT), batches=Batches(seconds=math.inf))) as (server, client):
        await deferring(client, 2, tmp_path)
        await client.messages.batches.cancel(server.batches[0].id)
        found = await deferring(client, 2, tmp_path, defer=False)
        assert [answer.text for answer in found.values()] == [TEXT] * 2
        file = tmp_path / "answers.jsonl.batches"
        file.write_text(json.dumps({"version": 1, "batches": [{"id": "msgbatch_gone", "custom_ids": ["q2"]}]}))
        assert (await deferring(client, 3, tmp_path, defer=False))["q2"].text == TEXT
        assert not file.exists()


@pytest.mark.anyio
async def test_what_no_batch_takes_is_asked_here(tmp_path: Path) -> None:
    """Fast mode, say; and where creating fails for good, that is raised, and nothing is lost."""
    output = tmp_path / "answers.jsonl"
    asked = [*requests(1), {"custom_id": "fast", "params": {**requests(1)[0]["params"], "speed": "fast"}}]
    async with serving(Script(Answer(TEXT), batches=Batches(creates=[Status(400)]))) as (server, client):
        answers = run(client, asked, journal=tmp_path / "run.db", output=output, policy=AT_ONCE, defer=True, api="beta")
        with pytest.raises(anthropic.BadRequestError):
            await read(answers)
        assert not server.batches
        await read(run(client, requests(1), journal=tmp_path / "run.db", output=output))
        assert "q0" in lines(output)
        with pytest.raises(ValueError, match="defer needs an output"):
            run(client, asked, journal=tmp_path / "run.db", defer=True)
