"""The application, request by request: what a page may send, and what it gets, whatever happens to the stream."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from chat.app import LONGEST_QUESTION
from chat.chats import Chats
from visiting import CHAT, Frame, ended, site, text_of

from harness import until
from unbroken.testing import Answer, EndOfFile, ErrorEvent, Reset, Script, Silence, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT = "The keeper of the lighthouse climbed the stairs twice a night, and wrote down what the wind was doing."
STORM = Script(
    TEXT,
    faults=[
        ErrorEvent("overloaded_error", at=after_characters(20)),
        Reset(at=after_characters(60)),
        EndOfFile(at=after_characters(60)),
    ],
)
#: An answer that comes slowly enough to be looked at while it comes.
SLOW = Answer(TEXT, pieces=(4, 4), pace=1.0)


def some_text(seen: list[Frame]) -> bool:
    return bool(text_of(seen))


@pytest.mark.backends("asyncio", "trio")
async def test_an_answer_comes_whole_through_a_storm() -> None:
    """An overload, a reset and an early end: the reader is told that it waits, and gets each word once."""
    async with site(STORM) as chat:
        assert await chat.ask("What did the keeper do?") == 201
        seen = await chat.follow()
    assert text_of(seen) == TEXT
    assert seen[0] == Frame("question", {"text": "What did the keeper do?"}, 1)
    assert Frame("waiting", {"words": "reconnecting…"}) in [Frame(f.type, f.data) for f in seen]
    assert seen[-1].data == {"reason": "end_turn", "words": ""}
    ids = [frame.id or 0 for frame in seen]
    assert ids == sorted(set(ids))


@pytest.mark.backends("asyncio", "trio", "virtual")
async def test_the_answer_goes_on_when_nobody_listens() -> None:
    """The reader hangs up after the first words and comes back at the end: nothing is missing or doubled."""
    async with site(STORM) as chat:
        await chat.ask("What did the keeper do?")
        before = await chat.follow(some_text)
        full = await chat.follow()
        after = await chat.follow(last=str(before[-1].id))
    assert text_of(full) == TEXT
    assert text_of(before) + text_of(after) == TEXT


async def test_the_header_is_newer_than_the_address() -> None:
    """The browser repeats the old address when it connects again by itself, and adds `Last-Event-ID`."""
    async with site(TEXT) as chat:
        await chat.ask("What did the keeper do?")
        whole = await chat.follow()
        last = whole[-1].id
        assert await chat.follow(after="1", last=str(last and last - 1)) == [whole[-1]]
        assert text_of(await chat.follow(after="1")) == TEXT


@pytest.mark.parametrize("last", ["-1", "x", "1e3", "²", "9" * 5000, ""])
async def test_a_position_that_is_none_means_from_the_start(last: str) -> None:
    """What a stranger may send is no error of the server."""
    async with site(TEXT) as chat:
        await chat.ask("What did the keeper do?")
        assert text_of(await chat.follow(last=last, after=last)) == TEXT


async def test_many_tabs_read_one_answer() -> None:
    """Each gets all of it, also one that comes late, and the model is asked once."""
    async with site(SLOW) as chat:
        tabs: list[list[Frame]] = []

        async def tab(late: float) -> None:
            await anyio.sleep(late)
            tabs.append(await chat.follow())

        await chat.ask("What did the keeper do?")
        async with anyio.create_task_group() as group:
            for late in (0, 0, 3.5, 11, 1000):
                group.start_soon(tab, late)
        assert [text_of(seen) for seen in tabs] == [TEXT] * 5
        assert len(chat.server.requests) == 1


async def test_stop_keeps_what_came_and_lets_go_of_the_model() -> None:
    """The request to the API is given up at once; the log says why the answer is short."""
    async with site(SLOW) as chat:
        await chat.ask("What did the keeper do?")
        before = await chat.follow(lambda seen: len(text_of(seen)) >= 20)
        assert await chat.stop() == 204
        seen = await chat.follow()
        await until(lambda: chat.server.requests[0].ended_at is not None)
        assert chat.server.requests[0].abandoned
        assert await chat.stop() == 204
    assert text_of(seen) == text_of(before)
    assert TEXT.startswith(text_of(seen))
    assert seen[-1].data == {"reason": "stopped", "words": "Stopped."}


async def test_stop_before_the_first_word() -> None:
    """An answer that has not begun is stopped as well, and the next question is not held up."""
    script = Script([TEXT], faults=[Silence(at=after_characters(0))])
    async with site(script) as chat:
        await chat.ask("What did the keeper do?")
        await chat.stop()
        assert [f.type for f in await chat.follow()] == ["question", "end"]
        assert await chat.ask("Who was he?", 1) == 201
        assert text_of(await chat.follow(lambda seen: sum(f.type == "end" for f in seen) == 2)) == TEXT


async def test_a_question_sent_twice_is_asked_once() -> None:
    """The page sends it again when the answer to its request was lost: whether it had arrived or not, it is right."""
    async with site(SLOW) as chat:
        assert await chat.ask("What did the keeper do?") == 201
        assert await chat.ask("What did the keeper do?") == 204
        await chat.follow()
        assert await chat.ask("What did the keeper do?") == 204
        assert len(chat.server.requests) == 1


async def test_a_question_out_of_turn_is_refused() -> None:
    """Another one in its place, one while an answer comes, one too far ahead: in words."""
    async with site(SLOW) as chat:
        await chat.ask("What did the keeper do?")
        assert await chat.ask("Who was he?") == 409
        assert await chat.ask("Who was he?", 1) == 409
        await chat.follow()
        assert await chat.ask("Who was he?", 2) == 409
        assert await chat.ask("Who was he?", 1) == 201
        await chat.stop(1)


async def test_the_next_question_has_the_conversation_with_it() -> None:
    """The server knows what was said: the page sends its question and no more."""
    async with site(Script([TEXT, "He was old."])) as chat:
        await chat.ask("What did the keeper do?")
        await chat.follow()
        await chat.ask("Who was he?", 1)
        seen = await chat.follow(lambda seen: sum(f.type == "end" for f in seen) == 2)
        assert text_of(seen) == TEXT + "He was old."
        assert [m["content"] for m in chat.server.requests[1].body["messages"]] == [
            "What did the keeper do?",
            TEXT,
            "Who was he?",
        ]


async def test_a_chat_that_is_not_kept_is_gone() -> None:
    """Never there, or forgotten, or another one since the server was started: the page is told, once, and no more."""
    async with site(TEXT) as chat:
        assert await chat.follow() == [Frame("gone", {})]
        assert await chat.ask("Who was he?", 1) == 404
        assert await chat.stop() == 204
        await chat.ask("What did the keeper do?")
        await chat.follow()
        assert await chat.follow(last="100000") == [Frame("gone", {})]


async def test_a_heartbeat_while_the_model_is_silent() -> None:
    """What stands between the page and the server sees that both are alive."""
    script = Script(TEXT, faults=[Silence(50, at=after_characters(20))])
    async with site(script) as chat:
        await chat.ask("What did the keeper do?")
        seen = await chat.follow()
    assert [f.id for f in seen if f.type == "beat"] == [None] * 3
    assert text_of(seen) == TEXT


async def test_a_full_server_says_so() -> None:
    """No running answer is thrown out for a new one."""
    async with site(SLOW, Chats(limit=1)) as chat:
        await chat.ask("What did the keeper do?")
        assert await chat.ask("Who was he?", chat="/chats/" + "0b" * 16) == 429
        assert text_of(await chat.follow()) == TEXT


@pytest.mark.parametrize(
    ("status", "body", "type"),
    [
        (415, b'{"text": "Who?"}', "text/plain"),
        (400, b"", "application/json"),
        (400, b"[]", "application/json"),
        (400, b"{}", "application/json"),
        (400, b'{"text": 1}', "application/json"),
        (400, b'{"text": " \\n"}', "application/json"),
        (400, b"\xff", "application/json"),
        (413, json.dumps({"text": "x" * (LONGEST_QUESTION + 1)}).encode(), "application/json"),
        (413, b" " * 1_000_000, "application/json"),
    ],
)
async def test_what_is_no_question_is_refused_in_words(status: int, body: bytes, type: str) -> None:
    """And nothing is kept or asked. The type keeps pages from elsewhere from asking in the visitor's name."""
    async with site(TEXT) as chat:
        got, words = await chat.call("PUT", f"{CHAT}/questions/0", body, {"content-type": type})
        assert got == status
        assert json.loads(words)["words"].endswith(".")
        assert not chat.server.requests


async def test_a_question_of_any_characters_fits() -> None:
    """The bound on bytes never hits a question that the bound on characters lets through."""
    async with site(TEXT) as chat:
        assert await chat.ask("😀" * LONGEST_QUESTION) == 201
        await chat.follow()


@pytest.mark.backends("asyncio")
@pytest.mark.parametrize(("path", "type"), [("/", "html"), (CHAT, "html"), ("/static/chat.js", "javascript")])
async def test_the_page_is_there(path: str, type: str) -> None:
    """The same for every chat, with a policy that lets it load from here alone."""
    async with site(TEXT) as chat:
        status, body = await chat.call("GET", path)
    assert status == 200
    assert "http" not in body.replace("http-equiv", "")


async def test_the_server_may_stop_while_answers_run() -> None:
    """They are cancelled, and nothing is left open behind them."""
    async with site(Script(TEXT, faults=[Silence(at=after_characters(20))])) as chat:
        await chat.ask("What did the keeper do?")
        await chat.follow(some_text)


def test_ended_knows_both_ends(anyio_backend: Any) -> None:
    """The reader of these tests stops where a page would."""
    assert ended([Frame("end", {})])
    assert ended([Frame("gone", {})])
    assert not ended([])
