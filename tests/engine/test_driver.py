"""Drives one stream: which requests it sends, in which order, in which form, and what its report says of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import anthropic
import anyio
import httpx2
import pytest
from builders import message_start, partial, text_block, thinking_block, tool_block

from harness import AT_ONCE, CONTINUE, PREFILL, Reading, ask, assert_unbroken, read, read_on, serving
from unbroken import Health, Policy, StreamFailed, resilient_stream
from unbroken.core.message.partial import Partial
from unbroken.core.requests.prompts import AGAIN, FIRST
from unbroken.engine.begun import Begun
from unbroken.engine.driver import Driver
from unbroken.engine.intake import Intake
from unbroken.engine.reader import open_reader
from unbroken.engine.stream import ResilientStream, ResilientStreamManager
from unbroken.routes import Route
from unbroken.sdk.call_site import NOWHERE
from unbroken.testing import (
    AFTER_CONTENT,
    AFTER_LAST_TEXT,
    AFTER_MESSAGE_DELTA,
    AFTER_MESSAGE_START,
    AFTER_MESSAGE_STOP,
    BEFORE_MESSAGE_START,
    Answer,
    BadJson,
    CutFrame,
    Drop,
    EndOfFile,
    ErrorEvent,
    Event,
    Manner,
    Pings,
    Reset,
    Script,
    ServerTool,
    Silence,
    Status,
    Text,
    Thinking,
    ToolUse,
    after_blocks,
    after_characters,
    after_events,
)

pytestmark = pytest.mark.anyio

TEXT: Final = (
    "The driver asks, reads, joins, and asks again; the reader sees one answer, from its first word to its last."
)
CUT: Final = Reset(at=after_characters(50))


def turns(body: dict[str, Any]) -> list[str]:
    """Who speaks in a request."""
    return [turn["role"] for turn in body["messages"]]


def last_text(body: dict[str, Any]) -> str:
    """The text that a request ends with."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


# -- by itself, without a reader


def driver(client: Any, **changes: Any) -> Driver:
    """A driver as `resilient_stream` makes it."""
    return Driver(
        api="messages",
        routes=(Route(model=CONTINUE, client=client),),
        request={"model": CONTINUE, "max_tokens": 500, "messages": [{"role": "user", "content": "Tell me."}]},
        health=Health(),
        on_notice=None,
        **{"policy": AT_ONCE, "call_site": NOWHERE, "started": anyio.current_time(), **changes},
    )


async def test_it_opens_and_runs_to_the_end() -> None:
    """Events come out in `out`, until there are no more."""
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        engine = driver(client)
        await engine.open()
        assert engine.response is not None
        assert not engine.out.waiting
        await engine.run()
        assert (engine.done, engine.error, engine.out.closed) == (True, None, True)
        types = [event["type"] for event in engine.out.waiting]
        assert (types[0], types[-1]) == ("message_start", "message_stop")
        assert engine.partial.text == TEXT
        assert engine.report.outcome == "complete"
        await engine.aclose()


WRITTEN: Final = Answer(
    [Thinking("Hm. Let me look."), ServerTool("web_search", {"query": "drivers"}, result=[]), Text(TEXT)]
)
TYPES: Final = ["thinking", "server_tool_use", "web_search_tool_result", "text"]


async def delivered_before(script: Script) -> Partial:
    """What a stream had delivered that failed, as it was kept as JSON meanwhile."""
    async with serving(script) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client, policy=Policy(max_attempts=1, max_resumes=0))
        return Partial.from_json(caught.value.partial.to_json())


async def gone_on_with(client: Any, before: Partial, **changes: Any) -> tuple[Reading, ResilientStream[None]]:
    """Read a stream that begins with something delivered, by the SDK's own accumulator."""

    async def make_driver() -> Driver:
        return driver(client, begun=Begun(partial=before), **changes)

    manager: ResilientStreamManager[None] = ResilientStreamManager(make_driver, "messages", None)
    async with manager as stream:
        return await read_on(stream), stream


