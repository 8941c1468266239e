"""The spans of a stream and of its attempts: what they say, whose children they are, and that they have no content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from harness import AT_ONCE, CONTINUE, ask, assert_unbroken, read, serving
from listening import Heard, attributes, listening, parent
from unbroken import Hedging, Policy, ResilienceMiddleware, StreamFailed, StreamTimeout, resilient_stream
from unbroken.testing import (
    AFTER_MESSAGE_START,
    Answer,
    ErrorEvent,
    Script,
    Silence,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_characters,
    after_fraction,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

SECOND: Final = "claude-sonnet-5-5"
TEXT: Final = "Whoever watches wants to know what was asked, what came of it, and what was done: not what it said."
CUT: Final = ErrorEvent("overloaded_error", at=after_fraction(0.5))


@pytest.fixture
def heard() -> Iterator[Heard]:
    with listening() as heard:
        yield heard


async def test_a_healthy_stream_has_a_span_with_one_attempt(heard: Heard) -> None:
    """Both say who was asked and who answered, and what it cost."""
    async with serving(TEXT) as (_, client):
        reading = await read(client)
        port = client.base_url.port
    (attempt,), stream = heard.attempts, heard.stream
    usage = reading.message.usage
    asked = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": CONTINUE}
    answered = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "gen_ai.response.id": reading.message.id,
        "gen_ai.response.model": reading.message.model,
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.response.time_to_first_chunk": reading.report.attempts[0].first_content,
        "unbroken.outcome": "complete",
    }
    assert attributes(stream) == {
        **asked,
        **answered,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 4096,
        "unbroken.attempts": 1,
        "unbroken.resumes": 0,
    }
    assert attributes(attempt) == {
        **asked,
        **answered,
        "http.response.status_code": 200,
        "anthropic.request.id": reading.report.request_ids[0],
        "unbroken.attempt.number": 1,
        "unbroken.attempt.form": "request",
        "unbroken.attempt.hedge": False,
        "unbroken.attempt.waited": 0.0,
    }
    assert stream.name == f"chat {CONTINUE}"
    assert stream.kind is attempt.kind is SpanKind.CLIENT
    assert stream.status.status_code is attempt.status.status_code is StatusCode.UNSET
    assert heard.events == []


@pytest.mark.backends("asyncio", "uvloop", "trio")
async def test_a_stream_is_below_the_callers_span_and_its_attempts_are_below_it(heard: Heard) -> None:
    """Those too that are sent when another span of the caller's is current, by a task of the engine's."""
    tracer = heard.provider.get_tracer("app")
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        with tracer.start_as_current_span("entering") as entering:
            manager = resilient_stream(client, **ask())
            stream = await manager.__aenter__()
        with tracer.start_as_current_span("reading"):
            await stream.until_done()
        await manager.__aexit__(None, None, None)
        assert trace.get_current_span() is trace.INVALID_SPAN
    ids = {span.name: span.context.span_id for span in heard.spans if span.context}
    assert entering.get_span_context().span_id == parent(heard.stream) == ids["entering"]
    assert [parent(span) for span in heard.attempts] == [ids[heard.stream.name]] * 2


async def test_a_cut_and_a_resume_are_events(heard: Heard) -> None:
    """The attempt that died is an error, the one that went on says how it was joined, and the stream is none."""
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        reading = await read(client)
    assert_unbroken(reading, TEXT)
    first, second = map(attributes, heard.attempts)
    assert (first["unbroken.outcome"], first["error.type"]) == ("overloaded", "overloaded_error")
    assert first["gen_ai.response.finish_reasons"] == ("error",)
    assert first["unbroken.usage.estimated_output_tokens"] > 0
    assert heard.attempts[0].status.status_code is StatusCode.ERROR
    assert (second["unbroken.attempt.form"], second["unbroken.seam"]) == ("continue", reading.report.seam)
    assert second["unbroken.discarded"] == reading.report.attempts[1].discarded
    assert heard.events == ["unbroken.cut", "unbroken.resume", "unbroken.seam"]
    seam = heard.stream.events[-1].attributes
    assert seam == {
        "unbroken.attempt.number": 2,
        "unbroken.seam": reading.report.seam,
        "unbroken.discarded": second["unbroken.discarded"],
    }
    assert heard.stream.events[0].attributes == {
        "unbroken.attempt.number": 1,
        "gen_ai.request.model": CONTINUE,
        "anthropic.request.id": reading.report.request_ids[0],
    }
    assert heard.stream.status.status_code is StatusCode.UNSET


async def test_a_streams_tokens_are_those_of_all_its_attempts(heard: Heard) -> None:
    """So that one may be priced by its attempts, each with its model, or as a whole, and it comes to the same."""
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        await read(client, fallback_models=[SECOND])
    for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "unbroken.usage.estimated_output_tokens"):
        assert attributes(heard.stream)[name] == sum(attributes(span).get(name, 0) for span in heard.attempts)


async def test_a_failover_names_both_models(heard: Heard) -> None:
    """The stream is of the model that was asked for; the one that answered is the response's."""
    script = Script(TEXT, models={CONTINUE: Script(faults=[Status(529)])})
    async with serving(script) as (_, client):
        await read(client, fallback_models=[SECOND], policy=Policy(initial_backoff=0, max_attempts_per_route=1))
    first, second = map(attributes, heard.attempts)
    assert (first["gen_ai.request.model"], second["gen_ai.request.model"]) == (CONTINUE, SECOND)
    assert (first["http.response.status_code"], first["error.type"]) == (529, "overloaded_error")
    assert attributes(heard.stream)["gen_ai.request.model"] == CONTINUE
    assert attributes(heard.stream)["gen_ai.response.model"] == SECOND
    assert heard.events == ["unbroken.failover"]


