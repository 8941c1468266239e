"""Never run: what type checkers make of the public API, used as its users use it. `make lint` reads it."""

from __future__ import annotations

from typing import Any, Literal, assert_type

import anthropic
import httpx2
from anthropic import AsyncAnthropic
from anthropic.types import Message, MessageParam, ParsedMessage
from pydantic import BaseModel

import unbroken
from unbroken import (
    PRICES,
    AttachedStream,
    AttemptCost,
    AttemptReport,
    BatchCanceled,
    BatchErrored,
    BatchExpired,
    BatchFailed,
    BatchTimeout,
    BrokenRequest,
    Cost,
    Deferred,
    DiagnosedRequest,
    Diagnosis,
    Finding,
    Health,
    Hedging,
    Incident,
    Limits,
    ModelInfo,
    Notice,
    Partial,
    Policy,
    PreflightFailed,
    Price,
    RateLimit,
    Report,
    ResilienceMiddleware,
    ResilientStream,
    ResilientStreamManager,
    ResultFileError,
    Route,
    Run,
    RunAnswer,
    RunProgress,
    RunStopped,
    SharedHealth,
    Status,
    StatusPage,
    StatusPageError,
    StreamArguments,
    StreamCancelled,
    StreamConflict,
    StreamFailed,
    StreamHost,
    StreamMissing,
    StreamRecord,
    StreamStalled,
    StreamTimeout,
    StreamTruncated,
    Usage,
    attach,
    cancel,
    defer,
    diagnose,
    purge,
    recover,
    resilient_message,
    resilient_stream,
    run,
)
from unbroken.journal import MemoryJournal, SQLiteJournal
from unbroken.preflight import check
from unbroken.web import BrokenOff, StreamApp, StreamResponse, WireName

CLIENT = AsyncAnthropic()
MESSAGES: list[MessageParam] = [{"role": "user", "content": "Hello"}]


class Weather(BaseModel):
    celsius: float


async def a_plain_stream() -> None:
    manager = resilient_stream(CLIENT, model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES)
    assert_type(manager, ResilientStreamManager[None])
    async with manager as stream:
        assert_type(stream, ResilientStream[None])
        async for text in stream.text_stream:
            assert_type(text, str)
        assert_type(await stream.get_final_message(), ParsedMessage[None])
        assert_type(await stream.get_final_text(), str)
        assert_type(await stream.until_done(), None)
        assert_type(stream.current_message_snapshot, ParsedMessage[None])
        assert_type(stream.response, httpx2.Response)
        assert_type(stream.request_id, str | None)
        assert_type(stream.workspace_id, str | None)
        assert_type(stream.report, Report)
        assert_type(stream.partial, Partial)
        assert_type(await stream.close(), None)


async def the_events_are_the_sdks() -> None:
    async with resilient_stream(CLIENT, model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES) as stream:
        async for event in stream:
            match event.type:
                case "text":
                    assert_type(event.text, str)
                    assert_type(event.snapshot, str)
                case "content_block_start":
                    assert_type(event.index, int)
                case "message_stop":
                    assert_type(event.message, ParsedMessage[None])
                case _:
                    pass


async def a_parsed_stream() -> None:
    async with resilient_stream(
        CLIENT, model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES, output_format=Weather
    ) as stream:
        assert_type(stream, ResilientStream[Weather])
        message = await stream.get_final_message()
        assert_type(message, ParsedMessage[Weather])
        assert_type(message.parsed_output, Weather | None)


async def all_arguments() -> Message:
    def tell(notice: Notice) -> None:
        assert_type(notice.code, str)

    async with resilient_stream(
        CLIENT,
        model="claude-opus-5-5",
        max_tokens=1024,
        messages=MESSAGES,
        fallback_models=[
            "claude-sonnet-5-5",
            {"model": "claude-haiku-4-5", "thinking": None},
            Route(client=CLIENT, model="claude-opus-5-5", patch={"speed": "fast"}),
        ],
        policy=Policy(deadline=60, resume="continue", live=frozenset({"text"}), hedging=Hedging("adaptive")),
        health=Health(models={"my-model": ModelInfo(name="my-model", prefill=True, max_output=32_000)}),
        on_notice=tell,
        api="messages",
        system="Be brief.",
        stop_sequences=["END"],
        timeout=httpx2.Timeout(30),
        thinking={"type": "adaptive"},
    ) as stream:
        return await stream.get_final_message()