@pytest.mark.parametrize("cut", [after_blocks(3), after_characters(50)], ids=["after the tool", "in the text"])
async def test_a_stream_may_begin_with_a_part_of_its_message(cut: Any) -> None:
    """Thinking, a server-side tool's call with its result, and text: one request asks for the rest, and one message is
    read, from its `message_start` on."""
    before = await delivered_before(Script(WRITTEN, faults=[Reset(at=cut)]))
    assert [block["type"] for block in before.content][:3] == TYPES[:3]
    async with serving(WRITTEN) as (server, client):
        reading, stream = await gone_on_with(client, before)
        assert len(server.requests) == 1
        assert server.requests[0].body["messages"][-1]["role"] == "user"
        assert reading.types[0] == "message_start"
        assert [block.type for block in reading.message.content] == TYPES
        assert reading.message.content[-1].text == TEXT
        assert reading.message.id == before.to_message().id
        assert [block.type for block in stream.partial.to_message().content] == TYPES
        assert reading.report.attempts[0].form == "continue"


async def test_a_stream_that_begins_with_a_whole_call_asks_for_nothing() -> None:
    """Its turn ends with the call, whose result the caller has to give."""
    called = [*thinking_block("Hm."), *text_block(TEXT, index=1), *tool_block('{"city": "Paris"}', index=2)]
    before = partial(message_start(), *called)
    async with serving(WRITTEN) as (server, client):
        reading, _ = await gone_on_with(client, before)
        assert server.requests == []
        assert reading.message.stop_reason == "tool_use"
        assert [block.type for block in reading.message.content] == ["thinking", "text", "tool_use"]
        assert reading.codes == ["tool_use_finished"]
        assert reading.report.outcome == "complete"


async def test_what_may_not_be_gone_on_with_is_not() -> None:
    """The policy's word holds for a stream that begins so, too."""
    before = await delivered_before(Script(WRITTEN, faults=[Reset(at=after_characters(50))]))
    async with serving(WRITTEN) as (server, client):
        for policy, why in ((Policy(resume="never"), "'never'"), (Policy(max_resumes=0), "0 times")):
            with pytest.raises(StreamFailed, match=why):
                await gone_on_with(client, before, policy=policy)
        assert server.requests == []


async def test_it_waits_for_a_slow_reader() -> None:
    """It reads ahead, but not the whole of a long answer."""
    async with serving(Answer(TEXT * 15, pieces=(1, 1))) as (_, client):
        engine = driver(client)
        await engine.open()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.run)
            text = ""
            while not engine.out.closed or engine.out.waiting:
                await engine.out.arrival()
                waiting = [engine.out.take() for _ in list(engine.out.waiting)]
                assert len(waiting) < 700
                text += "".join(event.get("delta", {}).get("text", "") for event in waiting)
        assert text == TEXT * 15
        await engine.aclose()


