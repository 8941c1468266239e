"""Requests that fail for what is in them, every time, and for nothing else."""

from __future__ import annotations

import contextlib
from typing import Any

import anthropic
import pytest
from serving import ask, serving

from unbroken.testing import (
    AFTER_MESSAGE_START,
    ErrorEvent,
    Poison,
    Refuse,
    Script,
    Status,
    all_of,
    any_of,
    has_keyword,
    has_parameter,
    has_text,
    has_tool,
    larger_than,
    longer_than,
)
from unbroken.testing.script.poison import Where

NESTED = {"type": "object", "properties": {"a": {"type": "array", "items": {"anyOf": [{"pattern": "x"}]}}}}
BODY: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "metadata": {"user_id": None},
    "system": "Be brief.",
    "messages": [
        {"role": "user", "content": "Hallo Welt"},
        {"role": "assistant", "content": [{"type": "text", "text": "The line\nbreaks"}]},
        {"role": "user", "content": "Zürich"},
    ],
    "tools": [
        {"name": "deep", "input_schema": NESTED},
        {"name": "flat", "input_schema": {"type": "object"}},
        "no tool at all",
    ],
    "output_config": {"format": {"type": "json_schema", "schema": {"const": 1}}},
}


@pytest.mark.parametrize(
    ("where", "strikes"),
    [
        (has_parameter("metadata"), True),
        (has_parameter("metadata.user_id"), True),
        (has_parameter("metadata.user_id", None), True),
        (has_parameter("metadata.user_id", "me", "you"), False),
        (has_parameter("model", "claude-opus-5-5"), True),
        (has_parameter("messages.1.content.0.type", "text"), True),
        (has_parameter("messages.3"), False),
        (has_parameter("messages.first"), False),
        (has_parameter("system.0"), False),
        (has_parameter("temperature"), False),
        (has_tool("flat"), True),
        (has_tool("steep"), False),
        (has_keyword("pattern"), True),
        (has_keyword("pattern", tool="deep"), True),
        (has_keyword("pattern", tool="flat"), False),
        (has_keyword("const"), True),
        (has_keyword("const", tool="deep"), False),
        (has_keyword("format"), False),
        (has_text("llo We"), True),
        (has_text("line\nbreaks"), True),
        (has_text("Zürich"), True),
        (has_text("Be brief"), True),
        (has_text("flat"), False),
        (longer_than(2), True),
        (longer_than(3), False),
        (larger_than(150), True),
        (larger_than(1500), False),
        (all_of(has_tool("flat"), longer_than(2)), True),
        (all_of(has_tool("flat"), longer_than(3)), False),
        (any_of(has_tool("steep"), longer_than(2)), True),
        (any_of(has_tool("steep"), longer_than(3)), False),
    ],
)
def test_where_it_strikes(where: Where, strikes: bool) -> None:
    """By the body alone; a body without such parts is never struck."""
    assert where(BODY) is strikes
    assert where({}) is False


@pytest.mark.asyncio
async def test_it_strikes_whenever_it_is_there() -> None:
    """Streamed or not, and uses no step of the script up; without it all goes by the script."""
    script = Script("Fine.", faults=[Status(529)], poison=Poison(has_keyword("pattern", tool="deep")))
    deep = {"name": "deep", "input_schema": NESTED}
    flat = {"name": "flat", "input_schema": {"type": "object"}}
    async with serving(script) as (server, sdk):
        for _ in range(2):
            with pytest.raises(anthropic.InternalServerError) as error:
                await sdk.messages.create(**ask(tools=[deep, flat]))
            assert (error.value.status_code, error.value.type) == (500, "api_error")
        with pytest.raises(anthropic.InternalServerError):
            async with sdk.messages.stream(**ask(tools=[deep])) as stream:
                await stream.get_final_message()
        with pytest.raises(anthropic.BadRequestError):
            await sdk.messages.create(**ask(tools=[deep], messages=[]))
        with pytest.raises(anthropic.OverloadedError):
            await sdk.messages.create(**ask(tools=[flat]))
        assert (await sdk.messages.create(**ask(tools=[flat]))).content[0].text == "Fine."
        counted = await sdk.messages.count_tokens(**ask(tools=[deep], max_tokens=None))
    assert counted.input_tokens > 0
    assert [request.status for request in server.requests] == [500, 500, 500, 400, 529, 200, 200]


@pytest.mark.asyncio
async def test_it_may_strike_inside_the_stream() -> None:
    """With any fault; the first one that strikes counts."""
    poison = [
        Poison(longer_than(9), Status(504)),
        Poison(has_text("Tell"), ErrorEvent("api_error", at=AFTER_MESSAGE_START)),
        Poison(has_text("Tell"), Status(504)),
    ]
    async with serving(Script("Fine.", poison=poison)) as (_, sdk), sdk.messages.stream(**ask()) as stream:
        with pytest.raises(anthropic.APIStatusError) as error:
            await stream.get_final_message()
    assert (error.value.status_code, error.value.type) == (200, "api_error")


@pytest.mark.asyncio
async def test_a_models_own_poison() -> None:
    """It is the model's alone; a model without any has everybody's."""
    own = {"claude-haiku-4-5": Script(poison=Poison(has_text("secret"))), "claude-opus-5": Script()}
    async with serving(Script("Fine.", models=own, poison=Poison(has_text("Tell")))) as (server, sdk):
        for model in ("claude-haiku-4-5", "claude-opus-5", "claude-opus-5-5"):
            with contextlib.suppress(anthropic.InternalServerError):
                await sdk.messages.create(**ask(model=model))
    assert [request.status for request in server.requests] == [200, 500, 500]


def test_a_connection_cannot_be_refused_for_its_content() -> None:
    """It is refused before there is any."""
    with pytest.raises(ValueError, match="Refuse"):
        Script(poison=Poison(longer_than(1), Refuse(1)))
