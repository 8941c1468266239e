"""Waits and limits, to the second, on a clock that jumps: `retry-after`, watchdogs, deadlines, the end of patience."""

from __future__ import annotations

from typing import Any, Final

import anthropic
import anyio
import pytest

from harness import AT_ONCE, CONTINUE, PREFILL, all_closed, ask, assert_unbroken, read, serving
from unbroken import Health, Policy, StreamFailed, StreamStalled, StreamTimeout, resilient_stream
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    EndOfFile,
    FaultServer,
    Pings,
    Reset,
    Script,
    Silence,
    Slow,
    Status,
    after_characters,
    after_fraction,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT: Final = "The clock jumps, and nobody waits for it. What takes an hour takes no time at all."
#: A budget of one retry, which nothing but time fills.
SCARCE: Final[dict[str, Any]] = {"max_retries": 1, "retry_ratio": 0, "retries_per_missing": 0}


def gaps(server: FaultServer) -> list[float]:
    """Seconds from the end of each request to the arrival of the next."""
    pairs = zip(server.requests, server.requests[1:], strict=False)
    return [later.arrived_at - (earlier.ended_at or 0.0) for earlier, later in pairs]


async def fail(client: Any, **changes: Any) -> StreamFailed:
    """Read a stream that cannot be finished; returns what was raised."""
    with pytest.raises(StreamFailed) as caught:
        await read(client, **changes)
    return caught.value


# -- retry-after


@pytest.mark.parametrize("headers", [{"retry-after": "2"}, {"retry-after-ms": "2000"}], ids=["seconds", "milliseconds"])
async def test_a_429_with_retry_after_2_is_not_asked_again_before_2_seconds(headers: dict[str, str]) -> None:
    """The server's wish is obeyed to the moment, although the backoff alone would have been shorter."""
    async with serving(Script(TEXT, faults=[Status(429, headers=headers)])) as (server, client):
        reading = await read(client)
        assert_unbroken(reading, TEXT)
        assert gaps(server) == [pytest.approx(2.0)]
        assert gaps(server)[0] >= 2.0
        assert reading.report.attempts[1].waited == pytest.approx(2.0)


async def test_a_529_with_retry_after_between_two_cuts_is_obeyed() -> None:
    """It holds for a resume as for a first request."""
    faults = [Reset(), Status(529, headers={"retry-after": "7"})]
    async with serving(Script(TEXT, faults=faults)) as (server, client):
        assert_unbroken(await read(client), TEXT)
        assert gaps(server) == [0.0, pytest.approx(7.0)]


async def test_a_retry_after_of_an_hour_is_not_waited_for() -> None:
    """It is longer than `max_retry_after`: the stream fails at once, and says why."""
    async with serving(Script(TEXT, then=Status(429, headers={"retry-after": "3600"}))) as (server, client):
        error = await fail(client)
        assert anyio.current_time() == server.requests[0].arrived_at
        assert len(server.requests) == 1
        assert "3600" in str(error)
        assert isinstance(error.last, anthropic.RateLimitError)
        assert error.status_code == 429


async def test_a_retry_after_of_an_hour_sends_the_stream_to_the_next_route_at_once() -> None:
    """The other model is asked without a wait."""
    busy = Script(then=Status(429, headers={"retry-after": "3600"}))
    async with serving(Script(TEXT, models={CONTINUE: busy})) as (server, client):
        reading = await read(client, fallback_models=[PREFILL])
        assert_unbroken(reading, TEXT)
        assert [request.model for request in server.requests] == [CONTINUE, PREFILL]
        assert gaps(server) == [0.0]
        assert "failover" in reading.codes


async def test_x_should_retry_false_is_obeyed() -> None:
    """The server says that the same request will not succeed here; it is not asked again."""
    async with serving(Script(TEXT, then=Status(529, headers={"x-should-retry": "false"}))) as (server, client):
        await fail(client)
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
async def test_a_spend_cap_is_never_retried(code: str) -> None:
    """It keeps failing until somebody pays: one request, and the SDK's own exception."""
    async with serving(Script(TEXT, then=Status(429, details={"error_code": code}))) as (server, client):
        with pytest.raises(anthropic.RateLimitError) as caught:
            await read(client)
        assert not isinstance(caught.value, StreamFailed)
        assert len(server.requests) == 1


# -- errors that no retry mends


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (413, anthropic.APIStatusError),
        (422, anthropic.UnprocessableEntityError),
    ],
)
async def test_what_the_api_will_never_accept_is_raised_as_the_sdk_raises_it(
    status: int, error: type[anthropic.APIStatusError]
) -> None:
    """After one request, and not as a `StreamFailed`."""
    async with serving(Script(TEXT, then=Status(status))) as (server, client):
        with pytest.raises(error) as caught:
            await read(client)
        assert not isinstance(caught.value, StreamFailed)
        assert caught.value.status_code == status
        assert len(server.requests) == 1