DELIVERED: Final[dict[str, tuple[Any, list[Any]]]] = {
    "nothing": (TEXT, []),
    "a reset": (TEXT, [CUT]),
    "resets": (TEXT, [CUT, Reset(at=after_characters(20)), Drop()]),
    "a reset in the thinking": ([Thinking("Hm, hm, hm."), TEXT], [Reset(at=after_events(3))]),
    "before the first event": (TEXT, [EndOfFile(at=BEFORE_MESSAGE_START)]),
    "after the start": (TEXT, [Drop(at=AFTER_MESSAGE_START)]),
    "an error event": (TEXT, [ErrorEvent(), ErrorEvent(blank_line=False)]),
    "an end": (TEXT, [EndOfFile()]),
    "a cut frame": (TEXT, [CutFrame(), CutFrame(end="drop")]),
    "what is no JSON": (TEXT, [BadJson()]),
    "a status": (TEXT, [Status(), CUT, Status(500)]),
    "silence": (TEXT, [Silence()]),
    "pings": (TEXT, [Pings(0.01, every=0.001)]),
    "an event that is not known": (TEXT, [Event("of_next_year")]),
    "after the stop": (TEXT, [(Event("of_next_year", at=AFTER_MESSAGE_STOP), Drop(at=AFTER_MESSAGE_STOP))]),
    "no message_stop": (TEXT, [EndOfFile(at=AFTER_MESSAGE_DELTA)]),
    "after the last word": (TEXT, [Drop(at=AFTER_LAST_TEXT)]),
    "a whole call": ([TEXT, ToolUse("look", {"at": 1})], [Drop(at=AFTER_CONTENT)]),
    "half a call": ([TEXT, ToolUse("look", {"at": "the world"})], [Drop(at=after_blocks(1))]),
    "what does not join": (Answer(TEXT, manner=Manner.APOLOGY), [CUT]),
    "nothing that helps": (TEXT, [CUT] * 20),
}


