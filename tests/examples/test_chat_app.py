"""The application, request by request: what a page may send, and what it gets, whatever happens to the stream."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from visiting import CHAT, Frame, ended, site, text_of

from harness import until
from unbroken.testing import (
    Answer,
    EndOfFile,
    ErrorEvent,
    Reset,
    Script,
    Silence,
    Status,
    after_characters,
)

# A journal in a file has threads of its own: virtual time does not wait for those.
pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio")]

TEXT = "The keeper of the lighthouse climbed the stairs twice a night, and wrote down what the wind was doing."
STORM = Script(
    TEXT,
    faults=[
        ErrorEvent("overloaded_error", at=after_characters(20)),
        Reset(at=after_characters(60)),
        EndOfFile(at=after_characters(60)),
    ],
)
#: It goes no further than that, until somebody takes it up or stops it.
HELD = Script(TEXT, faults=[Silence(at=after_characters(40))])


def held(seen: list[Frame]) -> bool:
    """Whether all is there that comes for now."""
    return len(text_of(seen)) >= 40


@pytest.mark.backends("asyncio", "uvloop")
async def test_an_answer_comes_whole_through_a_storm(tmp_path: Path) -> None:
    """An overload, a reset and an early end: the page gets one message, each word once."""
    async with site(STORM, tmp_path) as chat, chat.worker() as worker:
        assert await worker.ask("What did the keeper do?") == 201
        seen = await worker.follow()
        assert text_of(seen) == TEXT
        types = [frame.type for frame in seen]
        assert (types.count("message_start"), types.count("message_stop"), types[-1]) == (1, 1, "message_stop")
        assert len(chat.api.requests) == 4


async def test_the_answer_goes_on_when_nobody_listens(tmp_path: Path) -> None:
    """The reader hangs up after the first words and comes back at the end: nothing is missing or doubled."""
    async with site(STORM, tmp_path) as chat, chat.worker() as worker:
        await worker.ask("What did the keeper do?")
        before = await worker.follow(lambda seen: bool(text_of(seen)))
        whole = await worker.follow()
        after = await worker.follow(last=before[-1].id)
    assert text_of(whole) == TEXT
    assert text_of(before) + text_of(after) == TEXT
    assert ended(after)


async def test_every_tab_gets_the_same_answer_from_any_worker(tmp_path: Path) -> None:
    """Early, late and when it is over: the model is asked once."""
    async with site(Answer(TEXT, pieces=(4, 4), pace=0.01), tmp_path) as chat:
        async with chat.worker() as one, chat.worker() as other:
            texts = []

            async def tab(worker: object) -> None:
                texts.append(text_of(await worker.follow()))  # type: ignore[attr-defined]

            await one.ask("What did the keeper do?")
            async with anyio.create_task_group() as tabs:
                for worker in (one, other, one, other):
                    tabs.start_soon(tab, worker)
                await other.follow(held)
                tabs.start_soon(tab, other)
            await tab(other)
            assert texts == [TEXT] * 6
            assert len(chat.api.requests) == 1


async def test_a_worker_that_leaves_hands_its_answers_over(tmp_path: Path) -> None:
    """A rolling deploy costs a reader a pause, and the model one more request."""
    async with site(HELD, tmp_path) as chat, chat.worker() as stays:
        async with chat.worker() as leaves:
            assert await leaves.ask("What did the keeper do?") == 201
            before = await stays.follow(held)
            assert text_of(before) == TEXT[:40]
        after = await stays.follow(last=before[-1].id)
        assert text_of(before) + text_of(after) == TEXT
        assert ended(after)
        assert len(chat.api.requests) == 2


async def test_the_answer_goes_on_when_all_are_started_anew(tmp_path: Path) -> None:
    """Nobody was there for a while; what there was is in the file."""
    async with site(HELD, tmp_path) as chat:
        async with chat.worker() as first:
            await first.ask("What did the keeper do?")
            before = await first.follow(held)
        async with chat.worker() as second:
            assert json.loads((await second.call("GET", f"{CHAT}/questions"))[1]) == ["What did the keeper do?"]
            after = await second.follow(last=before[-1].id)
            assert text_of(before) + text_of(after) == TEXT


async def test_stop_from_another_worker(tmp_path: Path) -> None:
    """What had come stays, for everybody; the request to the API is given up; who reads is told why it is short."""
    async with site(HELD, tmp_path) as chat, chat.worker() as writes, chat.worker() as stops:
        await writes.ask("What did the keeper do?")
        await writes.follow(held)
        assert await stops.stop() == 204
        for worker in (writes, stops):
            seen = await worker.follow()
            assert text_of(seen) == TEXT[:40]
            assert (seen[-1].type, seen[-1].data["error"]["type"]) == ("error", "stream_cancelled")
        await until(lambda: chat.api.requests[0].ended_at is not None)
        assert chat.api.requests[0].abandoned
        assert await stops.stop() == 204


async def test_stop_before_the_first_word(tmp_path: Path) -> None:
    """An answer that has not begun is stopped as well, and the next question is not held up."""
    async with site(Script(TEXT, faults=[Silence(at=after_characters(0))]), tmp_path) as chat:
        async with chat.worker() as worker:
            await worker.ask("What did the keeper do?")
            await worker.stop()
            assert [frame.type for frame in await worker.follow()] == ["error"]
            assert await worker.ask("Who was he?", 1) == 201
            assert text_of(await worker.follow(number=1)) == TEXT
            # A question that brought nothing would be an empty turn.
            assert [m["content"] for m in chat.api.requests[-1].body["messages"]] == ["Who was he?"]


async def test_a_question_sent_twice_is_asked_once(tmp_path: Path) -> None:
    """The page sends it again when the answer to its request was lost, to whichever worker there is."""
    async with site(HELD, tmp_path) as chat, chat.worker() as one, chat.worker() as other:
        assert await one.ask("What did the keeper do?") == 201
        assert await other.ask("What did the keeper do?") == 204
        assert await one.ask("What did the keeper do?") == 204
        await one.follow(held)
        await one.stop()
        assert len(chat.api.requests) == 1


async def test_a_question_out_of_turn_is_refused(tmp_path: Path) -> None:
    """Another one in its place, one while an answer comes, one too far ahead."""
    async with site(HELD, tmp_path) as chat, chat.worker() as worker:
        await worker.ask("What did the keeper do?")
        assert await worker.ask("Who was he?") == 409
        assert await worker.ask("Who was he?", 1) == 409
        await worker.stop()
        assert await worker.ask("Who was he?", 2) == 409
        assert await worker.ask("Who was he?", 1) == 201


async def test_the_next_question_has_the_conversation_with_it(tmp_path: Path) -> None:
    """Read from the journal: whole answers, and one that was stopped as far as it came."""
    script = Script(TEXT, faults=[(), Silence(at=after_characters(40))])
    async with site(script, tmp_path) as chat, chat.worker() as one, chat.worker() as other:
        await one.ask("What did the keeper do?")
        await one.follow()
        assert await other.ask("And by day?", 1) == 201
        await other.follow(held, number=1)
        await other.stop(1)
        await one.ask("Who was he?", 2)
        await other.follow(number=2)
        assert [m["content"] for m in chat.api.requests[-1].body["messages"]] == [
            "What did the keeper do?",
            TEXT,
            "And by day?",
            TEXT[:40],
            "Who was he?",
        ]


async def test_a_question_that_was_refused_is_not_asked_again(tmp_path: Path) -> None:
    """It would be refused once more, and the next one with it."""
    async with site(Script([Answer("No.", stop_reason="refusal"), TEXT]), tmp_path) as chat:
        async with chat.worker() as worker:
            await worker.ask("What did the keeper do?")
            await worker.follow()
            await worker.ask("Who was he?", 1)
            await worker.follow(number=1)
            assert [m["content"] for m in chat.api.requests[-1].body["messages"]] == ["Who was he?"]


async def test_an_answer_that_failed_is_asked_for_once_more(tmp_path: Path) -> None:
    """By the same request; it goes on where it broke off, in the same place. Its reader gets nothing twice."""
    script = Script(TEXT, faults=[Reset(at=after_characters(40)), Status(401)])
    async with site(script, tmp_path) as chat, chat.worker() as worker:
        await worker.ask("What did the keeper do?")
        seen = await worker.follow()
        assert text_of(seen) == TEXT[:40]
        assert seen[-1].data["error"]["type"] == "authentication_error"
        assert "lighthouse" not in seen[-1].data["error"]["message"]
        assert await worker.ask("What did the keeper do?") == 204
        assert text_of(await worker.follow(lambda seen: bool(seen) and seen[-1].type == "message_stop")) == TEXT


async def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    """With the status that keeps a browser from asking again; a stop of it does nothing."""
    async with site(TEXT, tmp_path) as chat, chat.worker() as worker:
        for method in ("GET", "HEAD"):
            assert await worker.call(method, f"{CHAT}/answers/0") == (204, "")
        assert await worker.stop() == 204
        assert await worker.call("GET", f"{CHAT}/questions") == (200, "[]")
        assert not chat.api.requests


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b'{"text": "Who?"}', "text/plain"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"{}", "application/json"),
        (b'{"text": 1}', "application/json"),
        (b'{"text": " \\n"}', "application/json"),
        (b"\xff", "application/json"),
        (json.dumps({"text": "x" * 20_001}).encode(), "application/json"),
    ],
)
async def test_what_is_no_question_is_refused(body: bytes, type: str, tmp_path: Path) -> None:
    """And nothing is kept or asked. Method and type keep pages from elsewhere from asking in a visitor's name."""
    async with site(TEXT, tmp_path) as chat, chat.worker() as worker:
        status, _ = await worker.call("PUT", f"{CHAT}/questions/0", body, {"content-type": type})
        assert 400 <= status < 500
        assert await worker.call("GET", f"{CHAT}/questions") == (200, "[]")
        assert not chat.api.requests


@pytest.mark.parametrize(("path", "type"), [("/", "html"), (CHAT, "html"), ("/static/chat.js", "javascript")])
async def test_the_page_is_there(path: str, type: str, tmp_path: Path) -> None:
    """The same for every chat; it loads nothing from elsewhere, and has no button that kills."""
    async with site(TEXT, tmp_path) as chat, chat.worker() as worker:
        status, body = await worker.call("GET", path)
        assert status == 200
        assert "http" not in body
        assert "chaos" not in body


async def test_no_other_path_kills(tmp_path: Path) -> None:
    """The application that one copies knows nothing of the show."""
    async with site(TEXT, tmp_path) as chat, chat.worker() as worker:
        for method, path in (("GET", "/chaos"), ("PUT", "/chaos/kill"), ("PUT", "/chaos/restart")):
            assert (await worker.call(method, path))[0] == 404