async def test_a_401_reaches_the_caller_as_an_authentication_error_after_one_request() -> None:
    """The key is wrong for every route of this client, so none of them is asked."""
    async with serving(Script(TEXT, then=Status(401))) as (server, client):
        with pytest.raises(anthropic.AuthenticationError):
            await read(client, fallback_models=[PREFILL, "claude-sonnet-4-5"])
        assert len(server.requests) == 1


# -- watchdogs


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
@pytest.mark.parametrize("every", [1, 15, 45])
async def test_a_stream_of_pings_ends_within_progress_timeout(model: str, every: float) -> None:
    """Pings are no progress: at 20 seconds without content the attempt is over, and the rest is asked for."""
    async with serving(Script(TEXT, faults=[Pings(every=every)])) as (server, client):
        reading = await read(client, model=model, policy=Policy(initial_backoff=0, progress_timeout=20))
        assert_unbroken(reading, TEXT)
        assert reading.report.attempts[0].ended == pytest.approx(20.0)
        assert server.requests[0].abandoned


async def test_pings_for_ever_on_every_attempt_end_in_a_failure_that_holds_the_partial() -> None:
    """No attempt outlasts `progress_timeout`, so neither does the stream."""
    script = Script(TEXT, faults=[Pings(at=after_characters(9))], then=Pings(at=AFTER_MESSAGE_START))
    async with serving(script) as (_, client):
        error = await fail(client, policy=Policy(initial_backoff=0, progress_timeout=20, max_attempts=3))
        assert anyio.current_time() == pytest.approx(20.0 * 4)
        assert error.partial.text == TEXT[:9]
        assert isinstance(error.last, StreamStalled)
        assert [attempt.outcome for attempt in error.report.attempts] == ["stalled"] * 4


async def test_silence_ends_at_idle_timeout() -> None:
    """Not a byte for that long is a dead connection."""
    async with serving(Script(TEXT, faults=[Silence()])) as (_, client):
        reading = await read(client, policy=Policy(initial_backoff=0, idle_timeout=33))
        assert_unbroken(reading, TEXT)
        assert reading.report.attempts[0].ended == pytest.approx(33.0)


@pytest.mark.parametrize("fault", [Silence(at=BEFORE_RESPONSE), Pings(every=3, at=AFTER_MESSAGE_START)], ids=repr)
async def test_first_content_timeout_bounds_the_way_to_the_first_word(fault: Any) -> None:
    """It counts from the sending of the request, headers included; pings do not extend it."""
    async with serving(Script(TEXT, faults=[fault])) as (_, client):
        reading = await read(client, policy=Policy(initial_backoff=0, first_content_timeout=12))
        assert_unbroken(reading, TEXT)
        assert reading.report.attempts[0].ended == pytest.approx(12.0)


async def test_first_content_timeout_does_not_bound_what_comes_later() -> None:
    """Once there is content, only `progress_timeout` and `idle_timeout` count."""
    async with serving(Script(TEXT, faults=[Silence(40)])) as (server, client):
        assert_unbroken(await read(client, policy=Policy(first_content_timeout=12)), TEXT)
        assert len(server.requests) == 1


async def test_the_shorter_of_the_callers_timeout_and_the_policys_holds() -> None:
    """`timeout=` of the call bounds each attempt's reads."""
    async with serving(Script(TEXT, faults=[Silence()])) as (_, client):
        reading = await read(client, timeout=5.0)
        assert_unbroken(reading, TEXT)
        assert reading.report.attempts[0].ended == pytest.approx(5.0)


async def test_a_reader_who_dawdles_longer_than_every_watchdog_gets_the_whole_text_in_one_attempt() -> None:
    """Watchdogs run only while the network is waited for, never while the caller is busy."""
    async with serving(Script(TEXT)) as (server, client):
        text = ""
        async with resilient_stream(client, **ask(policy=Policy(idle_timeout=1, progress_timeout=2))) as stream:
            await anyio.sleep(3600)
            async for piece in stream.text_stream:
                text += piece
                await anyio.sleep(3600)
            assert text == TEXT
            assert len(stream.report.attempts) == len(server.requests) == 1