@pytest.mark.parametrize("name", DELIVERED)
async def test_every_event_that_a_reader_gets_was_delivered_at_one_place(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same order, also what comes after the end, and what the driver ends a message with by itself."""
    answer, faults = DELIVERED[name]
    seen: list[Any] = []
    deliver = Intake._deliver

    def observed(self: Intake, events: list[Any], **how: bool) -> None:
        seen.extend(events)
        deliver(self, events, **how)

    monkeypatch.setattr(Intake, "_deliver", observed)
    policy = replace(AT_ONCE, idle_timeout=0.2)
    answer = answer if isinstance(answer, Answer) else Answer(answer)
    async with serving(Script(answer, faults=faults)) as (_, client):
        reader = await open_reader(driver(client, policy=policy))
        taken: list[Any] = []
        with suppress(StopAsyncIteration, StreamFailed):
            while True:
                taken.append(await reader.next_event())
        await reader.close()
    assert taken == seen
    assert taken


async def test_what_it_ends_with_is_told_after_the_events() -> None:
    """`run` raises nothing: what has arrived is read first."""
    async with serving(Script(TEXT, then=CUT)) as (_, client):
        engine = driver(client, policy=replace(AT_ONCE, max_attempts_per_route=1))
        await engine.open()
        taken: list[Any] = []

        async def take() -> None:
            while not engine.out.closed:
                await engine.out.arrival()
                taken.extend([engine.out.take() for _ in list(engine.out.waiting)])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            await engine.run()
        assert isinstance(engine.error, StreamFailed)
        assert taken[-1]["type"] == "content_block_delta"
        await engine.aclose()


async def test_it_can_be_closed_at_any_time_and_twice() -> None:
    """What was open is closed, and the report says so."""
    async with serving(Script(TEXT, then=Silence())) as (server, client):
        engine = driver(client)
        await engine.open()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.run)
            await engine.out.arrival()
            tasks.cancel_scope.cancel()
        assert (engine.out.closed, engine.done, engine.error) == (True, False, None)
        await engine.aclose()
        await engine.aclose()
        assert engine.done
        assert engine.report.outcome == "closed"
        assert [attempt.outcome for attempt in engine.report.attempts] == ["cancelled"]
        await server.all_closed()


# -- the forms


async def test_a_model_that_takes_a_prefill_is_given_one() -> None:
    """The partial is the trailing turn, without white space at its end."""
    cut = Reset(at=after_characters(TEXT.index(" ", 40) + 1))
    async with serving(Script(TEXT, faults=[cut])) as (server, client):
        reading = await read(client, model=PREFILL)
        assert_unbroken(reading, TEXT)
        assert reading.forms == ["request", "prefill"]
        assert turns(server.requests[1].body) == ["user", "assistant"]
        assert last_text(server.requests[1].body) == TEXT[: TEXT.index(" ", 40)]
        assert reading.report.seam == "prefill"


async def test_a_model_that_takes_none_is_asked_to_continue() -> None:
    """The partial ends before the last word, and the user turn quotes its end."""
    async with serving(Script(TEXT, faults=[CUT])) as (server, client):
        reading = await read(client)
        assert_unbroken(reading, TEXT)
        assert reading.forms == ["request", "continue"]
        body = server.requests[1].body
        assert turns(body) == ["user", "assistant", "user"]
        sent = body["messages"][1]["content"][0]["text"]
        assert TEXT[:50].startswith(sent)
        assert len(sent) < 50
        assert sent[-20:] in last_text(body)


@pytest.mark.parametrize(
    ("resume", "model", "form"),
    [
        ("auto", PREFILL, "prefill"),
        ("prefill", PREFILL, "prefill"),
        ("continue", PREFILL, "continue"),
        ("restart", PREFILL, "restart"),
        ("restart", CONTINUE, "restart"),
        ("continue", CONTINUE, "continue"),
    ],
)
async def test_the_policy_chooses_the_form(resume: Any, model: str, form: str) -> None:
    """Each of them joins exactly."""
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        reading = await read(client, model=model, policy=Policy(initial_backoff=0, resume=resume))
        assert_unbroken(reading, TEXT)
        assert reading.forms == ["request", form]


async def test_a_prefill_is_not_used_while_the_model_thinks() -> None:
    """The API takes none then."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    async with serving(Script(Answer([Thinking("Hm, let me see."), TEXT]), faults=[CUT])) as (_, client):
        reading = await read(client, model=PREFILL, thinking=thinking)
        assert_unbroken(reading, Answer([Thinking("Hm, let me see."), TEXT]))
        assert reading.forms == ["request", "continue"]


async def test_a_refused_prefill_turns_the_model_to_continue_for_all_streams_to_come() -> None:
    """The API is right, the table was wrong; and it is no attempt lost."""
    refusal = "This model does not support assistant message prefill. The conversation must end with a user message."
    faults = [CUT, Status(400, message=refusal), None, CUT]
    policy = Policy(initial_backoff=0, max_attempts=1)
    async with serving(Script(TEXT, faults=faults)) as (_, client):
        first = await read(client, model=PREFILL, policy=policy)
        assert_unbroken(first, TEXT)
        assert first.forms == ["request", "prefill", "continue"]
        assert first.outcomes == ["connection", "prefill_unsupported", "complete"]
        assert (await read(client, model=PREFILL, policy=policy)).forms == ["request", "continue"]


async def test_a_refused_resume_steps_down_to_the_next_form_and_then_to_the_next_route() -> None:
    """A 400 after content is no reason to give up what has arrived."""
    own = Script(TEXT, faults=[CUT], then=Status(400))
    async with serving(Script(TEXT, models={PREFILL: own})) as (server, client):
        reading = await read(client, model=PREFILL, fallback_models=[CONTINUE])
        assert_unbroken(reading, TEXT)
        assert reading.forms == ["request", "prefill", "continue", "continue"]
        assert [request.model for request in server.requests] == [PREFILL, PREFILL, PREFILL, CONTINUE]


async def test_a_resume_that_every_route_refuses_is_a_failure_with_the_partial() -> None:
    """And not the SDK's own error: something had been delivered."""
    async with serving(Script(TEXT, faults=[CUT], then=Status(400))) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client)
        assert caught.value.partial.text == TEXT[:50]
        assert isinstance(caught.value.last, anthropic.BadRequestError)


async def test_a_fallback_that_refuses_the_request_is_left_out() -> None:
    """Its 400 is its own; the next one is asked."""
    models = {CONTINUE: Script(then=Status(529)), "claude-sonnet-5": Script(then=Status(400))}
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    async with serving(Script(TEXT, models=models)) as (server, client):
        reading = await read(client, fallback_models=["claude-sonnet-5", PREFILL], policy=policy)
        assert_unbroken(reading, TEXT)
        assert [request.model for request in server.requests] == [CONTINUE, "claude-sonnet-5", PREFILL]