async def test_a_race_has_spans_side_by_side(heard: Heard) -> None:
    """The loser ends with the winner's first content, and is no error."""
    script = Script(TEXT, models={CONTINUE: Script(faults=[Silence(60, at=AFTER_MESSAGE_START)])})
    async with serving(script) as (_, client):
        await read(client, fallback_models=[SECOND], policy=Policy(hedging=Hedging(1.0)))
    loser, winner = heard.attempts
    assert attributes(loser)["unbroken.outcome"] == "lost"
    assert attributes(winner)["unbroken.outcome"] == "complete"
    assert attributes(winner)["unbroken.attempt.hedge"] is True
    assert loser.status.status_code is StatusCode.UNSET
    assert parent(loser) == parent(winner)
    assert loser.start_time is not None
    assert winner.start_time is not None
    assert loser.end_time is not None
    assert loser.start_time < winner.start_time < loser.end_time
    assert heard.events == ["unbroken.hedge", "unbroken.won"]


async def test_a_stream_that_fails_says_of_what(heard: Heard) -> None:
    """Its error is the one that its last attempt died of."""
    async with serving(Script(TEXT, then=[Status(529)])) as (_, client):
        with pytest.raises(StreamFailed):
            await read(client, policy=Policy(initial_backoff=0, max_attempts=2))
    stream = attributes(heard.stream)
    assert (stream["unbroken.outcome"], stream["error.type"]) == ("failed", "overloaded_error")
    assert stream["unbroken.attempts"] == 2
    assert heard.stream.status.status_code is StatusCode.ERROR
    assert heard.stream.status.description is None
    assert heard.events == ["unbroken.retry", "unbroken.failed"]


