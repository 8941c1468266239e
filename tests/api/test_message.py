"""`resilient_message`: the whole message, for who wants no stream."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, Final

import anthropic
import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from pydantic import BaseModel

from harness import AT_ONCE, CONTINUE, PREFILL, ask, client_of, serving
from unbroken import Policy, StreamFailed, StreamTimeout, resilient_message, resilient_stream
from unbroken.testing import (
    BEFORE_RESPONSE,
    Answer,
    ErrorEvent,
    FaultServer,
    Reset,
    Script,
    Silence,
    Status,
    Thinking,
    ToolUse,
    after_characters,
)

TEXT: Final = "Whoever waits for the whole of an answer does not care in how many pieces it came, if it comes whole."


def shown(block: Any) -> tuple[str, Any]:
    """What a block says; ids and signatures are made for each request."""
    return block.type, getattr(block, "input" if block.type == "tool_use" else block.type)


class Weather(BaseModel):
    """What is asked for."""

    place: str
    degrees: int


@pytest.mark.anyio
@pytest.mark.parametrize("api", ["messages", "beta"])
async def test_the_message_is_that_of_create_however_often_it_was_cut(api: Any) -> None:
    """Text, tools, stop reason and usage, and the `_request_id` as `create` sets it."""
    answer = Answer([Thinking("Hm."), TEXT, ToolUse("look", {"where": "out"})])
    faults = [None, ErrorEvent(at=after_characters(20)), Reset(at=after_characters(40))]
    tools = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    async with serving(Script(answer, faults=faults)) as (server, client):
        plain = {name: value for name, value in ask(tools=tools).items() if name != "policy"}
        create = client.beta.messages.create if api == "beta" else client.messages.create
        expected = await create(**plain)
        message = await resilient_message(client, **ask(tools=tools, api=api))
        assert [shown(block) for block in message.content] == [shown(block) for block in expected.content]
        assert (message.stop_reason, message.model, message.role) == ("tool_use", CONTINUE, "assistant")
        assert expected._request_id == "req_00000001"
        assert message._request_id == f"req_{len(server.requests):08}"
        assert "_request_id" not in message.to_dict()
        assert len(server.requests) == 4
        assert all(request.body["stream"] for request in server.requests[1:])


@pytest.mark.anyio
async def test_a_type_is_parsed_into() -> None:
    """As `messages.parse` does."""
    async with serving('{"place": "Oslo", "degrees": 4}') as (_, client):
        message = await resilient_message(client, **ask(output_format=Weather))
    assert message.parsed_output == Weather(place="Oslo", degrees=4)


@pytest.mark.anyio
async def test_it_falls_back_and_tells_of_it() -> None:
    """All that streams can do, it can."""
    codes: list[str] = []
    script = Script(TEXT, models={CONTINUE: Script(then=Status(529))})
    async with serving(script) as (_, client):
        message = await resilient_message(
            client, **ask(fallback_models=[PREFILL], on_notice=lambda notice: codes.append(notice.code))
        )
    assert (message.content[0].text, message.model) == (TEXT, PREFILL)
    assert "failover" in codes


@pytest.mark.anyio
async def test_what_fails_fails_as_a_stream_does() -> None:
    """With the partial, the report and the diagnosis; what the API never accepts as the SDK raises it."""
    script = Script(TEXT, faults=[ErrorEvent(at=after_characters(20))], then=Status(529))
    async with serving(script) as (_, client):
        with pytest.raises(StreamFailed) as failed:
            await resilient_message(client, **ask(policy=Policy(initial_backoff=0, max_attempts=2)))
    assert failed.value.partial.text == TEXT[:20]
    assert failed.value.diagnosis.code == "overloaded"
    async with serving(Script(then=Status(401))) as (_, client):
        with pytest.raises(anthropic.AuthenticationError):
            await resilient_message(client, **ask())


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_the_deadline_holds() -> None:
    """Nobody is waited for longer than that."""
    async with serving(Script(then=Silence(None, at=BEFORE_RESPONSE))) as (_, client):
        with pytest.raises(StreamTimeout):
            await resilient_message(client, **ask(policy=Policy(deadline=30)))


def test_a_bad_call_is_an_error_at_the_call() -> None:
    """Nothing has to be awaited for it."""
    client = anthropic.AsyncAnthropic(api_key="test", base_url="http://127.0.0.1:9")
    with pytest.raises(TypeError, match="unexpected argument 'mesages'"):
        resilient_message(client, **ask(mesages=[]))
    with pytest.raises(ValueError, match="max_tokens must be at least 1"):
        resilient_message(client, **ask(max_tokens=0))


def test_the_arguments_are_those_of_resilient_stream() -> None:
    """In the same order, with the same defaults."""
    mine, its = inspect.signature(resilient_message), inspect.signature(resilient_stream)
    assert mine.parameters == its.parameters


@pytest.mark.anyio
async def test_the_warning_for_a_deprecated_model_names_the_callers_line() -> None:
    """Also when the call is awaited elsewhere."""
    model = min(DEPRECATED_MODELS)
    async with FaultServer(TEXT, models=[model]) as server, client_of(server) as client:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asked = resilient_message(client, **ask(model=model, policy=AT_ONCE))
            line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
            await asked
    deprecations = [warning for warning in caught if issubclass(warning.category, DeprecationWarning)]
    assert [(warning.filename, warning.lineno) for warning in deprecations] == [(__file__, line)]