async def test_a_resumed_model_that_refuses_to_go_on_is_never_joined() -> None:
    """Another route finishes the answer."""
    own = Script(faults=[CUT])
    refusing = Script(Answer("I cannot help with that.", stop_reason="refusal"))
    models = {CONTINUE: own, "claude-sonnet-5": refusing}
    policy = Policy(initial_backoff=0, max_attempts_per_route=1)
    async with serving(Script(TEXT, models=models)) as (_, client):
        reading = await read(client, fallback_models=["claude-sonnet-5", PREFILL], policy=policy)
        assert "I cannot help" not in reading.text
        assert_unbroken(reading, TEXT)


async def test_a_refusal_of_the_first_answer_is_an_answer() -> None:
    """It is the model's, and nothing broke."""
    async with serving(Answer(TEXT, stop_reason="refusal")) as (server, client):
        assert_unbroken(await read(client), TEXT, stop_reason="refusal")
        assert len(server.requests) == 1


# -- what is held decides


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_white_space_alone_is_asked_for_afresh(model: str) -> None:
    """Nothing can be resumed from it, and nothing of it was delivered."""
    text = "\n\n   " + TEXT
    async with serving(Script(Answer(text, pieces=(1, 1)), faults=[Reset(at=after_characters(3))])) as (_, client):
        reading = await read(client, model=model)
        assert_unbroken(reading, text)
        assert reading.forms == ["request", "request"]


async def test_whole_thinking_and_no_text_is_asked_for_afresh_and_thinks_once() -> None:
    """What it thinks the second time is left out."""
    answer = Answer([Thinking("Let me see."), TEXT])
    async with serving(Script(answer, faults=[Reset(at=after_blocks(1))])) as (_, client):
        reading = await read(client)
        assert_unbroken(reading, answer)
        assert reading.forms == ["request", "request"]


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_a_cut_between_two_text_blocks_opens_a_new_block_or_goes_on(model: str) -> None:
    """The text is the same, whichever it is."""
    answer = Answer([Text("The first part ends here. "), Text("The second part comes after it.")])
    async with serving(Script(answer, faults=[Reset(at=after_blocks(1))])) as (_, client):
        assert_unbroken(await read(client, model=model), answer)


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
@pytest.mark.parametrize("place", [AFTER_LAST_TEXT, AFTER_CONTENT], ids=["before_its_stop", "after_its_stop"])
async def test_a_turn_that_had_nothing_to_add_is_finished(model: str, place: Any) -> None:
    """All of the text had arrived: the resume brings the end alone, and no empty block."""
    async with serving(Script(TEXT, faults=[Reset(at=place)])) as (_, client):
        reading = await read(client, model=model)
        assert_unbroken(reading, TEXT)
        assert len(reading.message.content) == 1


@pytest.mark.parametrize(
    ("fault", "stops", "codes"),
    [
        (EndOfFile(at=AFTER_MESSAGE_DELTA), 0, []),
        (Drop(at=AFTER_MESSAGE_DELTA), 1, ["message_stop_supplied"]),
        (ErrorEvent(at=AFTER_MESSAGE_DELTA), 1, ["message_stop_supplied"]),
        (BadJson(at=AFTER_MESSAGE_DELTA), 1, ["message_stop_supplied"]),
        (Drop(at=AFTER_MESSAGE_STOP), 1, []),
        (ErrorEvent(at=AFTER_MESSAGE_STOP), 1, []),
    ],
    ids=repr,
)
async def test_after_a_stop_reason_nothing_is_asked_again(fault: Any, stops: int, codes: list[str]) -> None:
    """`message_stop` is supplied where an exception took it; a clean end adds none, as in the SDK."""
    async with serving(Script(TEXT, faults=[fault])) as (server, client):
        reading = await read(client)
        assert_unbroken(reading, TEXT, stops=stops)
        assert reading.codes == codes
        assert len(server.requests) == 1


