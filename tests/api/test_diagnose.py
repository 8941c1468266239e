"""`diagnose` and `StreamFailed.diagnosis`: what was met on a real connection, told apart."""

from __future__ import annotations

import copy
import json
import pickle
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from harness import CONTINUE, PREFILL, ask, client_of, serving
from unbroken import Diagnosis, Health, Hedging, Policy, Route, StreamFailed, StreamTimeout, diagnose, resilient_stream
from unbroken.core.message.partial import Partial
from unbroken.errors import BatchCanceled, BatchErrored, BatchExpired, BatchFailed, BatchTimeout
from unbroken.report import AttemptReport, Report
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    Drop,
    EndOfFile,
    ErrorEvent,
    FaultServer,
    Script,
    Silence,
    Status,
    after_characters,
    ramp_limited,
    rate_limited,
    spend_limited,
)

SECRET: Final = "the rosebud is under the snow"
ANSWER: Final = "It is told of an answer that it was cut, and of a request that it was never answered, and of both why."
PARAMS: Final[dict[str, Any]] = {
    "model": CONTINUE,
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": SECRET}],
}
LIMITED: Final = rate_limited("input-tokens", retry_after=61, reset=90, now=datetime(2126, 11, 22, 9, 33, tzinfo=UTC))
HASTY: Final = Policy(initial_backoff=0, max_attempts=3)


async def fail(client: Any, **changes: Any) -> StreamFailed:
    """What a stream that fails raises."""
    with pytest.raises(StreamFailed) as caught:
        async with resilient_stream(client, **ask(**{**PARAMS, "policy": HASTY, **changes})) as stream:
            await stream.until_done()
    return caught.value


async def failed(script: Script, **changes: Any) -> StreamFailed:
    """What a stream against this script raises."""
    async with serving(script) as (_, client):
        return await fail(client, **changes)


async def refused(script: Script, **changes: Any) -> anthropic.APIError:
    """What the bare SDK raises of this script."""
    async with serving(script, max_retries=0) as (_, client):
        with pytest.raises(anthropic.APIError) as caught:
            async with client.messages.stream(**{**PARAMS, **changes}) as stream:
                await stream.until_done()
        return caught.value


# -- each status, as the SDK raises it


STATUSES: Final = [
    (Status(529), "overloaded", "everybody"),
    (Status(500), "server_error", "service"),
    (Status(503), "server_error", "service"),
    (Status(504), "timed_out", "service"),
    (Status(408), "timed_out", "service"),
    (Status(409), "conflict", "request"),
    (Status(429), "rate_limited", "account"),
    (ramp_limited(), "acceleration_limit", "account"),
    (spend_limited(), "spend_limit", "account"),
    (spend_limited("contract_spend_limit_reached"), "spend_limit", "account"),
    (Status(429, message="Extra usage is required for long context requests."), "long_context_limit", "account"),
    (Status(402), "billing", "account"),
    (Status(400, message="Your credit balance is too low to access the Anthropic API."), "billing", "account"),
    (Status(400, message="You have reached your specified API usage limits."), "spend_limit", "account"),
    (Status(400, message="prompt is too long: 210541 tokens > 200000 maximum"), "context_exceeded", "request"),
    (Status(401), "authentication", "account"),
    (Status(403), "permission", "account"),
    (Status(404), "not_found", "request"),
    (Status(413), "too_large", "request"),
    (Status(400), "invalid_request", "request"),
    (Status(422), "invalid_request", "request"),
    (ErrorEvent("overloaded_error"), "overloaded", "everybody"),
    (ErrorEvent("rate_limit_error"), "rate_limited", "account"),
    (ErrorEvent("api_error"), "server_error", "service"),
    (ErrorEvent("timeout_error"), "timed_out", "service"),
]


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize(
    ("fault", "code", "whose"), STATUSES, ids=[f"{case[1]}-{number}" for number, case in enumerate(STATUSES)]
)
async def test_an_error_of_the_sdk_is_told_by_its_code(fault: Any, code: str, whose: str) -> None:
    """By status, type, code and headers, in the stream and before it; nothing of the conversation is in it."""
    error = await refused(Script(ANSWER, then=fault))
    found = diagnose(error, params=PARAMS)
    assert (found.code, found.whose) == (code, whose)
    assert found.request_ids == ("req_00000001",)
    (request,) = found.requests
    assert (request.model, request.request_id) == (CONTINUE, "req_00000001")
    assert request.status == (200 if isinstance(fault, ErrorEvent) else fault.status)
    assert found.next_steps
    for text in (str(found), json.dumps(found.to_dict())):
        assert SECRET not in text
        assert "test" not in text  # the key


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_the_model_is_read_from_the_request_where_no_arguments_are_given() -> None:
    """As long as it can be read."""
    found = diagnose(await refused(Script(then=Status(404))))
    assert CONTINUE in found.summary


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_the_words_of_the_api_are_not_repeated() -> None:
    """They may quote the request; where they point is told."""
    error = await refused(Script(then=Status(400, message=f"messages.0.content: {SECRET!r} is not allowed")))
    assert SECRET in str(error)
    found = diagnose(error, params=PARAMS)
    assert found.summary == "The API rejects the request as invalid (400), at messages.0.content."
    assert SECRET not in f"{found} {found!r} {found.to_dict()}"


