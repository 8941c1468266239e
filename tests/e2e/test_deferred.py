"""The last resort: a stream dies on every route, and a batch brings the rest."""

from __future__ import annotations

import gc
import logging
import pickle
from random import Random
from typing import Any, Final

import anyio
import pytest
from tests.corpus.texts import TEXTS

from harness import CONTINUE, PREFILL, ask, read, serving
from unbroken import (
    BatchCanceled,
    BatchErrored,
    BatchExpired,
    BatchFailed,
    Deferred,
    Hedging,
    Partial,
    Policy,
    StreamFailed,
    StreamTimeout,
    defer,
    resilient_stream,
)
from unbroken.testing import (
    BEFORE_RESPONSE,
    Answer,
    Batches,
    CutFrame,
    Drop,
    EndOfFile,
    Manner,
    Script,
    ServerTool,
    Silence,
    Status,
    Thinking,
    after_characters,
    after_events,
)
from unbroken.testing.manners.manners import FAITHFUL

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

DYING: Final = Policy(initial_backoff=0, max_attempts=1)


def dies(answer: Answer | str, at: int, **batches: Any) -> Script:
    """A stream that is cut after so many characters, of which no other request brings more; but batches are done."""
    whole = Answer(answer) if isinstance(answer, str) else answer
    return Script(whole, faults=[Drop(at=after_characters(at))], then=Status(529), batches=Batches(**batches))


async def failure(client: Any, **changes: Any) -> StreamFailed:
    """What a stream that cannot be finished raises."""
    with pytest.raises(StreamFailed) as caught:
        await read(client, **{"policy": DYING, **changes})
    return caught.value


async def by_json(error: StreamFailed) -> Deferred[Any]:
    """The rest of a stream in a batch, as another process has it."""
    return Deferred.from_json((await error.defer()).to_json())


def assert_whole(message: Any, error: StreamFailed, text: str) -> None:
    """One message, exact to the character, which goes on the one that was begun."""
    assert "".join(block.text for block in message.content if block.type == "text") == text
    assert [block.type for block in message.content].count("text") == 1
    assert message.stop_reason == "end_turn"
    if error.partial.message is not None:
        assert message.id == error.partial.message["id"]
        assert message.model == error.partial.message["model"]


@pytest.mark.sample(11)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("model", [PREFILL, CONTINUE])
async def test_the_rest_from_a_batch_joins_at_the_exact_character(name: str, model: str) -> None:
    """Wherever the stream was cut, before its first character and after its last one too."""
    text = TEXTS[name].rstrip()  # as answers end
    cuts = {0, 2, len(text) - 1, len(text), *Random(name).sample(range(1, len(text)), 2)}
    async with serving("") as (server, client):
        for at in sorted(cuts):
            await server.play(dies(text, at, seconds=600))
            error = await failure(client, model=model)
            deferred = await by_json(error)
            message = await deferred.result(client)
            assert_whole(message, error, text)
            # Where nothing was missing, nobody can tell of each text that it was all.
            assert deferred.report.seam != "unverified" or at == len(text)
            assert deferred.report.outcome == "complete"
            assert deferred.report.attempts[-1].ended == pytest.approx(600, abs=1)


@pytest.mark.parametrize(
    ("form", "model", "resume", "at"),
    [
        ("request", CONTINUE, "auto", 0),
        ("prefill", PREFILL, "auto", 300),
        ("continue", PREFILL, "continue", 300),
        ("continue", CONTINUE, "auto", 300),
        ("restart", CONTINUE, "restart", 300),
        ("restart", CONTINUE, "auto", 3),
    ],
)
async def test_every_form_of_a_resume_can_be_batched(form: str, model: str, resume: Any, at: int) -> None:
    """The batch is asked as the stream would have been."""
    text = TEXTS["prose"]
    policy = Policy(initial_backoff=0, max_attempts=1, resume=resume)
    async with serving(dies(text, at)) as (_, client):
        error = await failure(client, model=model, policy=policy)
        deferred = await by_json(error)
        assert deferred.form == form
        assert_whole(await deferred.result(client), error, text)
        assert deferred.report.attempts[-1].form == form


async def test_thinking_that_was_delivered_is_sent_back_and_stays() -> None:
    """The model's new thinking has seen another prompt, and is left out."""
    answer = Answer([Thinking("Let me see."), TEXTS["prose"]])
    async with serving(dies(answer, 200)) as (server, client):
        error = await failure(client)
        message = await (await by_json(error)).result(client)
        assert_whole(message, error, TEXTS["prose"])
        assert [block.type for block in message.content] == ["thinking", "text"]
        (batch,) = server.batches
        assert [block["type"] for block in batch.requests[0].params["messages"][1]["content"]] == ["thinking", "text"]