@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_blocks_that_are_not_live_are_delivered_whole(model: str) -> None:
    """Text that is not in `live` comes when its block is finished, and is asked for afresh when it is cut."""
    policy = Policy(initial_backoff=0, live=frozenset())
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        reading = await read(client, model=model, policy=policy)
        assert_unbroken(reading, TEXT)
        assert reading.forms == ["request", "request"]


async def test_citations_survive_a_resume() -> None:
    """Those of the block that was whole are kept in the message."""
    citation = {
        "type": "char_location",
        "cited_text": "a lamp",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 6,
        "file_id": None,
    }
    answer = Answer([Text("It is a lamp. ", citations=[citation]), Text(TEXT)])
    async with serving(Script(answer, faults=[Reset(at=after_characters(70))])) as (_, client):
        reading = await read(client)
        assert reading.text == answer.text
        assert reading.message.content[0].citations[0].cited_text == "a lamp"


# -- the report


async def report_of(script: Script, **changes: Any) -> Reading:
    """One stream, read to its end."""
    async with serving(script) as (_, client):
        return await read(client, **changes)


async def test_every_attempt_is_in_the_report() -> None:
    """Model, form, request id, status, outcome, error type and times of each."""
    faults = [Status(529), CUT, ErrorEvent("api_error", at=after_characters(60))]
    async with serving(Script(TEXT, faults=faults)) as (server, client):
        reading = await read(client)
    attempts = reading.report.attempts
    assert [attempt.number for attempt in attempts] == [1, 2, 3, 4]
    assert [attempt.model for attempt in attempts] == [CONTINUE] * 4
    assert [attempt.form for attempt in attempts] == ["request", "request", "continue", "continue"]
    assert [attempt.outcome for attempt in attempts] == ["overloaded", "connection", "server_error", "complete"]
    assert [attempt.error_type for attempt in attempts] == ["overloaded_error", None, "api_error", None]
    assert [attempt.status for attempt in attempts] == [529, 200, 200, 200]
    assert [attempt.request_id for attempt in attempts] == [request.id for request in server.requests]
    assert all(attempt.ended is not None for attempt in attempts)
    assert [attempt.first_content is None for attempt in attempts] == [True, False, False, False]
    assert reading.report.resumes == 2
    assert reading.report.outcome == "complete"
    assert reading.report.duration is not None


@pytest.mark.backends("virtual")
async def test_times_in_the_report_are_exact() -> None:
    """Seconds from entering to sending, of waiting, to the headers, to the first content, to the end."""
    faults = [Status(529, headers={"retry-after": "4"}), [Silence(3, at=after_characters(50)), CUT]]
    reading = await report_of(Script(TEXT, faults=faults))
    first, second, third = reading.report.attempts
    assert (first.started, first.ended) == (0.0, 0.0)
    assert (second.started, second.waited, second.headers, second.ended) == (4.0, 4.0, 0.0, 3.0)
    assert (third.started, third.ended) == (7.0, 0.0)
    assert reading.report.duration == 7.0
    assert [notice.at for notice in reading.report.notices] == [0.0, 7.0, 7.0]


async def test_a_success_feeds_the_health_of_its_model() -> None:
    """Each request is counted, with its time to first content; one that was cut is half a failure."""
    health = Health()
    await report_of(Script(TEXT, faults=[CUT]), health=health)
    (route,) = health.snapshot()["routes"]
    assert route["model"] == CONTINUE
    assert (route["requests"], route["failures"]) == (2, 0.5)
    assert route["first_content"]["count"] == 2