async def arguments_passed_on(arguments: StreamArguments) -> Message:
    async with resilient_stream(
        CLIENT, model="claude-opus-5-5", max_tokens=1, messages=MESSAGES, **arguments
    ) as stream:
        return await stream.get_final_message()


async def the_second_door() -> None:
    def tell(notice: Notice) -> None:
        assert_type(notice.code, str)

    middleware = ResilienceMiddleware(
        fallback_models=["claude-sonnet-5-5", Route(client=CLIENT, model="claude-opus-5-5")],
        policy=Policy(deadline=60),
        health=Health(),
        on_notice=tell,
    )

    def named(request: anthropic.APIRequest) -> str | None:
        return str(request.headers["x-step"]) if "x-step" in request.headers else None

    assert_type(await purge(MemoryJournal(), owner="ann"), int)
    durable = ResilienceMiddleware(journal=MemoryJournal(), stream_id=named, owner=lambda request: "ann")
    client = AsyncAnthropic(middleware=[middleware, durable])
    async with client.messages.stream(model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES) as stream:
        assert_type(await stream.get_final_text(), str)


async def the_status_page() -> None:
    page = StatusPage("https://status.anthropic.com", max_age=60, timeout=5.0)
    assert_type(page.latest, Status | None)
    try:
        status = await page.fetch()
    except StatusPageError as error:
        assert_type(str(error), str)
    else:
        assert_type(status.incidents, tuple[Incident, ...])
        assert_type(status.incident("claude-opus-5-5"), Incident | None)
        assert_type(status.to_dict(), dict[str, Any])
    assert_type(Health(status=page).status, StatusPage | None)


async def a_whole_message() -> None:
    message = await resilient_message(
        CLIENT,
        model="claude-opus-5-5",
        max_tokens=1024,
        messages=MESSAGES,
        fallback_models=["claude-haiku-4-5"],
        policy=Policy(deadline=60),
        system="Be brief.",
    )
    assert_type(message, ParsedMessage[None])
    parsed = await resilient_message(
        CLIENT, model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES, output_format=Weather
    )
    assert_type(parsed.parsed_output, Weather | None)


async def diagnoses() -> None:
    try:
        await a_whole_message()
    except StreamFailed as failed:
        assert_type(failed.diagnosis, Diagnosis)
    except (anthropic.APIError, httpx2.TransportError) as error:
        found = diagnose(error, params={"model": "claude-opus-5-5"})
        assert_type(found, Diagnosis)
        assert_type(found.code, str)
        assert_type(found.next_steps, tuple[str, ...])
        assert_type(found.request_ids, tuple[str, ...])
        assert_type(found.limits, tuple[RateLimit, ...])
        assert_type(found.retry_after, float | None)
        assert_type(found.requests, tuple[DiagnosedRequest, ...])
        assert_type(found.to_dict(), dict[str, Any])


async def failures() -> None:
    try:
        await arguments_passed_on({"system": "Be brief."})
    except StreamTimeout as timeout:
        assert_type(timeout.partial, Partial)
        as_builtin: TimeoutError = timeout
        raise as_builtin from None
    except StreamFailed as failed:
        assert_type(failed.partial, Partial)
        assert_type(failed.report, Report)
        assert_type(failed.status_code, int | None)
        assert_type(failed.request_id, str | None)
        as_sdk: anthropic.APIError = failed
        raise as_sdk from None
    except (StreamStalled, StreamTruncated) as broken:
        as_sdk = broken
        raise as_sdk from None


def reports(report: Report, partial: Partial) -> dict[str, Any]:
    for attempt in report.attempts:
        assert_type(attempt, AttemptReport)
        assert_type(attempt.model, str)
        assert_type(attempt.request_id, str | None)
    assert_type(report.usage, Usage)
    cost = report.cost({**PRICES, "my-model": Price(1.0, 5.0, 0.1)})
    assert_type(cost, Cost)
    assert_type(cost.total, float | None)
    assert_type(cost.attempts, tuple[AttemptCost | None, ...])
    assert_type(Report.from_dict(report.to_dict()), Report)
    assert_type(Report.from_json(report.to_json()), Report)
    assert_type(Partial.from_dict(partial.to_dict()), Partial)
    assert_type(unbroken.__version__, str)
    return report.to_dict()