@pytest.mark.sample
@pytest.mark.parametrize("manner", sorted(FAITHFUL))
async def test_a_model_that_goes_on_in_its_own_manner_is_joined(manner: Manner) -> None:
    """Whatever it repeats, loses or says first, the text is exact, white space aside."""
    answer = Answer(TEXTS["prose"], manner=manner)
    async with serving(dies(answer, 333)) as (_, client):
        message = await (await by_json(await failure(client))).result(client)
        assert "".join(message.content[0].text.split()) == "".join(answer.text.split())


async def test_what_does_not_match_is_joined_as_it_is_and_marked_where_the_policy_says_so() -> None:
    """Another batch would take hours: the joint is a guess, and the report says so."""
    strange = "Quite another thing, in other words altogether, and no end in sight. " * 4
    async with serving(dies(TEXTS["prose"], 200)) as (server, client):
        error = await failure(client, policy=Policy(initial_backoff=0, max_attempts=1, on_unmatched="join"))
        deferred = await error.defer()
        await server.play(Script(Answer(strange), batches=Batches()))
        again = await error.defer()
        message = await again.result()
        assert message.content[0].text == TEXTS["prose"][:200] + strange
        assert again.report.seam == "unverified"
        assert [notice.code for notice in again.report.notices][-1] == "seam_unverified"
        await again.result()
        assert [notice.code for notice in again.report.notices].count("seam_unverified") == 1
        assert_whole(await deferred.result(), error, TEXTS["prose"])


async def test_an_answer_begun_anew_that_goes_another_way_is_not_glued() -> None:
    """It is in the error, whole, beside what was delivered."""
    policy = Policy(initial_backoff=0, max_attempts=1, resume="restart")
    async with serving(dies(TEXTS["prose"], 200)) as (server, client):
        error = await failure(client, policy=policy)
        await server.play("Another answer, of its own.")
        deferred = await error.defer()
        with pytest.raises(BatchFailed, match="does not join") as caught:
            await deferred.result()
        assert caught.value.partial.text == TEXTS["prose"][:200]
        assert caught.value.answer is not None
        assert caught.value.answer["content"][0]["text"] == "Another answer, of its own."
        assert caught.value.deferred is deferred
        assert deferred.report.attempts[-1].outcome == "seam_unmatched"


async def test_stop_sequences_hold_across_the_joint() -> None:
    """What could be its head is no part of what is gone on from."""
    text = "One and two and three. An ENORMOUS amount, and that is ENOUGH of that, and more that nobody may see."
    at = text.index("ENORMOUS") + 3
    async with serving("") as (server, client):
        for model in (PREFILL, CONTINUE):
            await server.play(dies(text, at))
            error = await failure(client, model=model, stop_sequences=["ENOUGH"])
            assert error.partial.text.endswith("An ")
            message = await (await by_json(error)).result(client)
            assert (message.content[0].text, message.stop_reason) == (text[: text.index("ENOUGH")], "stop_sequence")
            assert message.stop_sequence == "ENOUGH"


async def test_usage_is_the_messages_and_the_report_has_what_was_spent() -> None:
    """The input of the request that opened it, all of its output; and the batch at half the price."""
    async with serving(dies(TEXTS["prose"], 200)) as (_, client):
        error = await failure(client)
        deferred = await by_json(error)
        message = await deferred.result(client)
    entry = deferred.report.attempts[-1]
    assert error.partial.message is not None
    assert message.usage.input_tokens == error.partial.message["usage"]["input_tokens"]
    assert (entry.batch, entry.outcome, entry.status) == (True, "complete", 200)
    assert entry.characters == len(TEXTS["prose"]) - 200
    assert entry.discarded == entry.received - entry.characters
    cost = entry.cost()
    entry.batch = False
    whole = entry.cost()
    assert cost is not None
    assert whole is not None
    assert cost.total == pytest.approx(whole.total / 2)
    assert [attempt.number for attempt in deferred.report.attempts] == list(range(1, len(deferred.report.attempts) + 1))
    assert len(error.report.attempts) == len(deferred.report.attempts) - 1


@pytest.mark.parametrize(
    ("batches", "kind"),
    [
        ({"seconds": 1e6, "lifetime": 3600.0}, BatchExpired),
        ({"errors": [Status(500)]}, BatchErrored),
        ({"seconds": 1e6, "canceling": 60.0}, BatchCanceled),
    ],
)
async def test_a_batch_that_brings_nothing_is_a_typed_error_with_the_partial_in_hand(
    batches: dict[str, Any], kind: type[BatchFailed]
) -> None:
    """And the report says what became of it."""
    text = TEXTS["prose"]
    async with serving(dies(text, 200, **batches)) as (_, client):
        deferred = await by_json(await failure(client))
        if kind is BatchCanceled:
            assert (await deferred.cancel(client)).processing_status == "canceling"
        with pytest.raises(kind) as caught:
            await deferred.result(client)
        error = caught.value
        assert error.partial.text == deferred.partial.text == text[:200]
        assert error.deferred is deferred
        assert error.answer is None
        assert deferred.report.attempts[-1].outcome in ("expired", "errored", "canceled")
        assert deferred.report.outcome == "failed"
        assert text[:20] not in str(error) + repr(error) + repr(deferred)
        assert (error.type, error.last is None) == (("api_error", False) if kind is BatchErrored else (None, True))
        with pytest.raises(ValueError, match="another process, or is a batch's own"):
            await error.defer()