# -- rate limits


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
@pytest.mark.parametrize("name", ["requests", "tokens", "input-tokens", "output-tokens"])
async def test_a_rate_limit_says_which(name: Any) -> None:
    """From the headers."""
    found = diagnose(await refused(Script(then=rate_limited(name, retry_after=None))), params=PARAMS)
    assert found.summary == f"A rate limit of your account is reached (429): {name}."
    assert [limit.name for limit in found.limits if limit.exhausted] == [name]
    assert len(found.limits) == 4
    assert found.retry_after is None
    assert found.next_steps[0].endswith(f", when {name} resets.")


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_rate_limit_says_until_when() -> None:
    """From the headers of the last response."""
    error = await failed(Script(faults=[rate_limited("requests", retry_after=0)], then=LIMITED))
    found = error.diagnosis
    assert error.message.startswith("A rate limit of your account is reached (429): input-tokens. The stream could ")
    assert found.retry_after == 61
    first = found.limits[0]
    assert (first.name, first.limit, first.remaining) == ("input-tokens", 30_000, 0)
    assert first.reset == "2126-11-22T09:34:30Z"
    assert first.seconds is not None
    assert first.seconds > 3600
    assert found.next_steps[0] == "Wait 61 s before you ask again; the API asks for that."


# -- streams


@pytest.mark.anyio
async def test_overload_inside_streams_and_before_them_is_one_trouble() -> None:
    """What was survived is not what it died of, and is told all the same."""
    error = await failed(Script(ANSWER, faults=[ErrorEvent("api_error", at=after_characters(20))], then=Status(529)))
    found = error.diagnosis
    assert found.code == "overloaded"
    assert error.message.startswith("The API is overloaded (529): that is everybody's problem, and not your account's.")
    assert "The stream could not be finished: 3 requests in a row brought nothing." in error.message
    assert [(each.code, each.status, each.delivered) for each in found.requests] == [
        ("server_error", 200, True),
        *[("overloaded", 529, False)] * 3,
    ]
    assert found.request_ids == tuple(error.report.request_ids)
    assert all(each.date and each.date.endswith("Z") for each in found.requests)
    assert SECRET not in f"{error} {error!r} {found}"
    assert ANSWER[:10] not in f"{error} {error!r} {found}"


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_the_servers_own_date_is_preferred() -> None:
    """Support looks for it by theirs."""
    error = await failed(Script(then=Status(529, headers={"date": "Sun, 22 Nov 2026 09:33:20 GMT"})))
    assert {each.date for each in error.diagnosis.requests} == {"2026-11-22T09:33:20Z"}


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_mixture_has_one_headline_and_hides_nothing() -> None:
    """529, then 500, then a connection."""
    error = await failed(Script(faults=[Status(529), Status(500), Drop(BEFORE_RESPONSE)]))
    found = error.diagnosis
    assert found.code == "overloaded"
    assert found.summary.endswith("(also met: server_error, connection_lost).")
    assert [each.code for each in found.requests] == ["overloaded", "server_error", "connection_lost"]


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_in_a_race_each_error_is_put_down_to_its_own_request() -> None:
    """They do not fail in the order in which they were asked."""
    slow = Script(faults=[[Silence(0.2, at=BEFORE_RESPONSE), Drop(BEFORE_RESPONSE)]], then=Status(401))
    script = Script(models={CONTINUE: slow, PREFILL: Script(then=LIMITED)})
    policy = Policy(initial_backoff=0, max_attempts=2, hedging=Hedging(delay=0))
    error = await failed(script, policy=policy, fallback_models=[PREFILL])
    assert sorted((each.model, each.code) for each in error.diagnosis.requests) == [
        (PREFILL, "rate_limited"),
        (CONTINUE, "connection_lost"),
    ]