async def batches() -> None:
    deferred = await defer(CLIENT, model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES, system="Be brief.")
    assert_type(deferred, Deferred[None])
    assert_type(await deferred.result(), ParsedMessage[None])
    assert_type((await deferred.status(CLIENT)).request_counts.succeeded, int)
    assert_type(deferred.report, Report)
    assert_type(Deferred.from_json(deferred.to_json()), Deferred[None])
    parsed = await defer(CLIENT, model="claude-opus-5-5", max_tokens=1, messages=MESSAGES, output_format=Weather)
    assert_type((await parsed.result(CLIENT, timeout=5)).parsed_output, Weather | None)
    assert_type(Deferred.load("handle.json", output_format=Weather), Deferred[Weather])
    try:
        await parsed.result()
    except (BatchCanceled, BatchExpired) as failed:
        assert_type(failed.deferred, Deferred[Any] | None)
    except BatchTimeout as failed:
        assert_type(failed.partial, Partial)
    except BatchErrored as failed:
        assert_type(failed.type, str | None)
    except BatchFailed as failed:
        assert_type(failed.answer, dict[str, Any] | None)
        assert_type(failed.partial, Partial)
    except StreamFailed as failed:
        assert_type(failed.deferred, Deferred[Any] | None)
        assert_type(await failed.defer(custom_id="a"), Deferred[Any])
    Policy(on_exhausted="defer")


def preflight() -> None:
    findings = check({"model": "claude-opus-5-5", "max_tokens": 1024, "messages": MESSAGES}, model="claude-haiku-4-5")
    assert_type(findings, list[Finding])
    assert_type(findings[0].to_dict(), dict[str, Any])
    assert_type(findings[0].severity, Literal["error", "warning"])
    try:
        Policy(preflight="error")
    except PreflightFailed as failed:
        assert_type(failed.findings, tuple[Finding, ...])


def streams_to_the_browser(wire: WireName) -> list[object]:
    journal = MemoryJournal()
    response = StreamResponse(attach(journal, "c7/3", owner="ann"), wire="ui-message", headers={"x-chat": "7"})
    assert_type(response.status_code, int)
    app = StreamApp(attach(journal, "c7/3"), wire, send_timeout=None, error_text=lambda error: str(error.type))
    return [response, app, BrokenOff("the server is shutting down")]


def broken(request: BrokenRequest) -> None:
    assert_type(request.number, int)


async def streams_that_outlive_their_process(client: AsyncAnthropic) -> None:
    def prepare(record: StreamRecord) -> dict[str, Any]:
        assert_type(record.stream_id, str)
        return {"extra_headers": {"x-tenant": "seven"}}

    async with SQLiteJournal("answers.db") as journal:
        async with resilient_stream(
            client, model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES, journal=journal, stream_id="c7/3"
        ) as stream:
            assert_type(stream.role, Literal["writer", "reader"])
            assert_type(stream.position, str | None)
        async with StreamHost(journal, client, fallback_models=["claude-sonnet-5-5"], prepare=prepare) as host:
            begun = await host.start("c7/4", model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES, owner="ann")
            assert_type(begun, bool)
        assert_type(await recover(journal, client), int)
        async with run(client, "requests.jsonl", journal=journal, fallback_models=["claude-sonnet-5-5"]) as answers:
            assert_type(answers, Run[None])
            async for answer in answers:
                assert_type(answer, RunAnswer[None])
                assert_type(answer.text, str | None)
            assert_type(answers.progress, RunProgress)
            assert_type(answers.progress.seconds_left, float | None)
        assert_type(run(client, [], journal="run.db", output_format=Weather), Run[Weather])
        health = Health(limits=Limits(concurrency="adaptive", requests_per_minute=50))
        fleet: Health = SharedHealth("redis://127.0.0.1", prefix="ours", limits=Limits())
        assert_type(fleet.snapshot(), dict[str, Any])
        try:
            async with run(client, [], journal=journal, health=health, on_broken=broken) as answers:
                await anext(answers)
        except RunStopped as ended:
            assert_type(ended.diagnosis, Diagnosis | None)
        except ResultFileError as error:
            assert_type(error, ResultFileError)
        try:
            async with attach(journal, "c7/4", after="1-57", owner="ann") as attached:
                assert_type(attached, AttachedStream)
                async for position, event in attached.entries:
                    assert_type(position, str)
                    assert_type(event, dict[str, Any])
                async for text in attached.text_stream:
                    assert_type(text, str)
        except StreamMissing:
            assert_type(await cancel(journal, "c7/4", owner="ann"), bool)
        except StreamConflict as conflict:
            assert_type(conflict, StreamConflict)
        except StreamCancelled as stopped:
            assert_type(stopped.partial, Partial)
