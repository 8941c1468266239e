"""The log of a chat, and the store with its bounds."""

from __future__ import annotations

from uuid import UUID

import anyio
import pytest
from chat.chats import Chat, Chats, Full

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]


def exchange(chat: Chat, question: str, *texts: str, reason: str = "end_turn") -> None:
    """A question and its whole answer."""
    chat.ask(question)
    for text in texts:
        chat.add("text", text=text)
    chat.add("end", reason=reason, words="")


async def test_a_chat_is_answering_from_the_question_to_the_end() -> None:
    """Nothing else has to be kept in step: the log says it."""
    chat = Chat()
    assert not chat.answering
    chat.ask("Who is there?")
    assert chat.answering
    chat.add("text", text="I.")
    assert chat.answering
    chat.add("end", reason="end_turn", words="")
    assert not chat.answering
    assert chat.questions == ["Who is there?"]


async def test_the_model_is_told_the_conversation() -> None:
    """Answers in one piece each, one that was stopped as far as it came, and the new question last."""
    chat = Chat()
    exchange(chat, "One?", "Fi", "rst.")
    exchange(chat, "Two?", "Sec", reason="stopped")
    chat.ask("Three?")
    assert chat.messages() == [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "First."},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "Sec"},
        {"role": "user", "content": "Three?"},
    ]


@pytest.mark.parametrize(("texts", "reason"), [((), "failed"), (("\n",), "stopped"), (("No",), "refusal")])
async def test_a_question_that_brought_nothing_is_left_out(texts: tuple[str, ...], reason: str) -> None:
    """An empty turn would be a 400, and a refused question would be refused again."""
    chat = Chat()
    exchange(chat, "One?", *texts, reason=reason)
    chat.ask("Two?")
    assert chat.messages() == [{"role": "user", "content": "Two?"}]


async def test_only_the_running_answer_can_be_stopped() -> None:
    """A stop that comes late does not stop the next answer."""
    chat = Chat()
    exchange(chat, "One?", "First.")
    chat.stop(0)
    chat.ask("Two?")
    chat.stop(0)
    assert not chat.stopping.cancel_called
    chat.stop(1)
    assert chat.stopping.cancel_called


async def test_a_chat_that_is_left_alone_goes_after_its_time() -> None:
    """Looking at it keeps it; the room is made when the next one is opened."""
    chats = Chats(keep=60)
    exchange(chats.open(UUID(int=1)), "One?", "First.")
    exchange(chats.open(UUID(int=2)), "One?", "First.")
    await anyio.sleep(50)
    assert chats.find(UUID(int=2))
    await anyio.sleep(50)
    chats.open(UUID(int=3))
    assert [chats.find(UUID(int=n)) is not None for n in (1, 2, 3)] == [False, True, True]
    assert len(chats) == 2


async def test_the_one_longest_left_alone_makes_room() -> None:
    """There are never more than the limit, and one that is being answered stays."""
    chats = Chats(limit=2)
    chats.open(UUID(int=1)).ask("One?")
    await anyio.sleep(1)
    exchange(chats.open(UUID(int=2)), "One?", "First.")
    await anyio.sleep(1)
    chats.open(UUID(int=3)).ask("One?")
    assert chats.find(UUID(int=1))
    assert chats.find(UUID(int=2)) is None
    with pytest.raises(Full):
        chats.open(UUID(int=4))
    assert len(chats) == 2
