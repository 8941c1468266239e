"""What kills its writers again and again comes to an end; what was only waiting, or left in good order, does not."""

from __future__ import annotations

from typing import Any, Final

import pytest
from tests.durable.killed import killed_after, records_of
from tests.durable.test_every_kill import read_durably

from harness import CONTINUE, ask, serving
from unbroken import StreamFailed, StreamHost, attach, resilient_stream
from unbroken.durable.entries import Record, Stored, encode
from unbroken.durable.fold import Fold
from unbroken.journal import MemoryJournal
from unbroken.testing import Answer

ID: Final = "c7/3"
TEXT: Final = "The lighthouse was lit in March."


class Log:
    """Entries as writers leave them, folded."""

    def __init__(self) -> None:
        self.fold = Fold()
        self._fence = 1
        self._attempts = 0
        self._add("request", {"api": "messages", "arguments": {}})

    def _add(self, kind: Any, body: Any) -> None:
        self.fold.take(Stored(self._fence, self.fold.head + 1, kind, body))

    def attempt(self) -> None:
        self._attempts += 1
        self._attempt("attempt", "open")

    def _attempt(self, kind: str, outcome: str) -> None:
        body = {"number": self._attempts, "route": 0, "model": "claude", "form": "request", "started": 0.0}
        self._add(kind, {**body, "outcome": outcome})

    def lost(self) -> None:
        """Its writer is killed, and another takes it."""
        self._fence += 1
        self._add("takeover", {"head": self.fold.head})

    def left(self) -> None:
        """Its writer leaves in good order, and another takes it."""
        self._attempt("told", "cancelled")
        self.lost()

    def block(self, type_: str) -> None:
        index = len(self.fold.partial.blocks)
        field = "text" if type_ == "text" else "thinking"
        block = {"type": type_, field: "", **({"signature": ""} if type_ == "thinking" else {})}
        if not self.fold.partial.message:
            self._add("event", {"type": "message_start", "message": {"content": [], "usage": {}}})
        self._add("event", {"type": "content_block_start", "index": index, "content_block": block})
        self.delta(type_)

    def delta(self, type_: str) -> None:
        index = len(self.fold.partial.blocks) - 1
        field = "text" if type_ == "text" else "thinking"
        delta = {"type": f"{field}_delta", field: "More. "}
        self._add("event", {"type": "content_block_delta", "index": index, "delta": delta})

    def give_up(self) -> None:
        """What was begun is given up, as whoever goes on does it."""
        index = len(self.fold.partial.blocks) - 1
        self._add("abandoned", index)
        self._add("event", {"type": "content_block_stop", "index": index})


def test_writers_that_are_lost_without_a_character_are_counted() -> None:
    log = Log()
    for count in (1, 2, 3):
        log.attempt()
        log.lost()
        assert log.fold.futile == count
    # The one that has not even asked, too.
    log.lost()
    assert log.fold.futile == 4


def test_a_character_of_text_begins_the_count_anew() -> None:
    log = Log()
    log.attempt()
    log.block("text")
    for _ in range(3):
        log.lost()
        assert log.fold.futile == 1
        log.attempt()
        log.delta("text")


def test_thinking_that_nobody_keeps_is_no_step_ahead() -> None:
    """Each writer thinks anew, and is killed by what it comes to: that has to end."""
    log = Log()
    for count in (1, 2, 3):
        log.attempt()
        log.block("thinking")
        log.lost()
        assert log.fold.futile == count
        log.give_up()


def test_who_leaves_in_good_order_is_not_lost_whoever_was_before() -> None:
    log = Log()
    log.attempt()
    log.lost()
    for _ in range(3):
        log.attempt()
        log.left()
        assert log.fold.futile == 1


@pytest.mark.anyio
@pytest.mark.parametrize("max_recoveries", [0, 1])
async def test_a_stream_that_only_waited_is_no_poison_however_few_may_be_lost(max_recoveries: int) -> None:
    journal = MemoryJournal()
    async with serving(TEXT) as (_, client):
        waiting = {name: value for name, value in ask().items() if name != "policy"}
        async with StreamHost(journal, client, max_streams=1, max_recoveries=max_recoveries) as host:
            for n in range(3):
                await host.start(f"{ID}/{n}", **waiting)
            for n in range(3):
                assert await attach(journal, f"{ID}/{n}").get_final_text() == TEXT


@pytest.mark.anyio
@pytest.mark.parametrize(("max_recoveries", "lost"), [(0, 1), (1, 1), (3, 3)])
async def test_the_last_that_may_be_lost_is_the_last(max_recoveries: int, lost: int) -> None:
    whole = MemoryJournal()
    await read_durably(CONTINUE, Answer(TEXT), whole)
    journal = await killed_after(whole, ID, 2)
    attempt = (await records_of(journal, ID))[1].body
    for number in range(2, lost + 1):
        await lose(journal, {**attempt, "number": number})
    async with serving(TEXT) as (server, client):
        async with StreamHost(journal, client, max_recoveries=max_recoveries):
            with pytest.raises(StreamFailed) as raised:
                await attach(journal, ID).get_final_message()
        assert raised.value.diagnosis.code == "poison"
        assert server.requests == []
        # Who asks for it by name has it begun with new courage.
        async with resilient_stream(client, **ask(journal=journal, stream_id=ID)) as stream:
            assert await stream.get_final_text() == TEXT


async def lose(journal: MemoryJournal, attempt: dict[str, Any], stream_id: str = ID) -> None:
    """A writer that takes the stream, asks, and is lost."""
    state = await journal.look(stream_id)
    assert state is not None
    lease = await journal.take(state, encode(Record("takeover", {"head": state.head})), lease=20.0)
    assert lease is not None
    await journal.append(lease, [encode(Record("attempt", attempt))])
    await journal.release(lease)