BROKEN: Final[list[tuple[Any, Policy, str]]] = [
    (EndOfFile(at=AFTER_MESSAGE_START), HASTY, "truncated"),
    (Drop(BEFORE_RESPONSE), HASTY, "connection_lost"),
    (Drop(AFTER_MESSAGE_START), HASTY, "connection_lost"),
    (Silence(None, at=AFTER_MESSAGE_START), Policy(initial_backoff=0, max_attempts=2, idle_timeout=10), "stalled"),
    (Silence(None, at=BEFORE_RESPONSE), Policy(initial_backoff=0, deadline=10), "deadline"),
]


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.parametrize(("fault", "policy", "code"), BROKEN, ids=[f"{case[2]}-{n}" for n, case in enumerate(BROKEN)])
async def test_what_breaks_a_stream_is_told_by_its_code(fault: Any, policy: Policy, code: str) -> None:
    """Ends of file, connections, silence, the deadline."""
    error = await failed(Script(ANSWER, then=fault), policy=policy)
    assert error.diagnosis.code == code
    assert error.message.startswith(error.diagnosis.summary)
    assert isinstance(error, StreamTimeout) == (code == "deadline")


@asynccontextmanager
async def client_at(url: str) -> AsyncIterator[AsyncAnthropic]:
    """A client of an address."""
    async with AsyncAnthropic(base_url=url, api_key="test", max_retries=0) as client:
        yield client


@pytest.mark.anyio
async def test_a_port_at_which_nobody_listens_refuses() -> None:
    """On every event loop the operating system's word for it is found."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with client_at(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            assert (await fail(client)).diagnosis.code == "connection_refused"
            with pytest.raises(anthropic.APIConnectionError) as caught:
                await client.messages.create(**PARAMS)
            assert diagnose(caught.value).code == "connection_refused"


@pytest.mark.anyio
async def test_a_name_that_does_not_exist_is_a_matter_of_dns() -> None:
    """`.invalid` never resolves (RFC 2606)."""
    async with client_at("http://api.invalid") as client:
        assert (await fail(client)).diagnosis.code == "connection_dns"


@pytest.mark.anyio
async def test_a_server_that_speaks_no_tls_is_a_matter_of_tls() -> None:
    """The fault server does not."""
    async with FaultServer(Script()) as server, client_at(server.url.replace("http:", "https:")) as client:
        assert (await fail(client)).diagnosis.code == "connection_tls"


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_where_health_says_no_nothing_was_asked() -> None:
    """Other streams have opened the breaker."""
    health = Health(min_requests=1, consecutive_failures=1, recovery_time=1000)
    async with serving(Script(then=Status(529))) as (_, client):
        await fail(client, health=health, policy=Policy(max_attempts=1))
        error = await fail(client, health=health, policy=Policy(max_attempts=1))
    assert (error.diagnosis.code, error.diagnosis.requests) == ("not_asked", ())
    assert error.message.startswith("Nothing was asked: ")


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_stream_that_was_closed_is_not_blamed_on_the_api() -> None:
    """Whoever reads on after that is told so."""
    async with serving(ANSWER) as (_, client):
        async with resilient_stream(client, **ask()) as stream:
            await anext(stream.text_stream)
            await stream.close()
            with pytest.raises(StreamFailed) as caught:
                await stream.until_done()
    assert caught.value.diagnosis.code == "closed"


# -- internal errors


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_nothing_but_internal_errors_are_likely_the_payloads_fault() -> None:
    """On every route, three times and more, and nobody else has the same trouble."""
    error = await failed(Script(then=Status(500)), fallback_models=[PREFILL])
    assert {each.model for each in error.diagnosis.requests} == {CONTINUE}
    error = await failed(Script(then=Status(500)), fallback_models=[PREFILL], policy=Policy(initial_backoff=0))
    assert {each.model for each in error.diagnosis.requests} == {CONTINUE, PREFILL}
    assert error.diagnosis.code == "likely_payload"
    assert error.message.startswith("Every request died of an internal error (500)")


@pytest.mark.slow  # it waits as long as retries do
@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_other_streams_speak_for_it_or_against_it() -> None:
    """`Health` knows how they fared."""
    async with serving(Script(ANSWER, faults=[None] * 5, then=Status(500))) as (_, client):
        for _ in range(5):
            async with resilient_stream(client, **ask()) as stream:
                await stream.until_done()
        error = await fail(client)
        assert error.diagnosis.summary.endswith("because other requests to the same models were answered meanwhile.")
        for _ in range(5):
            error = await fail(client)
        assert error.diagnosis.code == "server_error"
        assert error.diagnosis.summary.endswith("most other requests to the same models failed too.")


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_internal_errors_now_and_then_are_intermittent() -> None:
    """A part of the answer had come."""
    error = await failed(Script(ANSWER, faults=[ErrorEvent("api_error", at=after_characters(20))], then=Status(500)))
    assert error.diagnosis.code == "server_error_intermittent"
    assert error.diagnosis.next_steps[0] == "Allow more attempts: Policy.max_attempts."


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_preflights_findings_come_with_it() -> None:
    """From the stream's own request, from the arguments given, or from what was sent."""
    code = {"type": "string", "pattern": "(?<=A)[0-9]+"}  # a look-behind
    schema = {"type": "object", "properties": {"code": code}, "additionalProperties": False, "required": ["code"]}
    eager: dict[str, Any] = {"tools": [{"name": "look", "strict": True, "input_schema": schema}]}
    script = Script(then=Status(500))
    error = await failed(script, policy=Policy(max_attempts=1, preflight="off"), **eager)
    found = error.diagnosis
    assert found.code == "likely_payload"
    assert found.findings
    assert f"{found.findings[0].path}: {found.findings[0].fix}" in found.next_steps
    assert diagnose(error, params=PARAMS).findings == ()
    bare = await refused(script, **eager)
    assert diagnose(bare).findings == found.findings
    assert diagnose(bare, params=PARAMS).code == "server_error"