@pytest.mark.parametrize("dead", ["primary", "both"])
async def test_the_error_says_who_was_asked_and_how_often(dead: str) -> None:
    """One sentence with models, outcomes, request ids and how much had arrived."""
    models = {CONTINUE: Script(TEXT, faults=[CUT], then=Status(529))}
    if dead == "both":
        models[PREFILL] = Script(then=Status(503))
    async with serving(Script(TEXT, models=models)) as (_, client):
        arguments = ask(fallback_models=[PREFILL] if dead == "both" else [], policy=AT_ONCE)
        with pytest.raises(StreamFailed) as caught:
            async with resilient_stream(client, **arguments) as stream:
                await stream.until_done()
    said = str(caught.value)
    assert CONTINUE in said
    assert (PREFILL in said) == (dead == "both")
    assert "50 characters" in said
    assert f"{len(caught.value.report.attempts)} request" in said


PAGE = b"<!doctype html><title>Sign in</title>"


@pytest.mark.backends("asyncio", "trio")
@pytest.mark.parametrize(("fallbacks", "asked"), [(0, 2), (1, 4)])
async def test_a_page_instead_of_a_stream_is_asked_for_twice_on_each_route(fallbacks: int, asked: int) -> None:
    """The diagnosis names what came, and nothing of it."""
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, headers={"content-type": "text/html; charset=utf-8"}, content=PAGE)

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    async with anthropic.AsyncAnthropic(api_key="test", http_client=http_client) as client:
        with pytest.raises(StreamFailed, match="no stream of events, but text/html") as caught:
            await read(client, fallback_models=[PREFILL][:fallbacks])
    assert len(requests) == asked
    found = caught.value.diagnosis
    assert (found.code, found.whose) == ("not_a_stream", "network")
    assert "text/html" in found.summary
    assert "Sign in" not in str(found)


@pytest.mark.backends("virtual")
async def test_what_goes_on_after_the_end_is_read_for_two_seconds_in_all() -> None:
    """However often something comes."""
    at = AFTER_MESSAGE_STOP
    faults = [part for _ in range(100) for part in (Event("keepalive", at=at), Silence(0.3, at=at))]
    async with serving(Script(TEXT, faults=[faults])) as (_, client):
        reading = await read(client)
        assert reading.text == TEXT
        assert anyio.current_time() == pytest.approx(2.0)


# -- continuations that are none


@pytest.mark.parametrize("manner", [Manner.ECHO_ONLY, Manner.EMPTY])
async def test_what_adds_nothing_to_half_a_text_is_asked_for_again_and_then_told(manner: Manner) -> None:
    """In another wording; nothing of it is taken for the end, and the partial is what was delivered."""
    async with serving(Script(Answer(TEXT, manner=manner), faults=[CUT])) as (server, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client)
        assert caught.value.partial.text == TEXT[:50]
        report = caught.value.report
        assert [attempt.outcome for attempt in report.attempts][1:] == ["nothing_added"] * 2
        assert [attempt.prompt for attempt in report.attempts] == [None, FIRST.label, AGAIN.label]
        assert caught.value.diagnosis.code == "nothing_added"
        assert [notice.code for notice in report.notices].count("seam_retry") == 1
        first, again = (last_text(request.body) for request in server.requests[1:])
        assert first != again


async def test_what_adds_nothing_is_asked_of_the_next_route() -> None:
    """Which goes on in the same block."""
    answer = Answer(TEXT, manner=Manner.ECHO_ONLY)
    script = Script(answer, faults=[CUT], models={"claude-sonnet-5-5": Script(Answer(TEXT))})
    async with serving(script) as (_, client):
        reading = await read(client, fallback_models=["claude-sonnet-5-5"])
        assert_unbroken(reading, TEXT)
        assert reading.outcomes[1:] == ["nothing_added", "nothing_added", "complete"]
        assert len(reading.message.content) == 1


