"""What two troubleshooting guides tell people to do by hand, row by row (G1 to G18), done for them: by the library.

The rows that the command line keeps are in `test_guides_doctor.py`.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anthropic
import pytest

import unbroken
from harness import AT_ONCE, Reading, ask, assert_unbroken, read, serving
from unbroken import Deferred, Health, Hedging, Notice, Policy, StatusPage, StreamFailed, preflight, resilient_message
from unbroken.testing import (
    AFTER_MESSAGE_START,
    Batches,
    ErrorEvent,
    FaultServer,
    Poison,
    Reset,
    Script,
    ServiceIncident,
    ServiceStatus,
    Silence,
    Status,
    after_characters,
    has_parameter,
    longer_than,
    rate_limited,
    spend_limited,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

OPUS: Final = "claude-opus-5-5"
SONNET: Final = "claude-sonnet-5-5"
HAIKU: Final = "claude-haiku-4-5"
RANKED: Final = {"model": OPUS, "fallback_models": [SONNET, HAIKU]}
TEXT: Final = "The keeper climbed the stairs twice a night, and wrote down what the wind was doing, and slept."


async def failed(client: Any, **changes: Any) -> StreamFailed:
    """What a stream raises that cannot be finished."""
    with pytest.raises(StreamFailed) as raised:
        await read(client, **changes)
    return raised.value


def asked(server: FaultServer) -> list[str | None]:
    """The models of the requests for messages, in order."""
    return [request.model for request in server.requests if request.path == "/v1/messages"]


def call(**changes: Any) -> dict[str, Any]:
    """The arguments of a call without any of `resilient_stream`'s own."""
    return {name: value for name, value in ask(**changes).items() if name != "policy"}


def test_every_row_has_a_test() -> None:
    """Whose name bears it."""
    files = [Path(__file__), Path(__file__).with_name("test_guides_doctor.py")]
    rows = {int(row) for file in files for row in re.findall(r"def test_g(\d+)_", file.read_text(encoding="utf-8"))}
    assert rows == {*range(1, 19)}


@pytest.mark.parametrize("fault", [Status(529), ErrorEvent("overloaded_error", at=AFTER_MESSAGE_START)], ids=str)
async def test_g1_overload_is_everybodys(fault: Any) -> None:
    """The error says so, and what follows: wait, ask another model, send what is not urgent as a batch."""
    async with serving(Script(then=fault)) as (_, client):
        diagnosis = (await failed(client)).diagnosis
    assert (diagnosis.code, diagnosis.whose, diagnosis.limits) == ("overloaded", "everybody", ())
    assert "everybody's problem" in diagnosis.summary
    assert [word for word in ("later", "fallback_models", "defer") if word in " ".join(diagnosis.next_steps)] == [
        "later",
        "fallback_models",
        "defer",
    ]


async def test_g1_a_rate_limit_is_yours() -> None:
    """The error says which limit it is, from the headers, and when it is whole again."""
    async with serving(Script(then=rate_limited("input-tokens", reset=3000, retry_after=3000))) as (_, client):
        diagnosis = (await failed(client)).diagnosis
    assert (diagnosis.code, diagnosis.whose, diagnosis.retry_after) == ("rate_limited", "account", 3000)
    assert [limit.name for limit in diagnosis.limits if limit.exhausted] == ["input-tokens"]
    assert diagnosis.limits[0].reset is not None
    assert "input-tokens" in diagnosis.summary
    assert "3000 s" in diagnosis.next_steps[0]


async def test_g2_the_error_body() -> None:
    """Decoded, typed, and kept for every attempt, also when it came inside a 200 stream."""
    faults = [Status(529), ErrorEvent("api_error", at=AFTER_MESSAGE_START), Status(500, details={"error_code": "x"})]
    async with serving(Script(faults=faults)) as (server, client):
        error = await failed(client, policy=replace(AT_ONCE, max_attempts=3))
        ids = [request.id for request in server.requests]
    assert isinstance(error.__cause__, ExceptionGroup)
    causes: list[Any] = list(error.__cause__.exceptions)
    assert [cause.type for cause in causes] == ["overloaded_error", "api_error", "api_error"]
    assert [cause.status_code for cause in causes] == [529, 200, 500]
    for cause, request_id in zip(causes, ids, strict=True):
        assert isinstance(cause, anthropic.APIStatusError)
        assert cause.body["type"] == "error"  # type: ignore[index]
        assert cause.body["error"]["message"]  # type: ignore[index]
        assert cause.body["request_id"] == cause.request_id == request_id  # type: ignore[index]
    attempts = error.report.attempts
    assert [attempt.error_type for attempt in attempts] == [cause.type for cause in causes]
    assert (error.status_code, error.type, error.request_id, error.last) == (500, "api_error", ids[-1], causes[-1])


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_g3_what_passes_is_asked_again(status: int) -> None:
    """All that the SDK retries, and more often than it does: four failures in a row are survived."""
    async with serving(Script(TEXT, faults=[Status(status)] * 4)) as (server, client):
        assert_unbroken(await read(client, policy=Policy()), TEXT)
        assert len(server.requests) == 5