# -- groups, and what is no such error


def status_error(status: int, type_: str, request_id: str) -> anthropic.APIStatusError:
    """An error as the SDK raises it, of a request that cannot be read any more."""
    request = httpx2.Request("POST", "http://test/v1/messages")
    response = httpx2.Response(status, headers={"request-id": request_id}, request=request)
    return anthropic.APIStatusError("No.", response=response, body={"error": {"type": type_}})


def stream_failed(*errors: Exception, attempts: Sequence[AttemptReport] = ()) -> StreamFailed:
    """A stream's error."""
    request = httpx2.Request("POST", "http://test/v1/messages")
    report = Report(attempts=list(attempts), outcome="failed")
    return StreamFailed("It failed.", request=request, partial=Partial(), report=report, errors=errors)


OVERLOADED: Final = status_error(529, "overloaded_error", "req_1")
NO_KEY: Final = status_error(401, "authentication_error", "req_2")


def test_a_group_is_diagnosed_as_one() -> None:
    """However deep its errors are."""
    found = diagnose(ExceptionGroup("all", [OVERLOADED, ExceptionGroup("more", [NO_KEY, OVERLOADED])]))
    assert (found.code, found.request_ids) == ("overloaded", ("req_1", "req_2", "req_1"))


def test_of_several_streams_each_counts_once() -> None:
    """However many requests it made; the SDK's own errors stand beside them."""
    patient = stream_failed(OVERLOADED, OVERLOADED, OVERLOADED)
    assert patient.diagnosis.code == "overloaded"
    found = diagnose(ExceptionGroup("all", [patient, stream_failed(NO_KEY), NO_KEY]))
    assert found.code == "authentication"
    assert found.request_ids == ("req_1", "req_1", "req_1", "req_2", "req_2")
    assert diagnose(ExceptionGroup("all", [NO_KEY, patient])).code == "authentication"
    assert diagnose(ExceptionGroup("one", [patient])).code == "overloaded"


def test_a_stream_of_which_nothing_is_known_asked_nothing() -> None:
    """Neither attempts nor errors."""
    assert stream_failed().diagnosis.code == "not_asked"