async def test_a_reader_who_dawdles_over_a_cut_gets_the_whole_text() -> None:
    """The cut is noticed when the reader comes back, and costs one resume."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(20))])) as (server, client):
        text = ""
        async with resilient_stream(client, **ask(policy=Policy(initial_backoff=0, idle_timeout=1))) as stream:
            async for piece in stream.text_stream:
                text += piece
                await anyio.sleep(3600)
        assert text == TEXT
        assert len(server.requests) == 2


# -- the deadline


DEADLINE: Final = 10.0

#: Where the stream is when the deadline passes.
PHASES: Final[dict[str, Script]] = {
    "opening": Script(TEXT, then=Silence(at=BEFORE_RESPONSE)),
    "waiting_for_the_first_word": Script(TEXT, then=Silence(at=AFTER_MESSAGE_START)),
    "reading": Script(TEXT, then=Silence(at=after_characters(20))),
    "reading_pings": Script(TEXT, then=Pings(every=1, at=after_characters(20))),
    "reading_slowly": Script(TEXT, then=Slow(4)),
    "backoff": Script(TEXT, faults=[Reset(at=after_characters(20))], then=Status(529, headers={"retry-after": "50"})),
    "backoff_before_the_first_word": Script(TEXT, then=Status(529, headers={"retry-after": "50"})),
    "opening_the_resume": Script(TEXT, faults=[Reset(at=after_characters(20))], then=Silence(at=BEFORE_RESPONSE)),
    "the_seam": Script(TEXT, faults=[Reset(at=after_characters(30))], then=Silence(at=after_characters(5))),
}


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_deadline_ends_everything_on_time_with_the_partial_in_hand(phase: str, model: str) -> None:
    """At the second that was asked for, whatever was going on, with all that was delivered."""
    text = ""
    async with serving(PHASES[phase]) as (_, client):
        with pytest.raises(StreamTimeout) as caught:
            async with resilient_stream(
                client, **ask(model=model, policy=Policy(deadline=DEADLINE, initial_backoff=0))
            ) as stream:
                async for piece in stream.text_stream:
                    text += piece
        error = caught.value
        assert anyio.current_time() == pytest.approx(DEADLINE)
        assert isinstance(error, TimeoutError)
        assert isinstance(error, anthropic.APIError)
        assert error.partial.text == text
        assert TEXT.startswith(text)
        assert error.report.duration == pytest.approx(DEADLINE)
        assert error.report.outcome == "failed"


async def test_a_deadline_also_runs_while_the_caller_dawdles() -> None:
    """The caller's own time is part of it: the next read raises, although more had arrived, and nothing is open."""
    async with serving(Script(TEXT, then=Silence(at=after_characters(40)))) as (server, client):
        async with resilient_stream(client, **ask(policy=Policy(deadline=DEADLINE))) as stream:
            assert (await anext(stream)).type == "message_start"  # it comes together with the first content
            await anyio.sleep(DEADLINE + 5)
            with pytest.raises(StreamTimeout) as caught:
                await anext(stream)
            await all_closed(server)
        assert caught.value.partial.message is not None
        assert caught.value.partial.blocks


async def test_a_deadline_also_bounds_the_wait_for_the_retry_budget() -> None:
    """An empty budget is waited for, and no longer than the deadline allows."""
    health = Health(
        max_retries=1, retries_per_missing=0, retries_per_second=0.02, retry_ratio=0, clock=anyio.current_time
    )
    async with serving(Script(TEXT, then=Status(529))) as (server, client):
        with pytest.raises(StreamTimeout):
            await read(client, health=health, policy=Policy(initial_backoff=0, deadline=DEADLINE))
        assert anyio.current_time() == pytest.approx(DEADLINE)
        assert len(server.requests) == 2


async def test_a_message_that_is_whole_in_time_is_not_taken_back_by_the_deadline() -> None:
    """Whoever reads the end of a finished message late still reads it."""
    async with serving(Script(TEXT)) as (_, client):
        async with resilient_stream(client, **ask(policy=Policy(deadline=DEADLINE))) as stream:
            message = await stream.get_final_message()
            await anyio.sleep(DEADLINE + 5)
            assert (await stream.get_final_message()).content == message.content


# -- the end of patience


async def test_a_clean_end_of_file_is_never_a_success() -> None:
    """The bare SDK returns half a message as if it were whole; here it is a failure like any other."""
    async with serving(Script(TEXT, then=EndOfFile(at=after_fraction(0)))) as (_, client):
        error = await fail(client, policy=Policy(initial_backoff=0, max_attempts=2))
        assert [attempt.outcome for attempt in error.report.attempts] == ["truncated", "truncated"]


@pytest.mark.parametrize("resume", ["never", "auto"])
async def test_a_half_answer_is_never_returned_as_whole(resume: Any) -> None:
    """Not even where nothing may be resumed."""
    script = Script(TEXT, faults=[EndOfFile(at=after_characters(20))], then=Status(529))
    async with serving(script) as (_, client):
        error = await fail(client, policy=Policy(initial_backoff=0, resume=resume))
        assert error.partial.text == TEXT[:20]