async def test_g3_one_budget_and_waits_that_grow() -> None:
    """The client's own retries do not multiply with the policy's; each wait is within twice the bound of the last."""
    policy = Policy(max_attempts=6, initial_backoff=1, max_backoff=4)
    waits: list[list[float]] = []
    async with serving(Script(then=Status(529)), max_retries=5) as (server, client):
        for _ in range(20):
            error = await failed(client, policy=policy, health=Health())
            waits.append([attempt.waited for attempt in error.report.attempts])
        assert len(server.requests) == 20 * 6
    longest = [max(column) for column in zip(*waits, strict=True)]
    assert all(wait <= bound for wait, bound in zip(longest, [0, 1, 2, 4, 4, 4], strict=True))
    # With full jitter, of 20 draws the longest is all but surely in the upper half.
    assert [wait > bound / 2 for wait, bound in zip(longest[1:], [1, 2, 4, 4, 4], strict=True)] == [True] * 5


async def test_g4_ranked_models_in_order() -> None:
    """Opus, then Sonnet, then Haiku: each is asked when the ones before it have failed."""
    models = {OPUS: Script(then=Status(529)), SONNET: Script(then=Status(500))}
    async with serving(Script(TEXT, models=models)) as (server, client):
        reading = await read(client, **RANKED, policy=replace(AT_ONCE, max_attempts_per_route=1))
        assert_unbroken(reading, TEXT)
        assert asked(server) == [OPUS, SONNET, HAIKU]
    assert reading.message.model == HAIKU


async def test_g4_when_all_models_fail_it_is_said() -> None:
    """With every attempt, by model."""
    async with serving(Script(then=Status(529))) as (_, client):
        error = await failed(client, **RANKED, policy=replace(AT_ONCE, max_attempts=6, max_attempts_per_route=2))
    assert [attempt.model for attempt in error.report.attempts] == [OPUS, OPUS, SONNET, SONNET, HAIKU, HAIKU]
    assert {attempt.outcome for attempt in error.report.attempts} == {"overloaded"}
    assert {request.model for request in error.diagnosis.requests} == {OPUS, SONNET, HAIKU}


@pytest.mark.parametrize("delay", [0, 2])
async def test_g5_a_less_loaded_model(delay: float) -> None:
    """A race, or a hedge, goes to whoever answers: nobody waits for the one that is overrun."""
    slow = Script(TEXT, then=Silence(60, at=AFTER_MESSAGE_START))
    async with serving(Script(TEXT, models={OPUS: slow, SONNET: slow})) as (_, client):
        reading = await read(client, **RANKED, policy=replace(AT_ONCE, hedging=Hedging(delay)))
    assert_unbroken(reading, TEXT)
    assert reading.message.model == HAIKU
    outcomes = {attempt.model: attempt.outcome for attempt in reading.report.attempts}
    assert outcomes == {OPUS: "lost", SONNET: "lost", HAIKU: "complete"}
    assert reading.report.duration == pytest.approx(2 * delay)


async def test_g6_long_requests_are_streamed() -> None:
    """`resilient_message` streams inside, where the SDK's `create` refuses, and goes on where the stream was cut."""
    long = call(max_tokens=64_000)
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(40))])) as (server, client):
        with pytest.raises(ValueError, match=r"[Ss]treaming"):
            await client.messages.create(**long)
        message = await resilient_message(client, **long, policy=AT_ONCE)
        assert [request.body["stream"] for request in server.requests] == [True, True]
    assert "".join(block.text for block in message.content if block.type == "text") == TEXT
    assert message.stop_reason == "end_turn"


async def test_g7_what_is_not_urgent_is_sent_as_a_batch() -> None:
    """A batch does not mind the storm; the spikes of polling and reading are waited over."""
    batches = Batches(seconds=3600, creates=[Status(529)], polls=[Status(500), Status(529)], reads=[Reset()])
    async with serving(Script(TEXT, then=Status(529), batches=batches)) as (server, client):
        deferred = await unbroken.defer(client, **call())
        message: Any = await deferred.result()
        assert len(server.batches) == 1
        assert asked(server) == []
    assert (message.content[0].text, message.usage.service_tier) == (TEXT, "batch")