def test_an_attempt_of_another_process_is_told_by_the_report() -> None:
    """Its errors did not come along; its times have nothing to stand on where the stream has no end."""
    lost = AttemptReport(1, 0, CONTINUE, "request", 0.0, outcome="connection", ended=1.0)
    found = stream_failed(attempts=[lost]).diagnosis
    assert (found.code, found.requests[0].date) == ("connection", None)


@pytest.mark.parametrize(("rank", "found"), [(0, False), (1, True)])
def test_the_request_is_looked_through_as_the_route_that_failed_sent_it(rank: int, found: bool) -> None:
    """A fallback's patch may be what is at fault."""
    attempt = AttemptReport(1, rank, CONTINUE, "request", 0.0, outcome="server_error", status=500)
    error = StreamFailed(
        "It failed.",
        request=httpx2.Request("POST", "http://test/v1/messages"),
        partial=Partial(),
        report=Report(attempts=[attempt], outcome="failed"),
        original=PARAMS,
        routes=[Route(model=CONTINUE), Route(model=PREFILL, patch={"tool_choice": {"type": "any"}})],
    )
    assert bool(error.diagnosis.findings) is found


@pytest.mark.parametrize("error", [KeyError("model"), ExceptionGroup("mixed", [OVERLOADED, KeyError("model")])])
def test_other_errors_are_refused(error: Exception) -> None:
    """In one sentence."""
    with pytest.raises(TypeError, match="takes errors of the Anthropic SDK and StreamFailed, not KeyError"):
        diagnose(error)


# -- batches


def batch_failed(kind: type[BatchFailed], outcome: str, *errors: Exception) -> BatchFailed:
    """The error of a stream that was overloaded, and went on as a batch."""
    attempts = [
        AttemptReport(1, 0, CONTINUE, "request", 0.0, outcome="overloaded", ended=1.0, status=529),
        AttemptReport(2, 0, CONTINUE, "continue", 5.0, outcome=outcome, error_type="api_error"),
    ]
    request = httpx2.Request("GET", "http://test/v1/messages/batches")
    report = Report(attempts=attempts, outcome="failed")
    return kind("It failed.", request=request, partial=Partial(), report=report, errors=errors)


def test_of_a_batch_that_could_not_be_answered_the_apis_error_is_told() -> None:
    """It is put down to the batch, and not to what the stream died of before."""
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: 5 > 3"}}
    last = anthropic.APIError("max_tokens: 5 > 3", httpx2.Request("GET", "http://test"), body=body)
    found = batch_failed(BatchErrored, "errored", last).diagnosis
    assert found.summary == "The API rejects the request as invalid, at max_tokens."
    assert [request.code for request in found.requests] == ["overloaded", "invalid_request"]


@pytest.mark.parametrize(
    ("kind", "outcome", "code"),
    [
        (BatchExpired, "expired", "batch_expired"),
        (BatchCanceled, "canceled", "batch_canceled"),
        (BatchTimeout, "open", "batch_timeout"),
        (BatchFailed, "refused", "refused"),
    ],
)
def test_a_batch_that_did_not_end_well_says_how(kind: type[BatchFailed], outcome: str, code: str) -> None:
    """By its error's class, or by what came of the answer."""
    assert batch_failed(kind, outcome).diagnosis.code == code


# -- as a value


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_it_goes_to_another_process_with_all_that_the_errors_told() -> None:
    """The errors themselves do not, nor does the request."""
    error = await failed(Script(then=LIMITED))
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert isinstance(again, StreamFailed)
        assert again.diagnosis == error.diagnosis
        assert diagnose(again) is again.diagnosis
        assert SECRET not in str(vars(again))
    assert isinstance(error.diagnosis, Diagnosis)
    assert error.diagnosis is error.diagnosis


@pytest.mark.anyio
@pytest.mark.backends("asyncio")
async def test_a_client_of_its_own_for_the_fallback_is_told_by_its_model() -> None:
    """A key that is wrong there is not hidden by the overload here."""
    async with FaultServer(Script(then=Status(529))) as here, client_of(here) as client:
        error = await fail(client, fallback_models=[PREFILL], policy=Policy(initial_backoff=0, max_attempts=4))
    assert [each.model for each in error.diagnosis.requests] == [CONTINUE] * 3 + [PREFILL]
