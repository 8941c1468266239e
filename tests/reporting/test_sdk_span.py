"""The SDK's own span of a request says with our reader what it says with the SDK's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any, Final, Literal

import anthropic
import httpx2
import pytest

from harness import ask, client_of, read, serving
from listening import Heard, attributes, listening, parent
from unbroken import Hedging, Policy, resilient_stream
from unbroken.reporting.sdk_span import SdkSpan
from unbroken.testing import (
    AFTER_MESSAGE_START,
    Answer,
    EndOfFile,
    ErrorEvent,
    FaultServer,
    Pings,
    Reset,
    Script,
    Silence,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_fraction,
)

pytest.importorskip("anthropic._tracing", reason="this SDK has no spans of its own")

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT: Final = "The one who reads is not the one who was expected, and nobody notices: all is as it was before."
HALF: Final = after_fraction(0.5)
WHOLE: Final = Answer([Thinking("A thought."), Text(TEXT), ToolUse("tool", {"city": "Bern"})])
FAULTS: Final = {
    "none": [],
    "error": [ErrorEvent("overloaded_error", at=HALF)],
    "reset": [Reset(at=HALF)],
    "end": [EndOfFile(at=HALF)],
    "status": [Status(529)],
}

Api = Literal["messages", "beta"]
Reader = Callable[[Any, Api], Awaitable[None]]


async def by_the_sdk(client: Any, api: Api) -> None:
    """Read a stream with the SDK alone."""
    messages = client.beta.messages if api == "beta" else client.messages
    request = {name: value for name, value in ask().items() if name != "policy"}
    async with messages.stream(**request) as stream:
        await stream.get_final_message()


async def by_us(client: Any, api: Api) -> None:
    """Read a stream with ours, which gives up at once."""
    policy = Policy(resume="never", max_attempts=1)
    async with resilient_stream(client, **ask(policy=policy), api=api) as stream:
        await stream.get_final_message()


async def span_of(reader: Reader, api: Api, script: Script, content_mode: str) -> tuple[Any, ...]:
    """The status and the attributes of the SDK's span, without those that are never twice the same."""
    with listening() as heard:
        options = {"tracer_provider": heard.provider, "traces": {"content_mode": content_mode}}
        async with FaultServer(script) as server, client_of(server, max_retries=0, open_telemetry=options) as client:
            # The SDK's reader lets the transport's own exceptions through; a clean end of file is none to it.
            with suppress(anthropic.APIError, httpx2.HTTPError) if script.faults else nullcontext():
                await reader(client, api)
    (span,) = heard.sdk
    changing = {"server.port", "url.full", "gen_ai.response.time_to_first_chunk"}
    kept = {name: value for name, value in attributes(span).items() if name not in changing}
    has_first = "gen_ai.response.time_to_first_chunk" in attributes(span)
    return span.status.status_code, span.status.description, has_first, kept


@pytest.mark.backends("asyncio")  # on trio the SDK's reader leaves its generators to the collector
@pytest.mark.parametrize("content_mode", ["metadata_only", "content"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("api", ["messages", "beta"])
async def test_a_span_says_what_it_would_without_us(api: Api, fault: str, content_mode: str) -> None:
    """Its usage, its end, its status, and its content for who has asked for that; after every kind of end."""
    script = Script(TEXT if FAULTS[fault] else WHOLE, faults=FAULTS[fault])
    ours, sdks = [await span_of(reader, api, script, content_mode) for reader in (by_us, by_the_sdk)]
    assert ours == sdks
    assert ("gen_ai.usage.output_tokens" in ours[-1]) is (fault == "none")
    assert ("gen_ai.output.messages" in ours[-1]) is (content_mode == "content" and fault != "status")


@pytest.fixture
def heard() -> Iterator[Heard]:
    with listening() as heard:
        yield heard


async def test_each_attempt_has_the_sdks_span_below_its_own(heard: Heard) -> None:
    """Also a resume, which another task sends."""
    async with serving(Script(TEXT, faults=[ErrorEvent("overloaded_error", at=HALF)])) as (_, client):
        await read(client)
    assert [parent(span) for span in heard.sdk] == [span.context and span.context.span_id for span in heard.attempts]
    for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
        assert [attributes(span).get(name) for span in heard.sdk] == [
            attributes(span).get(name) for span in heard.attempts
        ]


async def test_the_loser_of_a_race_is_no_error(heard: Heard) -> None:
    """It was left, as by an application that stops reading; what it had told of its input is kept."""
    script = Script(TEXT, models={ask()["model"]: Script(faults=[Pings(at=AFTER_MESSAGE_START)])})
    async with serving(script) as (_, client):
        await read(client, fallback_models=["claude-sonnet-5-5"], policy=Policy(hedging=Hedging(1.0)))
    loser, winner = sorted(heard.sdk, key=lambda span: span.start_time or 0)
    assert (loser.status.status_code.name, winner.status.status_code.name) == ("UNSET", "OK")
    assert attributes(loser)["gen_ai.usage.input_tokens"] > 0
    assert "gen_ai.usage.output_tokens" not in attributes(loser)


async def test_a_stall_is_a_timeout(heard: Heard) -> None:
    """The transport's timeout is an error; a watchdog's is a reader who leaves, which its span takes for none."""
    for policy in (Policy(initial_backoff=0, idle_timeout=5), Policy(initial_backoff=0, progress_timeout=5)):
        async with serving(Script(TEXT, faults=[Silence(60, at=HALF)])) as (_, client):
            await read(client, policy=policy)
    assert [span.status.status_code.name for span in heard.sdk] == ["ERROR", "OK", "UNSET", "OK"]
    assert attributes(heard.sdk[0])["error.type"] == "client_timeout_error"


def test_a_response_without_a_span_has_none() -> None:
    """Nor has one whose observer is none that is known here: the SDK has moved, and its span ends by itself."""
    assert SdkSpan.of(None, "messages") is None
    assert SdkSpan.of(anthropic.NOT_GIVEN, "messages") is None
