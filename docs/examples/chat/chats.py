"""Chats, each one log of events: what was asked, what was answered, how it went.

A log only grows, and the position of an event in it never changes. So a reader needs no more than a number to go on
where it left, any number of readers cost no queue, and a slow one merely lags. The model's view of the chat is made
from the same log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import anyio

if TYPE_CHECKING:
    from anthropic.types import MessageParam

__all__ = ["Chat", "Chats", "Event", "Full"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a chat.

    Attributes:
        type: `"question"`, `"text"` (more of the answer), `"waiting"` (the answer is held up), or `"end"` (of the
            answer, whole or not).
        data: What there is to tell of it; goes to JSON.
    """

    type: Literal["question", "text", "waiting", "end"]
    data: Mapping[str, Any]


@dataclass(slots=True)
class Chat:
    """One conversation.

    Attributes:
        events: The log, from the first question on. Only `add` changes it.
        touched: When it was last written to or looked for, in the event loop's seconds.
        over: Whether the server ends, and nobody should listen any more.
        stopping: The scope in which the last question is answered; cancelled by who wants that to stop.
    """

    events: list[Event] = field(default_factory=list)
    touched: float = field(default_factory=anyio.current_time)
    over: bool = False
    stopping: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _more: anyio.Event = field(default_factory=anyio.Event)

    @property
    def questions(self) -> list[str]:
        """All that was asked so far."""
        return [event.data["text"] for event in self.events if event.type == "question"]

    @property
    def answering(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self.events) and self.events[-1].type != "end"

    def ask(self, text: str) -> None:
        """A new question. Whoever asks it sees to its answer."""
        self.stopping = anyio.CancelScope()
        self.add("question", text=text)

    def add(self, type: Literal["question", "text", "waiting", "end"], **data: Any) -> None:
        """Write into the log, and wake who waits for it."""
        self.events.append(Event(type, data))
        self.touched = anyio.current_time()
        self._wake()

    def hang_up(self) -> None:
        """Let go of who listens: the server ends."""
        self.over = True
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = anyio.Event()

    async def more(self, seen: int) -> None:
        """Wait until there are more events than these, or it is over."""
        while len(self.events) <= seen and not self.over:
            await self._more.wait()

    def stop(self, number: int) -> None:
        """Stop the answer to this question, from 0, if it is still running."""
        if self.answering and number == len(self.questions) - 1:
            self.stopping.cancel()

    def messages(self) -> list[MessageParam]:
        """The conversation as the API wants it.

        A question that brought nothing is left out, and so is one at which the model refused: it would again.
        """
        messages: list[MessageParam] = []
        question, answer = "", ""
        for event in self.events:
            if event.type == "question":
                question, answer = event.data["text"], ""
            elif event.type == "text":
                answer += event.data["text"]
            elif event.type == "end" and answer.strip() and event.data["reason"] != "refusal":
                messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return [*messages, {"role": "user", "content": question}] if self.answering else messages


class Full(Exception):
    """There are as many chats as there may be, and each of them is being answered."""


class Chats:
    """The chats that are kept, in memory.

    Args:
        limit: The most chats. For a new one, the one that was longest left alone goes.
        keep: Seconds for which a chat that is left alone is kept at least, unless there are too many.
    """

    def __init__(self, limit: int = 1000, keep: float = 3600.0) -> None:
        self._limit = limit
        self._keep = keep
        self._chats: dict[UUID, Chat] = {}

    def __len__(self) -> int:
        return len(self._chats)

    def find(self, id: UUID) -> Chat | None:
        """The chat of that id; None: it was never there, or is kept no longer."""
        chat = self._chats.get(id)
        if chat:
            chat.touched = anyio.current_time()
        return chat

    def open(self, id: UUID) -> Chat:
        """A new chat.

        Raises:
            Full: There is no room for it.
        """
        self._make_room()
        chat = self._chats[id] = Chat()
        return chat

    def hang_up(self) -> None:
        """Let go of everybody: the server ends."""
        for chat in self._chats.values():
            chat.hang_up()

    def _make_room(self) -> None:
        # A chat that is being answered stays: the answer's deadline bounds its life.
        idle = sorted((chat.touched, key) for key, chat in self._chats.items() if not chat.answering)
        too_many = len(self._chats) + 1 - self._limit
        oldest = anyio.current_time() - self._keep
        for n, (touched, key) in enumerate(idle):
            if n < too_many or touched < oldest:
                del self._chats[key]
        if len(self._chats) >= self._limit:
            raise Full
