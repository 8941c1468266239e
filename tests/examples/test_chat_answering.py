"""What the reader is told of an answer that did not come, or not whole; and what the server's log is told."""

from __future__ import annotations

import pytest
from anthropic import AsyncAnthropic
from chat.answering import Model, answer
from chat.chats import Chat
from visiting import site, text_of

from harness import serving
from unbroken.testing import Answer, Manner, Reset, Script, Silence, Status, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

TEXT = "The keeper of the lighthouse climbed the stairs twice a night, and wrote down what the wind was doing."


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Status(529), "The model is overloaded. Ask again in a minute."),
        (Status(429), "Too much is being asked of the model. Ask again in a minute."),
        (Status(401), "This server has no valid API key."),
        (Status(403), "This server may not use the model."),
        (Status(404), "There is no such model."),
        (Reset(at=after_characters(0)), "The model could not be reached."),
        (Silence(), "The answer took too long."),
    ],
)
async def test_a_failure_is_told_in_words(fault: Status | Reset | Silence, words: str) -> None:
    """Whatever the API did to every request, the reader gets a sentence, and the log its end."""
    async with site(Script(TEXT, then=fault), deadline=200.0 if isinstance(fault, Silence) else 6000.0) as chat:
        await chat.ask("What did the keeper do?")
        seen = await chat.follow()
    assert seen[-1].data == {"reason": "failed", "words": words}


async def test_the_partial_is_kept_when_an_answer_fails() -> None:
    """What had come stays in the log, and is part of the conversation."""
    script = Script(TEXT, faults=[Reset(at=after_characters(40))], then=Status(529))
    async with site(script, deadline=6000.0) as chat:
        await chat.ask("What did the keeper do?")
        seen = await chat.follow()
    assert text_of(seen) == TEXT[:40]
    assert seen[-1].data["reason"] == "failed"


@pytest.mark.parametrize(
    ("stop_reason", "words"),
    [("max_tokens", "longer than it may be"), ("refusal", "declined"), ("end_turn", "")],
)
async def test_an_ending_is_told_in_words(stop_reason: str, words: str) -> None:
    """An answer that is whole but did not end by itself says why; one that did says nothing."""
    async with site(Answer(TEXT, stop_reason=stop_reason)) as chat:
        await chat.ask("What did the keeper do?")
        end = (await chat.follow())[-1].data
    assert end["reason"] == stop_reason
    assert words in end["words"]
    assert bool(words) == bool(end["words"])


async def test_a_joint_that_could_not_be_verified_is_told() -> None:
    """Where the library is not sure, the reader is not led to believe that it is."""
    items = "1. A lamp\n2. A ladder\n3. Some oil"
    silent = Answer(f"{items}\n4. A rag", manner=Manner.ECHO_ONLY)
    async with site(Script(silent, faults=[Reset(at=after_characters(len(items)))])) as chat:
        await chat.ask("What did the keeper do?")
        end = (await chat.follow())[-1].data
    assert end == {"reason": "end_turn", "words": "One joint in this answer could not be verified."}


async def test_a_bug_is_told_without_what_was_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's log says where it happened and not what the exception quotes; the reader gets a sentence."""

    def broken(self: Chat) -> None:
        raise KeyError("the lighthouse")

    monkeypatch.setattr(Chat, "messages", broken)
    chat = Chat()
    chat.ask("What did the keeper do?")
    async with serving(TEXT) as (_, client):
        await answer(chat, Model(client))
    assert chat.events[-1].data == {"reason": "failed", "words": "Something went wrong on this server."}
    assert "KeyError while answering" in caplog.text
    assert "chat.messages()" in caplog.text
    assert "the lighthouse" not in caplog.text.replace('raise KeyError("the lighthouse")', "")
    caplog.clear()


async def test_a_failure_is_logged_with_its_request_ids(caplog: pytest.LogCaptureFixture) -> None:
    """Support asks for them."""
    async with site(Script(TEXT, then=Status(401))) as chat:
        await chat.ask("What did the keeper do?")
        await chat.follow()
    assert "authentication_error; requests ['req_" in caplog.text


@pytest.mark.backends("asyncio")
async def test_an_answer_at_an_even_pace() -> None:
    """With the operator of `unbroken.pipe` in between it is the same answer, whole and once, and can be stopped."""
    pytest.importorskip("unbroken.pipe", reason="the even pace needs unbroken[pipe]", exc_type=ImportError)
    script = Script(Answer(TEXT, pieces=(30, 30)), faults=[Reset(at=after_characters(40))])
    async with site(script, pace=2000.0) as chat:
        await chat.ask("What did the keeper do?")
        seen = await chat.follow()
        assert text_of(seen) == TEXT
        assert seen[-1].data["reason"] == "end_turn"
    async with site(Script(TEXT, faults=[Silence(at=after_characters(40))]), pace=2000.0) as chat:
        await chat.ask("What did the keeper do?")
        await chat.follow(lambda seen: len(text_of(seen)) == 40)
        await chat.stop()
        assert (await chat.follow())[-1].data["reason"] == "stopped"


async def test_a_server_that_is_not_there() -> None:
    """No response at all is a failure like the others."""
    async with serving(TEXT) as (server, _):
        await server.stop_listening()
        async with AsyncAnthropic(base_url=server.url, api_key="test") as client:
            chat = Chat()
            chat.ask("What did the keeper do?")
            await answer(chat, Model(client))
    assert chat.events[-1].data == {"reason": "failed", "words": "The model could not be reached."}
