"""instructor, unchanged, with the middleware and without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product, takewhile
from typing import Any, Final

import pytest
from anthropic import AsyncAnthropic
from pydantic import BaseModel

from clients.cells import ARGUMENTS, CELLS, FALLBACK, PROMPT, THINKING, THOUGHT, WHOLE, Cell, Told, middleware, outcome
from harness import CONTINUE, PREFILL, serving
from unbroken import ResilienceMiddleware
from unbroken.testing import Answer, Block, Script, Text, Thinking, ToolUse

pytest.importorskip("instructor", reason="instructor is not installed: run `make clients`")

import instructor


class Entry(BaseModel):
    """What the register says of a place."""

    place: str
    years: list[int]
    notes: str


@dataclass(frozen=True, slots=True)
class Form:
    """How the answer is asked for.

    Attributes:
        mode: instructor's name for it.
        model: Who is asked: the newest models refuse a tool that has to be called.
        fallback: Who is asked when it does not come back; of its kind.
        answer: What they write.
    """

    mode: instructor.Mode
    model: str
    fallback: str
    answer: Block


#: As the input of a tool that has to be called, and as JSON that is asked for in words. (instructor 1.17 does not see
#: that SDK 2 has structured outputs, and asks in words then too.)
FORMS: Final[Mapping[str, Form]] = {
    "tool": Form(instructor.Mode.TOOLS, PREFILL, "claude-opus-4-5", ToolUse("Entry", ARGUMENTS)),
    "json": Form(instructor.Mode.JSON, CONTINUE, FALLBACK, Text(json.dumps(ARGUMENTS, ensure_ascii=False, indent=2))),
}
#: One turn, and so of each cell the first fault.
TURN: Final = {
    name: cell for name, cell in CELLS.items() if cell.faults and cell.faults[0] is not None and "call" not in name
}
CASES: Final = [
    (name, form)
    for name, form in product(["nothing", *TURN], FORMS)
    if not (CELLS[name].thinks and form == "tool")  # a tool that has to be called leaves no room for thinking
]


def script(cell: Cell, form: Form) -> Script:
    """What the server does."""
    blocks = [Thinking(THOUGHT), form.answer] if cell.thinks else [form.answer]
    faults = list(takewhile(lambda fault: fault is not None, cell.faults))  # up to the end of the first turn
    return Script(Answer(blocks, pieces=(10, 10)), models={form.model: Script(faults=faults, then=cell.then)})


def resilient(cell: Cell, form: Form) -> list[ResilienceMiddleware]:
    """The one line."""
    return middleware(replace(cell, fallback=cell.fallback and form.fallback))


def request(cell: Cell, form: Form) -> dict[str, Any]:
    """What an application asks."""
    thinking = {"thinking": THINKING[form.model]} if cell.thinks else {}
    messages = [{"role": "user", "content": PROMPT}]
    return {"response_model": Entry, "model": form.model, "max_tokens": 4096, "messages": messages, **thinking}


async def play(client: AsyncAnthropic, told: Told, cell: Cell, form: Form) -> None:
    """What an application writes: the object as it grows, and what it has become in the end."""
    entry: Entry | None = None
    async for grown in instructor.from_anthropic(client, mode=form.mode).create_partial(**request(cell, form)):
        entry = grown
    assert entry is not None
    told.call(**entry.model_dump())


async def play_whole(client: AsyncAnthropic, told: Told, cell: Cell, form: Form) -> None:
    """The object, when it is there."""
    entry = await instructor.from_anthropic(client, mode=form.mode).create(**request(cell, form))
    told.call(**entry.model_dump())


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "form"), CASES)
async def test_with_the_middleware_the_object_is_whole(name: str, form: str) -> None:
    """Whatever breaks: every field, and no error."""
    cell = CELLS[name]
    faults = script(cell, FORMS[form])
    async with serving(faults, middleware=resilient(cell, FORMS[form])) as (server, client):
        assert await outcome(lambda told: play(client, told, cell, FORMS[form]), text="") == WHOLE
        assert sum(bool(request.faults) for request in server.requests) >= len(faults.models[FORMS[form].model].faults)


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "form"), CASES)
async def test_without_it_every_fault_is_seen(name: str, form: str) -> None:
    """The same code on a bare client: an error, an object with fields missing, or a wait without end."""
    cell = CELLS[name]
    async with serving(script(cell, FORMS[form])) as (_, client):
        seen = await outcome(lambda told: play(client, told, cell, FORMS[form]), hangs=cell.hangs, text="")
        assert (seen == WHOLE) == (name == "nothing"), seen


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "form"), CASES)
async def test_an_object_that_is_not_streamed_is_whole(name: str, form: str) -> None:
    """A request in one piece is retried, and fails over; no second object is asked for because the first was half."""
    cell = CELLS[name]
    async with serving(script(cell, FORMS[form]), middleware=resilient(cell, FORMS[form])) as (_, client):
        assert await outcome(lambda told: play_whole(client, told, cell, FORMS[form]), text="") == WHOLE
