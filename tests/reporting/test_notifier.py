"""Notices: for the report, for the caller, for the log; and never a word of the conversation."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, Final

import anthropic
import anyio
import httpx2
import pytest

from harness import CONTINUE, PREFILL, ask, assert_unbroken, read, serving
from unbroken import Notice, Policy, Report, StreamFailed, resilient_stream
from unbroken.core.failure import Failure, Kind, of_kind
from unbroken.core.models.table import lookup
from unbroken.health.incidents import Incident
from unbroken.reporting.attempt_recorder import AttemptRecorder
from unbroken.reporting.notifier import Notifier
from unbroken.testing import (
    AFTER_MESSAGE_DELTA,
    Answer,
    Drop,
    EndOfFile,
    Reset,
    Script,
    Status,
    Thinking,
    after_characters,
    after_events,
)

pytestmark = pytest.mark.anyio

TEXT: Final = "The answer is a secret between the two of us, and nobody who reads the log may learn it."
PROMPT: Final = "A question that is nobody else's business"


@pytest.mark.backends("virtual")
async def test_a_notice_before_the_first_attempt_is_about_none() -> None:
    """It has no model and no request id yet."""
    report = Report()
    Notifier(report, 0.0, None).notice("route_skipped", "it is skipped")
    assert report.notices == [Notice("route_skipped", "it is skipped", 0, "", None, 0.0)]


def notifier() -> tuple[Report, Notifier]:
    """A report, and who tells of it from now on."""
    report = Report()
    return report, Notifier(report, anyio.current_time(), None)


OVERLOADED: Final = of_kind(Kind.OVERLOADED, anthropic.APIError("Overloaded", httpx2.Request("POST", "/"), body=None))


@pytest.mark.backends("virtual")
@pytest.mark.parametrize(
    ("delay", "failure", "code", "message"),
    [
        (0.8, None, "hedge", "no content for 0.8 s: asking claude-haiku-4-5 as well"),
        (0.0, None, "hedge", "asking claude-haiku-4-5 at the same time"),
        (0.8, OVERLOADED, "failover", "overloaded: going on with claude-haiku-4-5"),
        (0.0, OVERLOADED, "failover", "overloaded: going on with claude-haiku-4-5"),
    ],
)
async def test_why_one_more_model_is_asked(delay: float, failure: Failure | None, code: str, message: str) -> None:
    """Because nothing came for so long, because all are asked at once, or because one has failed."""
    report, tell = notifier()
    tell.hedge(PREFILL, delay, failure)
    assert [(notice.code, notice.message) for notice in report.notices] == [(code, message)]


@pytest.mark.backends("virtual")
async def test_the_winner_is_told_with_its_own_attempt() -> None:
    """Also where it was not the last that was asked."""
    report, tell = notifier()
    winner = AttemptRecorder(report, 0.0, route=0, model=CONTINUE, info=lookup(CONTINUE), form="request", waited=0.0)
    winner.headers("req_winner", 200, None)
    AttemptRecorder(report, 0.0, route=1, model=PREFILL, info=lookup(PREFILL), form="request", waited=0.0, hedge=True)
    await anyio.sleep(2)
    tell.won(winner.entry)
    message = f"{CONTINUE} was the first to deliver content"
    assert report.notices == [Notice("won", message, 1, CONTINUE, "req_winner", 2.0)]


@pytest.mark.backends("virtual")
@pytest.mark.parametrize(
    ("other", "cool_for", "code", "end"),
    [
        (PREFILL, 0.0, "circuit_open", f"is open; going on with {PREFILL}"),
        (CONTINUE, 0.0, "circuit_open", "is open; waiting for it"),
        (PREFILL, 12.0, "cool_down", f"is rate limited for 12 s; going on with {PREFILL}"),
        (CONTINUE, 12.0, "cool_down", "is rate limited for 12 s; waiting for it"),
    ],
)
async def test_why_a_model_is_left_alone(other: str, cool_for: float, code: str, end: str) -> None:
    """Its breaker is open or its rate limit has to cool down; and what is done about it."""
    report, tell = notifier()
    tell.not_ready(CONTINUE, other, cool_for)
    (notice,) = report.notices
    assert notice.code == code
    assert CONTINUE in notice.message
    assert notice.message.endswith(end)


@pytest.mark.backends("virtual")
async def test_an_incident_is_told_with_its_name_and_impact() -> None:
    """And with the model that it concerns, which is about to be asked."""
    report, tell = notifier()
    tell.incident(CONTINUE, Incident("Elevated errors on many models", "identified", "critical"))
    (notice,) = report.notices
    message = f"the status page declares a critical incident on {CONTINUE}: Elevated errors on many models"
    assert (notice.code, notice.message, notice.attempt) == ("incident", message, 0)


async def codes(script: Script, **changes: Any) -> list[str]:
    """The codes of the notices of one stream that is read to its end."""
    heard: list[Notice] = []
    async with serving(script) as (_, client):
        reading = await read(client, on_notice=heard.append, **changes)
        assert heard == reading.report.notices
        return reading.codes


async def test_a_stream_that_goes_well_has_nothing_to_tell() -> None:
    """No notice at all."""
    assert await codes(Script(TEXT)) == []


async def test_a_retry_before_any_content_is_told() -> None:
    """As a retry: nothing was cut."""
    assert await codes(Script(TEXT, faults=[Status(529), Status(503)])) == ["retry", "retry"]


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_a_cut_and_its_resume_are_told(model: str) -> None:
    """Two notices: what happened, and what is done about it."""
    script = Script(TEXT, faults=[Reset(at=after_characters(40))])
    assert await codes(script, model=model) == ["cut", "resume"]


async def test_a_resume_that_is_refused_is_no_second_cut() -> None:
    """Nothing came that could have been cut."""
    script = Script(TEXT, faults=[Reset(at=after_characters(40)), Status(529)])
    assert await codes(script) == ["cut", "resume", "resume"]


async def test_a_failover_is_told() -> None:
    """With the model that goes on."""
    script = Script(TEXT, models={CONTINUE: Script(TEXT, then=Status(529))})
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    assert await codes(script, fallback_models=[PREFILL], policy=policy) == ["failover"]


async def test_a_route_that_is_ruled_out_is_told() -> None:
    """The second model does not exist; the third one answers."""
    dead = Script(TEXT, then=Status(529))
    script = Script(TEXT, models={CONTINUE: dead, "claude-sonnet-5": Script(TEXT, then=Status(404))})
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    told = await codes(script, fallback_models=["claude-sonnet-5", PREFILL], policy=policy)
    assert told == ["failover", "failover", "route_skipped"]


async def test_a_model_that_turns_out_to_take_no_prefill_is_told() -> None:
    """The table was wrong about it; it is asked to continue, and that is no attempt lost."""
    refusal = "This model does not support assistant message prefill. The conversation must end with a user message."
    faults = [Reset(at=after_characters(40)), Status(400, message=refusal)]
    told = await codes(Script(TEXT, faults=faults), model=PREFILL)
    assert told == ["cut", "resume", "prefill_unsupported", "resume"]


async def test_a_fallback_that_says_what_it_does_not_take_is_told() -> None:
    """It is asked again as it takes it, which is no retry of the same."""
    refusal = Status(400, message="This model does not support the effort parameter.")
    models = {CONTINUE: Script(then=Status(529)), "claude-sonnet-5": Script(TEXT, faults=[refusal])}
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    script = Script(TEXT, models=models)
    told = await codes(script, fallback_models=["claude-sonnet-5"], policy=policy, output_config={"effort": "low"})
    assert told == ["failover", "request_adapted"]


async def test_an_end_that_is_supplied_is_told() -> None:
    """The message was whole; only `message_stop` was missing."""
    script = Script(TEXT, faults=[Drop(at=AFTER_MESSAGE_DELTA)])
    assert await codes(script) == ["message_stop_supplied"]


async def test_a_thinking_block_that_is_given_up_is_told() -> None:
    """It was delivered in part and cannot be gone on with: the answer is asked for afresh."""
    thought = Thinking("A long thought, which does not come to its end at the first attempt.")
    answer = Answer([thought, TEXT], pieces=(4, 4))
    shown = {"type": "adaptive", "display": "summarized"}
    told = await codes(Script(answer, faults=[EndOfFile(at=after_events(6))]), thinking=shown)
    assert told == ["retry", "block_abandoned"]


async def test_a_failure_is_told_last() -> None:
    """Of every attempt, and of the end."""
    heard: list[Notice] = []
    async with serving(Script(TEXT, then=Status(529))) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client, on_notice=heard.append, policy=Policy(initial_backoff=0, max_attempts=2))
    assert [notice.code for notice in heard] == ["retry", "failed"]
    assert caught.value.report.notices == heard


async def test_a_listener_that_raises_does_not_break_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """What it raises is logged."""

    def listen(notice: Notice) -> None:
        raise LookupError("a mistake of the caller's")

    async with serving(Script(TEXT, faults=[Reset(at=after_characters(40))])) as (_, client):
        assert_unbroken(await read(client, on_notice=listen), TEXT)
    assert "a mistake of the caller's" in caplog.text


async def test_a_notice_says_which_attempt_and_which_request_it_is_about() -> None:
    """So that it can be found in somebody else's log."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(40))])) as (server, client):
        reading = await read(client)
        for notice in reading.report.notices:
            assert (notice.attempt, notice.model) == (1, CONTINUE)
            assert notice.request_id == server.requests[0].id
            assert 0 <= notice.at <= (reading.report.duration or 0)