async def test_outages_while_waiting_are_waited_over() -> None:
    """Polls that fail in any way, a batch that is not found at first, results that are cut in the middle of a line."""
    slowly = Status(429, headers={"retry-after": "120"})
    polls = [Status(529), Status(500), Drop(at=BEFORE_RESPONSE), slowly, Status(503), Drop(at=after_events(0))] * 3
    cuts = [CutFrame(at=after_events(0), end=end) for end in ("eof", "drop")]
    reads = [Status(500), *cuts, Drop(at=BEFORE_RESPONSE), slowly, EndOfFile(at=after_events(0))]
    script = dies(TEXTS["prose"], 200, seconds=300, unknown_for=20, polls=polls, reads=reads)
    async with serving(script) as (_, client):
        error = await failure(client)
        assert_whole(await (await by_json(error)).result(client), error, TEXTS["prose"])


# -- Policy(on_exhausted="defer")


async def test_with_the_policy_the_error_comes_with_the_batch() -> None:
    """The engine creates it, tells of it, and says so in the error."""
    policy = Policy(initial_backoff=0, max_attempts=2, on_exhausted="defer")
    for at in (0, 200):
        async with serving(dies(TEXTS["prose"], at)) as (_, client):
            error = await failure(client, policy=policy)
            assert error.deferred is not None
            assert error.deferred.id in str(error)
            assert [notice.code for notice in error.report.notices][-2:] == ["failed", "deferred"]
            assert_whole(await error.deferred.result(), error, TEXTS["prose"])
            again = pickle.loads(pickle.dumps(error)).deferred
            assert_whole(await again.result(client), error, TEXTS["prose"])


async def test_a_batch_that_cannot_be_created_leaves_the_error_as_it_is() -> None:
    """The notice says why."""
    policy = Policy(initial_backoff=0, max_attempts=2, on_exhausted="defer")
    async with serving(dies(TEXTS["prose"], 200, creates=[Status(403)])) as (_, client):
        error = await failure(client, policy=policy)
        assert error.deferred is None
        assert error.report.notices[-1].code == "defer_failed"
        assert "PermissionDeniedError, status 403" in error.report.notices[-1].message


async def test_what_no_retry_mends_is_not_deferred() -> None:
    """A 400 comes as the SDK raised it, and no batch is created."""
    policy = Policy(initial_backoff=0, on_exhausted="defer")
    async with serving(Script("x", faults=[Status(400)])) as (server, client):
        with pytest.raises(Exception, match="400"):
            await read(client, policy=policy)
        assert server.batches == []


async def test_a_deadline_is_not_overrun_for_a_batch() -> None:
    """`StreamTimeout` comes at its time; its `defer` can be called."""
    policy = Policy(deadline=5, on_exhausted="defer", initial_backoff=100, max_backoff=100)
    async with serving(dies(TEXTS["prose"], 200)) as (server, client):
        with pytest.raises(StreamTimeout) as caught:
            await read(client, policy=policy)
        assert (caught.value.deferred, server.batches) == (None, [])
        assert_whole(await (await caught.value.defer()).result(), caught.value, TEXTS["prose"])


async def test_what_may_have_acted_before_the_deadline_is_not_asked_to_act_again() -> None:
    """The attempt had not failed when its time was up."""
    launch = ServerTool("code_execution", {"code": "launch()"}, result={"type": "code_execution_result"})
    script = Script(Answer([launch, TEXTS["prose"]]), faults=[Silence(at=after_events(2))])
    tools = [{"type": "code_execution_20250825", "name": "code_execution"}]
    async with serving(script) as (server, client):
        error = await failure(client, policy=Policy(deadline=5), tools=tools)
        assert isinstance(error, StreamTimeout)
        with pytest.raises(ValueError, match="its tools may have acted"):
            await error.defer()
        assert server.batches == []


async def test_a_deadline_ends_the_creation_of_a_batch() -> None:
    """What is spent before the deadline is deferred until then, and no longer."""
    policy = Policy(deadline=5, on_exhausted="defer", initial_backoff=0, max_attempts=2)
    script = dies(TEXTS["prose"], 200, creates=[Status(529, headers={"retry-after": "50"})])
    async with serving(script) as (_, client):
        error = await failure(client, policy=policy)
        assert error.deferred is None
        assert "deadline" in error.report.notices[-1].message