async def test_g7_a_batch_as_the_last_resort() -> None:
    """When no route is left the rest is asked for in a batch, and joined to what had come, in another process too."""
    script = Script(TEXT, faults=[Reset(at=after_characters(40))], then=Status(529), batches=Batches(seconds=7200))
    async with serving(script) as (server, client):
        error = await failed(client, **RANKED, policy=replace(AT_ONCE, on_exhausted="defer"))
        assert error.deferred is not None
        assert error.deferred.id in str(error)
        saved = error.deferred.to_json()
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="another") as another:
            message: Any = await Deferred.from_json(saved).result(another)
    delivered = "".join(block["text"] for block in error.partial.content if block["type"] == "text")
    assert TEXT.startswith(delivered)
    assert len(delivered) == 40
    assert [block.text for block in message.content] == [TEXT]


async def test_g8_the_request_ids(caplog: pytest.LogCaptureFixture) -> None:
    """In every attempt of the report, every error, the text for support, and every line of the log."""
    caplog.set_level(logging.DEBUG, logger="unbroken")
    async with serving(Script(then=Status(529))) as (server, client):
        error = await failed(client, **RANKED, policy=replace(AT_ONCE, max_attempts=3, max_attempts_per_route=1))
        ids = [request.id for request in server.requests]
    assert [attempt.request_id for attempt in error.report.attempts] == ids
    assert error.diagnosis.request_ids == tuple(ids)
    assert [cause.request_id for cause in error.__cause__.exceptions] == ids  # type: ignore[union-attr]
    assert all(each in str(error.diagnosis) for each in ids)
    lines = [record.getMessage() for record in caplog.records if record.name == "unbroken"]
    assert lines
    assert [line for line in lines if not any(each in line for each in ids)] == []
    assert all(any(each in line for line in lines) for each in ids)


def schema(**keywords: Any) -> dict[str, Any]:
    """A request that wants its answer in a form."""
    return {"output_config": {"format": {"type": "json_schema", "schema": keywords}}}


def cited(*content: dict[str, Any]) -> dict[str, Any]:
    """A document of these blocks, and one more."""
    source = {"type": "content", "content": [*content, {"type": "text", "text": "b"}]}
    return {"type": "document", "source": source}


MARK: Final = {"cache_control": {"type": "ephemeral"}}
#: What passes the server's validation and dies in processing: preflight's code for it, and where it is.
PAYLOADS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "schema_pattern": (schema(type="string", pattern="^(?!x)"), "output_config.format.schema.pattern"),
    "schema_keyword": (schema(**{"not": {"type": "null"}}), "output_config.format.schema.not"),
    "cache_control_inside": (
        {"messages": [{"role": "user", "content": [cited({"type": "text", "text": "a", **MARK})]}]},
        "messages.0.content.0.source.content.0.cache_control",
    ),
}
#: What the server's validation does find.
INVALID: Final[dict[str, dict[str, Any]]] = {
    "tool_choice_without_tools": {"tool_choice": {"type": "auto"}},
    "cache_control_too_many": {"system": [{"type": "text", "text": "Be brief.", **MARK}] * 5},
    "cache_control_on_message": {"messages": [{"role": "user", "content": "Hello", **MARK}]},
    "schema_one_of": schema(oneOf=[{"type": "null"}]),
    "thinking_unsupported": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    "tool_schema_union": {"tools": [{"name": "look", "input_schema": {"type": "object", "anyOf": [{}]}}]},
}


@pytest.mark.parametrize("code", PAYLOADS)
async def test_g9_a_500_may_be_the_payload(code: str) -> None:
    """The error's own diagnosis says so, and which part it is; without that part the request is answered."""
    payload, place = PAYLOADS[code]
    async with serving(Script(TEXT, poison=Poison(has_parameter(place)))) as (_, client):
        diagnosis = (await failed(client, **payload)).diagnosis
        assert_unbroken(await read(client), TEXT)
    assert (diagnosis.code, diagnosis.whose) == ("likely_payload", "request")
    (finding,) = [finding for finding in diagnosis.findings if finding.code == code]
    assert f"{finding.path}: {finding.fix}" in diagnosis.next_steps
    assert f"{code} at {finding.path}" in str(diagnosis)


@pytest.mark.parametrize("code", INVALID)
async def test_g9_what_the_api_rejects_is_told_of_too(code: str) -> None:
    """With the same finding, in the diagnosis of the SDK's own error."""
    async with serving(TEXT) as (server, client):
        with pytest.raises(anthropic.BadRequestError) as raised:
            await read(client, **INVALID[code])
        assert len(server.requests) == 1
    diagnosis = unbroken.diagnose(raised.value)
    assert diagnosis.whose == "request"
    assert code in {finding.code for finding in diagnosis.findings}


@pytest.mark.parametrize("code", INVALID)
async def test_g9_it_is_found_before_it_is_sent(code: str) -> None:
    """By preflight, if the policy says so: nothing reaches the API."""
    async with serving(TEXT) as (server, client):
        with pytest.raises(preflight.PreflightFailed) as refused:
            await read(client, **INVALID[code], policy=Policy(preflight="error"))
        assert server.requests == []
    assert code in {finding.code for finding in refused.value.findings}