async def test_the_logger_tells_every_notice_with_its_request_id(caplog: pytest.LogCaptureFixture) -> None:
    """On the logger `unbroken`, at the level of information."""
    caplog.set_level(logging.INFO, "unbroken")
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(40)), Status(529)])) as (server, client):
        reading = await read(client)
    records = [record for record in caplog.records if record.name == "unbroken"]
    assert len(records) == len(reading.report.notices)
    assert server.requests[0].id in records[0].getMessage()


async def test_no_log_record_no_error_and_no_report_holds_a_word_of_the_conversation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the prompt nor the answer: reports are pasted into tickets, and logs are kept."""
    caplog.set_level(logging.DEBUG, "unbroken")
    script = Script(TEXT, faults=[Reset(at=after_characters(50)), Status(500), Drop(at=after_characters(60))])
    async with serving(script) as (server, client):
        arguments = ask(messages=[{"role": "user", "content": PROMPT}], system="A system prompt of my own")
        async with resilient_stream(client, **arguments) as stream:
            await stream.until_done()
        told = [stream.report.to_json(), *(str(notice) for notice in stream.report.notices)]
        await server.play(Script(TEXT, faults=[Reset(at=after_characters(50))], then=Status(529)))
        with pytest.raises(StreamFailed) as caught:
            await read(client, messages=arguments["messages"], system=arguments["system"])
        assert caught.value.partial.text == TEXT[:50]
    told += [str(caught.value), repr(caught.value), caught.value.report.to_json()]
    told += [record.getMessage() for record in caplog.records if record.name == "unbroken"]
    for secret in (PROMPT, "A system prompt", "The answer is", TEXT[30:50], TEXT[-20:]):
        assert not [line for line in told if secret in line]


async def test_what_a_400_quotes_is_in_no_notice() -> None:
    """It may be of the conversation, or speak to a terminal; what is adapted is told."""
    refusal = "messages.0: 'a secret' \x1b]52;c;aGk=\x07: This model does not support the effort parameter."
    models = {
        CONTINUE: Script(then=Status(529)),
        "claude-sonnet-5": Script(TEXT, faults=[Status(400, message=refusal)]),
    }
    heard: list[Notice] = []
    async with serving(Script(TEXT, models=models)) as (_, client):
        await read(
            client,
            on_notice=heard.append,
            fallback_models=["claude-sonnet-5"],
            policy=Policy(initial_backoff=0, max_attempts_per_route=1),
            output_config={"effort": "low"},
        )
    adapted = [notice.message for notice in heard if notice.code == "request_adapted"]
    assert adapted == ["claude-sonnet-5 rejected the request for output_config.effort; asking it again, as it takes it"]


@pytest.mark.backends("asyncio", "trio")
async def test_a_logging_filter_that_raises_does_not_reach_the_stream() -> None:
    """Nor does a listener that raises as well."""

    def broken(*_: Any) -> bool:
        raise LookupError("no request in this context")

    log = logging.getLogger("unbroken")
    log.addFilter(broken)
    try:
        async with serving(Script(TEXT, faults=[Reset(at=after_characters(20))])) as (_, client):
            assert_unbroken(await read(client, on_notice=broken), TEXT)
    finally:
        log.removeFilter(broken)


@pytest.mark.backends("asyncio")
async def test_a_coroutine_that_a_listener_gives_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """No warning of a coroutine that was never awaited, but a word in the log."""

    async def later(notice: Notice) -> None:
        """Nobody awaits it."""

    def call(function: Any, notice: Notice) -> Any:
        return function(notice)

    with caplog.at_level(logging.ERROR, "unbroken"):
        Notifier(Report(), 0.0, partial(call, later)).notice("cut", "it was cut")
    assert ["gave a coroutine" in record.getMessage() for record in caplog.records] == [True]