async def test_what_is_told_after_the_end_is_no_event(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    """A batch as the last resort is created when the stream is over; OpenTelemetry would complain of a late event."""
    async with serving(Script(TEXT, faults=[CUT], then=Status(529))) as (_, client):
        policy = Policy(initial_backoff=0, max_attempts=1, on_exhausted="defer")
        with pytest.raises(StreamFailed) as caught:
            await read(client, policy=policy)
    assert caught.value.report.notices[-1].code == "deferred"
    assert heard.events[-1] == "unbroken.failed"
    assert "ended span" not in caplog.text


async def test_a_deadline_is_a_timeout(heard: Heard) -> None:
    """Its attempt was given up, and died of nothing."""
    async with serving(Script(TEXT, faults=[Silence(60, at=after_characters(9))])) as (_, client):
        with pytest.raises(StreamTimeout):
            await read(client, policy=Policy(deadline=5))
    assert attributes(heard.stream)["error.type"] == "StreamTimeout"
    assert attributes(heard.attempts[0])["unbroken.outcome"] == "cancelled"
    assert heard.attempts[0].status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("place", [after_characters(9), AFTER_MESSAGE_START])
async def test_a_caller_who_leaves_leaves_no_span_open(heard: Heard, place: Any) -> None:
    """Cancelled while reading, or while the first answer is waited for: that is nobody's error."""
    async with serving(Script(TEXT, then=[Silence(60, at=place)])) as (_, client):
        with anyio.move_on_after(3):
            await read(client, policy=Policy(hedging=Hedging(1)), fallback_models=[CONTINUE])
    assert attributes(heard.stream)["unbroken.outcome"] == "closed"
    assert attributes(heard.stream)["gen_ai.response.finish_reasons"] == ("error",)
    assert {attributes(span)["unbroken.outcome"] for span in heard.attempts} <= {"cancelled", "lost"}
    assert heard.stream.status.status_code is StatusCode.UNSET


async def test_no_content_is_told(heard: Heard) -> None:
    """Not what was asked, written, thought or called, in no span, event or status; nor what an error says."""
    blocks = [Thinking("SECRETTHOUGHT " * 9), Text("SECRETTEXT " * 9), ToolUse("SECRETTOOL", {"a": "SECRETINPUT"})]
    script = Script(
        Answer(blocks),
        faults=[
            ErrorEvent("overloaded_error", "SECRETERROR", at=after_fraction(0.5)),
            Status(529, message="SECRETERROR"),
        ],
    )
    async with serving(script) as (_, client):
        await read(
            client,
            system="SECRETSYSTEM",
            messages=[{"role": "user", "content": "SECRETPROMPT"}],
            tools=[{"name": "SECRETTOOL", "input_schema": {"type": "object"}}],
            stop_sequences=["SECRETSTOP"],
            policy=AT_ONCE,
        )
    assert len(heard.attempts) == 3
    told = " ".join(span.to_json() for span in heard.spans)
    assert "SECRET" not in told


async def test_the_clients_provider_and_conversation_are_used(heard: Heard) -> None:
    """As for the SDK's own spans (SDK 2.x)."""
    pytest.importorskip("anthropic._tracing", reason="this SDK has no spans of its own")
    with listening() as application:
        options = {"tracer_provider": heard.provider, "conversation_id": "conv_1", "traces": False}
        async with serving(TEXT, open_telemetry=options) as (_, client):
            await read(client)
        assert application.spans == ()
    assert attributes(heard.stream)["gen_ai.conversation.id"] == "conv_1"
    assert heard.sdk == []


async def test_the_middlewares_requests_have_the_same_spans(heard: Heard) -> None:
    """Below the SDK's own; an answer in one piece is not said to be streamed, and of it nothing is read."""
    middleware = ResilienceMiddleware(policy=AT_ONCE)
    async with serving(Script(TEXT, faults=[Status(529)]), middleware=[middleware]) as (_, client):
        request = {name: value for name, value in ask().items() if name != "policy"}
        await client.messages.create(**request)
    stream = attributes(heard.stream)
    assert (stream["unbroken.outcome"], stream["unbroken.attempts"]) == ("complete", 2)
    assert not {"gen_ai.request.stream", "gen_ai.response.finish_reasons"} & set(stream)
    assert parent(heard.stream) == next((s.context.span_id for s in heard.sdk if s.context), None)


async def test_a_stream_that_is_not_sampled_is_no_trouble() -> None:
    """Its spans take everything, and keep nothing."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    with listening() as heard, pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "get_tracer_provider", lambda: TracerProvider(sampler=ALWAYS_OFF))
        async with serving(Script(TEXT, faults=[CUT])) as (_, client):
            assert_unbroken(await read(client), TEXT)
        assert heard.spans == ()