@pytest.mark.parametrize("code", PAYLOADS)
async def test_g9_what_may_be_a_500_is_told_of_and_sent(code: str) -> None:
    """The API takes it, as far as anybody says: preflight only warns."""
    (finding,) = [finding for finding in preflight.check(call(**PAYLOADS[code][0])) if finding.code == code]
    notices: list[Notice] = []
    async with serving(TEXT) as (_, client):
        strict = Policy(preflight="error")
        assert_unbroken(await read(client, **PAYLOADS[code][0], policy=strict, on_notice=notices.append), TEXT)
    assert finding.path in " ".join(notice.message for notice in notices if notice.code == "preflight")


async def test_g11_a_conversation_that_is_too_long() -> None:
    """Preflight knows the limit of the model, without asking; and the error names the way to the turn that it is."""

    def turns(words: str) -> dict[str, Any]:
        said = [{"role": role, "content": words} for role in ("user", "assistant") * 20]
        return {"messages": [*said, {"role": "user", "content": "And now?"}]}

    long = turns("Word upon word. " * 2_000)
    assert "context_exceeded" in {finding.code for finding in preflight.check(call(model=HAIKU, **long))}
    assert "context_exceeded" not in {finding.code for finding in preflight.check(call(**long))}
    async with serving(Script(TEXT, poison=Poison(longer_than(20)))) as (_, client):
        diagnosis = (await failed(client, **turns("Word."))).diagnosis
    assert diagnosis.code == "likely_payload"
    assert "--bisect" in " ".join(diagnosis.next_steps)


async def test_g14_an_intermittent_500() -> None:
    """The policy outlasts it; what is shared by the streams knows how often it comes, and so does the error."""
    health = Health()
    script = Script(TEXT, faults=[Status(500), None, None, Status(500), Status(500), None])
    async with serving(script) as (server, client):
        for _ in range(3):
            assert_unbroken(await read(client, health=health), TEXT)
        (route,) = health.snapshot()["routes"]
        assert (route["requests"], route["failures"], route["state"]) == (6, 3.0, "closed")
        await server.play(Script(TEXT, faults=[Reset(at=after_characters(40))], then=Status(500)))
        error = await failed(client, health=health)
    assert error.diagnosis.code == "server_error_intermittent"
    assert "Policy.max_attempts" in error.diagnosis.next_steps[0]


async def test_g16_the_status_page() -> None:
    """Its indicator and its words; what is declared there reaches the streams, which wait longer meanwhile."""
    async with serving(Script(TEXT, faults=[Status(529)] * 7)) as (server, client):
        server.status = ServiceStatus(incidents=[ServiceIncident("Elevated errors on Claude Opus 5.5")])
        page = StatusPage(server.url)
        status = await page.fetch()
        reading: Reading = await read(client, policy=Policy(), health=Health(status=page))
    assert (status.indicator, status.description) == ("major", "Partial System Outage")
    assert [incident.name for incident in status.incidents] == ["Elevated errors on Claude Opus 5.5"]
    assert_unbroken(reading, TEXT)
    assert "incident" in reading.codes


@pytest.mark.parametrize(
    ("fault", "kind", "code", "whose"),
    [
        (Status(400), anthropic.BadRequestError, "invalid_request", "request"),
        (Status(401), anthropic.AuthenticationError, "authentication", "account"),
        (Status(402), anthropic.APIStatusError, "billing", "account"),
        (Status(403), anthropic.PermissionDeniedError, "permission", "account"),
        (Status(404), anthropic.NotFoundError, "not_found", "request"),
        (Status(413), anthropic.APIStatusError, "too_large", "request"),
        (spend_limited(), anthropic.RateLimitError, "spend_limit", "account"),
    ],
    ids=["400", "401", "402", "403", "404", "413", "spend limit"],
)
async def test_g18_other_errors_are_never_retried_in_vain(
    fault: Status, kind: type[Exception], code: str, whose: str
) -> None:
    """One request each, the SDK's own error, and a diagnosis that tells it from all others."""
    async with serving(Script(then=fault), max_retries=5) as (server, client):
        with pytest.raises(kind) as raised:
            await read(client, policy=Policy())
        assert len(server.requests) == 1
    diagnosis = unbroken.diagnose(raised.value)
    assert (diagnosis.code, diagnosis.whose) == (code, whose)
    assert diagnosis.request_ids == (server.requests[0].id,)


async def test_g18_a_rate_limit_is_waited_out() -> None:
    """For as long as the API asks, and no longer."""
    async with serving(Script(TEXT, faults=[rate_limited(retry_after=20)])) as (server, client):
        assert_unbroken(await read(client, policy=Policy()), TEXT)
        first, second = server.requests
    assert second.arrived_at - first.arrived_at == pytest.approx(20)
