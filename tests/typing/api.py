"""Never run: what type checkers make of the public API, used as its users use it. `make lint` reads it."""

from __future__ import annotations

from typing import Any, assert_type

import anthropic
import httpx2
from anthropic import AsyncAnthropic
from anthropic.types import Message, MessageParam, ParsedMessage
from pydantic import BaseModel

import unbroken
from unbroken import (
    PRICES,
    AttemptCost,
    AttemptReport,
    Cost,
    Health,
    Hedging,
    ModelInfo,
    Notice,
    Partial,
    Policy,
    Price,
    Report,
    ResilienceMiddleware,
    ResilientStream,
    ResilientStreamManager,
    Route,
    StreamArguments,
    StreamFailed,
    StreamStalled,
    StreamTimeout,
    StreamTruncated,
    Usage,
    resilient_stream,
)

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
    client = AsyncAnthropic(middleware=[middleware])
    async with client.messages.stream(model="claude-opus-5-5", max_tokens=1024, messages=MESSAGES) as stream:
        assert_type(await stream.get_final_text(), str)


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
