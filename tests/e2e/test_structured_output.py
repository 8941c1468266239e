"""Structured output that is cut: one document, or an error with what arrived; never two glued."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from pydantic import BaseModel

from harness import CONTINUE, PREFILL, assert_unbroken, read, serving
from unbroken import Policy, StreamFailed
from unbroken.testing import Answer, EndOfFile, ErrorEvent, Manner, Reset, Script, Status, after_characters

pytestmark = [
    pytest.mark.anyio,
    # What SDK 1.0 makes of its own parsed blocks.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]


class Keeper(BaseModel):
    """Who looks after the lamp."""

    name: str
    years: int


class Lighthouse(BaseModel):
    """What the answer is."""

    place: str
    steps: int
    keepers: list[Keeper]


VALUE: Final = {
    "place": "Rua Point, where the ferry does not stop",
    "steps": 112,
    "keepers": [{"name": "Ines", "years": 9}, {"name": "Old Tomas", "years": 31}],
}
DOCUMENT: Final = json.dumps(VALUE, indent=1)
SCHEMA: Final = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "steps": {"type": "integer"}, "keepers": {"type": "array"}},
    "required": ["place", "steps", "keepers"],
    "additionalProperties": False,
}
BY_SCHEMA: Final[dict[str, Any]] = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
OTHER: Final = "claude-sonnet-5-5"
#: One request for each route, then the next one's turn.
TURNS: Final = Policy(initial_backoff=0, max_attempts_per_route=1)
BY_TYPE: Final[dict[str, Any]] = {"output_format": Lighthouse}


@pytest.mark.sample(5)
@pytest.mark.parametrize("model", [CONTINUE, PREFILL])
@pytest.mark.parametrize("demand", [BY_SCHEMA, BY_TYPE], ids=["schema", "type"])
@pytest.mark.parametrize("cut", [1, 3, 17, 40, 80, len(DOCUMENT) - 1, len(DOCUMENT)])
async def test_a_document_that_is_cut_is_one_document(cut: int, demand: dict[str, Any], model: str) -> None:
    """Wherever; once or twice."""
    for faults in ([Reset(at=after_characters(cut))], [Reset(at=after_characters(cut)), ErrorEvent()]):
        async with serving(Script(DOCUMENT, faults=faults)) as (server, client):
            reading = await read(client, model=model, **demand)
            assert_unbroken(reading, DOCUMENT)
            assert [request.status for request in server.requests if request.status == 400] == []
            if demand is BY_TYPE:
                assert reading.message.parsed_output == Lighthouse.model_validate(VALUE)


async def test_a_resume_is_made_without_the_constraint() -> None:
    """Under it, the model could only begin a new document."""
    async with serving(Script(DOCUMENT, faults=[EndOfFile(at=after_characters(60))])) as (server, client):
        reading = await read(client, **BY_SCHEMA)
        first, second = (request.body for request in server.requests)
        assert "format" in first["output_config"]
        assert "output_config" not in second
        assert reading.forms == ["request", "continue"]


async def test_a_continuation_that_breaks_the_document_is_thrown_away() -> None:
    """Nothing of it is delivered, and another one is asked for."""
    broken = DOCUMENT[:60] + ' and so on, dear reader"'
    script = Script(DOCUMENT, faults=[Reset(at=after_characters(60))], models={OTHER: Script(Answer(broken))})
    async with serving(script) as (_, client):
        reading = await read(client, fallback_models=[OTHER], policy=TURNS, **BY_SCHEMA)
        assert_unbroken(reading, DOCUMENT)
        assert reading.outcomes == ["connection", "invalid_document", "complete"]
        assert reading.report.attempts[1].characters == 0


async def test_a_new_document_that_goes_another_way_is_not_glued() -> None:
    """Neither to be gone on with nor begun anew as it was: an error, with the partial in it."""
    other = json.dumps({**VALUE, "place": "Somewhere else"}, indent=1)
    faults = [Reset(at=after_characters(60)), *[Status(529)] * 9]
    script = Script(DOCUMENT, faults=faults, models={OTHER: Script(Answer(other, manner=Manner.RESTART_ANSWER))})
    async with serving(script) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client, fallback_models=[OTHER], policy=TURNS, **BY_SCHEMA)
        assert caught.value.partial.text == DOCUMENT[:60]


async def test_a_document_that_max_tokens_ends_is_no_broken_one() -> None:
    """It is what the caller asked for."""
    async with serving(Script(DOCUMENT, faults=[Reset(at=after_characters(60))])) as (_, client):
        reading = await read(client, max_tokens=30, **BY_SCHEMA)
        assert reading.message.stop_reason == "max_tokens"
        assert DOCUMENT.startswith(reading.text)


@pytest.mark.parametrize("demand", [BY_SCHEMA, BY_TYPE], ids=["schema", "type"])
@pytest.mark.parametrize("cut", [1, 17, 60, len(DOCUMENT) - 1])
async def test_a_document_that_is_held_until_it_is_whole_is_asked_for_afresh(cut: int, demand: dict[str, Any]) -> None:
    """Nothing of it was delivered, so no retry has to go on with another one's beginning."""
    other = json.dumps({**VALUE, "place": "Somewhere else"}, indent=1)
    script = Script(DOCUMENT, faults=[Reset(at=after_characters(cut))], models={OTHER: Script(Answer(other))})
    async with serving(script) as (server, client):
        held = Policy(initial_backoff=0, max_attempts_per_route=1, live=frozenset({"thinking"}))
        reading = await read(client, fallback_models=[OTHER], policy=held, **demand)
        assert_unbroken(reading, other)
        assert reading.forms == ["request", "request"]
        assert all("format" in request.body["output_config"] for request in server.requests)
