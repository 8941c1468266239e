"""A request in a batch, as the caller holds it: here, in a file, in another process."""

from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from harness import CONTINUE, serving
from unbroken import BatchTimeout, Deferred, Partial, defer
from unbroken.sdk.clients import parameters
from unbroken.testing import Batches, Script

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

ASK: Final[dict[str, Any]] = {
    "model": CONTINUE,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Is the lamp lit?"}],
}


async def test_it_goes_to_json_and_back() -> None:
    """Plain data with a version; as a file of its owner's; pickled, without its client."""
    async with serving("It is.") as (_, client):
        headers = {"authorization": "sk-secret"}
        deferred = await defer(client, **ASK, api="beta", betas=["b"], stop_sequences=["."], extra_headers=headers)
        data = deferred.to_dict()
        assert json.loads(deferred.to_json()) == data
        assert data["version"] == 1
        assert data["options"] == {"betas": ["b"]}
        assert "sk-secret" not in deferred.to_json()
        assert "lamp" not in deferred.to_json()
        for copy in (
            Deferred.from_dict(data),
            Deferred.from_json(deferred.to_json()),
            pickle.loads(pickle.dumps(deferred)),
        ):
            assert copy.to_dict() == data
            assert (copy.created_at, copy.expires_at) == (deferred.created_at, deferred.expires_at)
            with pytest.raises(ValueError, match="knows no client"):
                await copy.result()


async def test_a_file_is_for_its_owner(tmp_path: Path) -> None:
    async with serving("It is.") as (_, client):
        deferred = await defer(client, **ASK)
        deferred.save(tmp_path / "handle.json")
        assert stat.S_IMODE((tmp_path / "handle.json").stat().st_mode) == 0o600
        assert (await Deferred.load(tmp_path / "handle.json").result(client)).content[0].text == "It is."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1]", "no JSON object"),
        ("{", "Expecting"),
        ('{"version": 2}', "version 2; only 1"),
        ("{}", "version None"),
        ('{"version": 1, "id": "msgbatch_1"}', "no deferred request of version 1: custom_id: Field required"),
        (
            '{"version": 1, "id": "m", "custom_id": "c", "model": "m", "api": "x", "created_at": 1}',
            "version 1: api: Input",
        ),
        ("[" * 100_000, "no JSON object"),
    ],
)
async def test_what_is_no_handle_is_said(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Deferred.from_json(text)


async def test_half_a_character_does_not_keep_it_from_being_saved(tmp_path: Path) -> None:
    """JSON can hold half of a surrogate pair; a file in UTF-8 cannot."""
    async with serving("It is.") as (_, client):
        data = (await defer(client, **ASK)).to_dict()
        data["rest"]["stop_sequences"] = ["\ud83d"]
        Deferred.from_dict(data).save(tmp_path / "handle.json")
        assert Deferred.load(tmp_path / "handle.json").to_dict() == data


async def test_a_file_says_nothing_of_how_calls_are_made() -> None:
    """Only what `to_dict` writes is read: no headers that somebody else has put in."""
    async with serving("It is.") as (server, client):
        data = (await defer(client, **ASK)).to_dict()
        for options in ({"extra_headers": {"x-evil": "1"}}, {"timeout": 1}, {"message_batch_id": "msgbatch_9"}):
            assert (await Deferred.from_dict({**data, "options": options}).result(client)).content[0].text == "It is."
        assert all("x-evil" not in request.headers for request in server.requests)


async def test_it_shows_no_content() -> None:
    async with serving("It is.") as (_, client):
        deferred = await defer(client, **ASK)
        await deferred.result()
        assert "It is" not in repr(deferred)
        assert deferred.id in repr(deferred)
        assert deferred.partial == Partial()


async def test_a_result_that_is_late_may_be_asked_for_again() -> None:
    """The batch goes on, and so does who waits for it."""
    async with serving(Script("It is.", batches=Batches(seconds=600))) as (_, client):
        deferred = await defer(client, **ASK)
        with pytest.raises(BatchTimeout, match="not ended within 60 s") as caught:
            await deferred.result(timeout=60)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.deferred is deferred
        assert deferred.report.outcome == "open"
        for _ in range(2):
            assert (await deferred.result()).content[0].text == "It is."
            assert deferred.report.outcome == "complete"
            assert len(deferred.report.attempts) == 1


@pytest.mark.slow
async def test_nobody_waits_for_longer_than_a_batch_can_take() -> None:
    """25 hours; the API gives it 24."""
    batches = Batches(seconds=1e9, lifetime=1e9)
    async with serving(Script("It is.", batches=batches)) as (_, client):
        deferred = await defer(client, **ASK)
        started = anyio.current_time()
        await anyio.sleep(80_000)
        with pytest.raises(BatchTimeout, match="90000 s"):
            await deferred.result()
        assert anyio.current_time() - started == pytest.approx(170_000, abs=1)


async def test_the_batch_can_be_looked_at_and_cancelled() -> None:
    """The SDK's own object says how it is; what came along with the request goes along with each call."""
    async with serving(Script("It is.", batches=Batches(seconds=600))) as (server, client):
        # What SDK 1.0 does not know of.
        workspace = {"workspace_id": "wrkspc_1"} if "workspace_id" in parameters(type(client.messages).stream) else {}
        deferred = await defer(client, **ASK, extra_headers={"x-mine": "1"}, **workspace)
        assert (await deferred.status()).request_counts.processing == 1
        assert (await deferred.cancel()).processing_status == "canceling"
        copy = Deferred.from_json(deferred.to_json())
        await copy.status(client)
        sent = [request.headers for request in server.requests]
        assert [headers.get("x-mine") for headers in sent] == ["1", "1", "1", None]
        assert {headers.get("anthropic-workspace-id") for headers in sent} == {workspace.get("workspace_id")}