async def test_leaving_a_stream_defers_nothing() -> None:
    """Who goes away does not want the rest."""
    policy = Policy(initial_backoff=0, on_exhausted="defer")
    async with serving(dies(TEXTS["prose"], 200)) as (server, client):
        async with resilient_stream(client, **ask(policy=policy)) as stream:
            await anext(stream)
        assert server.batches == []


# -- other routes


async def test_the_best_route_that_has_batches_is_asked() -> None:
    """A route that was ruled out is not asked in a batch either."""
    script = Script(
        models={
            CONTINUE: dies(TEXTS["prose"], 200),
            PREFILL: dies(TEXTS["prose"], 0),
            "claude-opus-4-8": Script(then=Status(404)),
        },
    )
    async with serving(script) as (server, client):
        error = await failure(
            client,
            model="claude-opus-4-8",
            fallback_models=[CONTINUE, PREFILL],
            policy=Policy(initial_backoff=0, max_attempts=3),
        )
        deferred = await error.defer()
        assert (deferred.model, deferred.report.attempts[-1].route) == (CONTINUE, 1)
        assert server.batches[0].requests[0].params["model"] == CONTINUE
        assert_whole(await deferred.result(), error, TEXTS["prose"])


# -- nothing leaks


async def test_no_content_and_no_key_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in logs, nor in reports, errors or their representations; and no key in what is saved."""
    secret = "The lighthouse keeper's secret is this. " * 10
    policy = Policy(initial_backoff=0, max_attempts=2, on_exhausted="defer")
    messages = [{"role": "user", "content": "What did the keeper hide?"}]
    with caplog.at_level(logging.INFO, logger="unbroken"):
        async with serving(dies(secret, 100)) as (_, client):
            error = await failure(client, policy=policy, messages=messages)
            assert error.deferred is not None
            await error.deferred.result()
            report = error.deferred.report
    told = caplog.text + str(error) + repr(error) + repr(error.deferred) + report.to_json() + repr(vars(error))
    assert "keeper" not in told.replace(repr(error._request), "").replace(repr(error.partial), "")
    saved = error.deferred.to_json()
    assert "keeper hide" not in saved
    assert "test" not in saved.replace("latest", "")


async def test_nothing_is_left_open() -> None:
    """A caller who loses patience cancels, and the next one goes on."""
    async with serving(Script("Hello.", batches=Batches(seconds=100))) as (_, client):
        deferred = await defer(client, **_plain())
        with anyio.move_on_after(10):
            await deferred.result()
        gc.collect()
        assert (await deferred.result()).content[0].text == "Hello."
        assert deferred.partial == Partial()


def _plain() -> dict[str, Any]:
    return {"model": CONTINUE, "max_tokens": 100, "messages": [{"role": "user", "content": "Hi."}]}


@pytest.mark.backends("asyncio", "trio")
async def test_it_works_on_both_event_loops() -> None:
    """From the failure to the whole message."""
    async with serving(dies(TEXTS["prose"], 200)) as (_, client):
        error = await failure(client)
        assert_whole(await (await by_json(error)).result(client), error, TEXTS["prose"])


@pytest.mark.parametrize("api", ["messages", "beta"])
async def test_a_race_that_nobody_wins_is_deferred_too(api: Any) -> None:
    """On the best of its routes, in the types of its API."""
    policy = Policy(initial_backoff=0, max_attempts=2, on_exhausted="defer", hedging=Hedging(delay=0))
    script = Script(models={CONTINUE: dies(TEXTS["prose"], 200), PREFILL: dies(TEXTS["prose"], 200)})
    async with serving(script) as (_, client):
        error = await failure(client, fallback_models=[PREFILL], policy=policy, api=api)
        assert error.deferred is not None
        assert (error.deferred.model, error.deferred.api) == (CONTINUE, api)
        message = await error.deferred.result()
        assert_whole(message, error, TEXTS["prose"])
        assert type(message).__name__.startswith("ParsedBetaMessage" if api == "beta" else "ParsedMessage")


async def test_after_a_tools_result_the_answer_goes_on_in_new_text() -> None:
    """The pair is sent back, and is not asked for again."""
    answer = Answer([ServerTool("web_search", {"query": "salt"}, result=[]), TEXTS["prose"]])
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    async with serving(dies(answer, 0)) as (server, client):
        error = await failure(client, tools=tools)
        message = await (await by_json(error)).result(client)
        assert [block.type for block in message.content] == ["server_tool_use", "web_search_tool_result", "text"]
        assert message.content[-1].text == TEXTS["prose"]
        assert "server_tool_use" in str(server.batches[0].requests[0].params["messages"])