async def test_what_adds_nothing_to_a_text_that_may_be_whole_is_taken_for_the_end_and_told() -> None:
    """A list whose items have no marks: asked about once more, then it is the end, and no verified one."""
    words = "1. Water\n2. Food\n3. Shelter"
    text = words + "\n4. Fire"
    script = Script(Answer(text, manner=Manner.ECHO_ONLY), faults=[Reset(at=after_characters(len(words)))])
    async with serving(script) as (_, client):
        reading = await read(client)
        assert_unbroken(reading, words)
        assert reading.outcomes[1:] == ["nothing_added", "complete"]
        assert reading.report.seam == "unverified"
        assert "seam_unverified" in reading.codes


async def test_what_adds_nothing_to_a_finished_text_is_the_end() -> None:
    """That is what was asked for."""
    text = TEXT + " And that was the first of its sentences."
    script = Script(Answer(text, manner=Manner.ECHO_ONLY), faults=[Reset(at=after_characters(len(TEXT)))])
    async with serving(script) as (_, client):
        reading = await read(client)
        assert_unbroken(reading, TEXT)
        assert reading.outcomes[1:] == ["complete"]
        assert reading.report.seam == "echo"


@pytest.mark.parametrize("manner", [Manner.APOLOGY, Manner.REFUSAL_IN_TEXT, Manner.INSTRUCTION, Manner.PROMISE])
@pytest.mark.parametrize("on_unmatched", ["fail", "join"])
async def test_talk_of_the_request_is_never_text(manner: Manner, on_unmatched: Any) -> None:
    """Whatever the policy says of what matches nothing, where it is known for what it is; and else by default."""
    async with serving(Script(Answer(TEXT, manner=manner), faults=[CUT])) as (_, client):
        policy = replace(AT_ONCE, on_unmatched=on_unmatched)
        try:
            reading = await read(client, policy=policy)
        except StreamFailed as error:
            partial, report = error.partial, error.report
        else:
            assert on_unmatched == "join"
            assert reading.report.seam == "unverified"
            return
        assert partial.text == TEXT[:50]
        assert report.attempts[-1].outcome in ("seam_unmatched", "nothing_added")


async def test_the_engine_is_told_of_a_recital_at_once_and_asks_again() -> None:
    """It does not wait for the end of what is no text."""
    answer = Answer(TEXT, manner=Manner.ECHO_INSTRUCTION)
    script = Script(answer, faults=[CUT], models={"claude-sonnet-5-5": Script(Answer(TEXT))}, seed=5)
    async with serving(script) as (_, client):
        reading = await read(client, fallback_models=["claude-sonnet-5-5"])
        assert_unbroken(reading, TEXT)


async def test_a_call_at_once_is_joined_where_the_text_was_finished() -> None:
    """Not asked about twice, and glued to nothing."""
    said = "I will look at the tide tables for the harbour, and then at the wind."
    answer = Answer([Text(said), ToolUse("tides", {"place": "Islay"})], manner=Manner.STRAIGHT_TO_TOOL)
    async with serving(Script(answer, faults=[Reset(at=after_characters(len(said)))])) as (_, client):
        reading = await read(client)
        assert reading.text == said
        assert reading.outcomes[1:] == ["complete"]
        assert reading.message.stop_reason == "tool_use"
        assert [block.type for block in reading.message.content] == ["text", "tool_use"]


async def test_a_call_at_once_is_asked_about_where_the_text_was_not() -> None:
    """The half of a sentence is not the end of one."""
    said = "I will look at the tide tables for the harbour, and then at the wind."
    answer = Answer([Text(said), ToolUse("tides", {"place": "Islay"})], manner=Manner.STRAIGHT_TO_TOOL)
    async with serving(Script(answer, faults=[Reset(at=after_characters(40))])) as (_, client):
        with pytest.raises(StreamFailed) as caught:
            await read(client)
        assert caught.value.partial.text == said[:40]
        assert not caught.value.partial.whole_calls
