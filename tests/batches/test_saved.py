"""What a saved handle has to look like."""

from __future__ import annotations

from typing import Any, Final

import pytest

from harness import CONTINUE, serving
from unbroken import Deferred, defer
from unbroken.batches.saved import objection

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

NEITHER: Final = object()


async def saved() -> dict[str, Any]:
    """What a handle is saved as."""
    async with serving("It is.") as (_, client):
        messages: Any = [{"role": "user", "content": "Is the lamp lit?"}]
        deferred = await defer(client, model=CONTINUE, max_tokens=100, messages=messages)
        return deferred.to_dict()


async def test_what_was_saved_can_be_read() -> None:
    """By a later release of the same version, too, with what that has added."""
    data = await saved()
    assert objection(data) is None
    assert objection({**data, "added": 1, "rest": {**data["rest"], "added": 1}}) is None
    data["report"]["attempts"][0] |= {"added": 1, "input_tokens": 3.0}  # as some gateway may count
    assert objection(data) is None


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("id", "", "id: String should have at least 1 character"),
        ("api", "gamma", "api: Input should be 'messages' or 'beta'"),
        ("created_at", "2026-11-22T10:00:00", "created_at: Input should have timezone info"),
        ("expires_at", 5, "expires_at: Input should be a valid datetime"),
        ("rest", NEITHER, "rest: Field required"),
        ("rest.partial", [], "rest.partial: Input should be an object"),
        ("rest.form", "backwards", "rest.form: Input should be 'request'"),
        (
            "rest.partial.blocks",
            [{"start": {}, "text": 5}],
            "rest.partial.blocks.0.text: Input should be a valid string",
        ),
        ("rest.partial.ending", {"delta": 5}, "rest.partial.ending.delta: Input should be an object"),
        ("rest.anchor", {"sent": "x"}, "rest.anchor.echo: Field required"),
        ("rest.instruction", {"tags": ["<"], "sentences": []}, "rest.instruction.tags.0: String should match pattern"),
        (
            "rest.instruction",
            {"tags": [], "sentences": ["the"]},
            "rest.instruction.sentences.0: String should have at least 20 characters",
        ),
        ("report.attempts", [], "report.attempts: List should have at least 1 item"),
        ("report.notices", NEITHER, "report.notices: Field required"),
        ("options", object(), "it is no JSON"),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(path: str, value: Any, says: str) -> None:
    """In one sentence, and as a `ValueError` whatever it is."""
    data = await saved()
    *way, last = path.split(".")
    place = data
    for name in way:
        place = place[name]
    if value is NEITHER:
        del place[last]
    else:
        place[last] = value
    assert (objection(data) or "").startswith(says)
    with pytest.raises(ValueError, match="this is no deferred request of version 1: "):
        Deferred.from_dict(data)


async def test_what_stands_there_is_not_told() -> None:
    """It may be what somebody has said."""
    data = await saved()
    data["rest"]["form"] = "a secret"
    assert "secret" not in (objection(data) or "")