async def test_when_everything_is_dead_one_error_tells_of_every_attempt() -> None:
    """`StreamFailed`, after `max_attempts`, over all routes, with each attempt in the report and in `__cause__`."""
    async with serving(Script(TEXT, then=Status(529))) as (server, client):
        error = await fail(client, fallback_models=[PREFILL, "claude-sonnet-4-5"], policy=AT_ONCE)
        assert len(server.requests) == 8
        assert len(error.report.attempts) == 8
        assert isinstance(error.__cause__, ExceptionGroup)
        assert len(error.__cause__.exceptions) == 8
        assert all(isinstance(each, anthropic.OverloadedError) for each in error.__cause__.exceptions)
        assert error.report.request_ids == [request.id for request in server.requests]
        asked = [request.model for request in server.requests]
        assert asked == [CONTINUE] * 3 + [PREFILL] * 3 + ["claude-sonnet-4-5"] * 2
        assert all(request.id in str(error) for request in server.requests)
        assert (error.status_code, error.type, error.request_id) == (529, "overloaded_error", server.requests[-1].id)


async def test_max_attempts_counts_what_brought_nothing() -> None:
    """Content starts the count again: a long answer may be cut more often than `max_attempts`."""
    cuts = [Reset(at=after_characters(after)) for after in (20, 60, 60, 60, 60)]
    async with serving(Script(TEXT * 4, faults=cuts)) as (server, client):
        reading = await read(client, policy=Policy(initial_backoff=0, max_attempts=2))
        assert_unbroken(reading, TEXT * 4)
        assert len(server.requests) == 6


async def test_max_resumes_bounds_how_often_the_rest_is_asked_for() -> None:
    """However well each resume goes on."""
    script = Script(TEXT * 4, then=Reset(at=after_characters(60)))
    async with serving(script) as (server, client):
        error = await fail(client, policy=Policy(initial_backoff=0, max_resumes=2))
        assert len(server.requests) == 3
        assert (TEXT * 4).startswith(error.partial.text)


async def test_max_extra_input_tokens_bounds_what_resumes_cost() -> None:
    """The first resume would cost more than is allowed, and is not sent."""
    async with serving(Script(TEXT, then=Reset(at=after_characters(20)))) as (server, client):
        error = await fail(client, policy=Policy(initial_backoff=0, max_extra_input_tokens=5))
        assert len(server.requests) == 1
        assert "max_extra_input_tokens" in str(error)


async def test_an_existing_handler_for_the_sdks_errors_catches_the_failure() -> None:
    """`except anthropic.APIError` goes on working."""
    async with serving(Script(TEXT, then=Status(529))) as (_, client):
        caught: Exception | None = None
        try:
            await read(client)
        except anthropic.APIError as error:
            caught = error
        assert isinstance(caught, StreamFailed)


async def test_backoff_grows_and_stays_below_its_ceilings() -> None:
    """Full jitter: each wait is between nothing and 1, 2, 4, 4 seconds."""
    async with serving(Script(TEXT, faults=[Status(529)] * 5)) as (server, client):
        policy = Policy(initial_backoff=1, max_backoff=4, max_attempts_per_route=9)
        assert_unbroken(await read(client, policy=policy), TEXT)
        assert all(0 <= gap <= most for gap, most in zip(gaps(server), [1, 2, 4, 4, 4], strict=True))


async def test_another_route_is_asked_without_a_wait() -> None:
    """The backoff is for asking the same route again."""
    policy = Policy(initial_backoff=1000, max_backoff=1000, max_attempts_per_route=1)
    async with serving(Script(TEXT, faults=[Status(529)])) as (server, client):
        assert_unbroken(await read(client, policy=policy, fallback_models=[PREFILL]), TEXT)
        assert gaps(server) == [0.0]


async def test_an_empty_retry_budget_is_waited_for_and_told_of() -> None:
    """A storm of overloads does not become a storm of retries: the second retry waits for its token."""
    health = Health(
        max_retries=1, retries_per_missing=0, retries_per_second=0.1, retry_ratio=0, clock=anyio.current_time
    )
    async with serving(Script(TEXT, faults=[Status(529), Status(529)])) as (server, client):
        reading = await read(client, health=health)
        assert_unbroken(reading, TEXT)
        assert gaps(server) == [0.0, pytest.approx(10.0)]
        assert "budget_wait" in reading.codes


async def test_resumes_after_content_are_free_of_the_retry_budget() -> None:
    """They are bounded by `max_resumes` instead."""
    health = Health(**SCARCE, retries_per_second=0, clock=anyio.current_time)
    async with serving(Script(TEXT * 4, faults=[Reset(at=after_characters(n)) for n in (20, 70, 70)])) as (_, client):
        reading = await read(client, health=health)
        assert_unbroken(reading, TEXT * 4)
        assert "budget_wait" not in reading.codes
