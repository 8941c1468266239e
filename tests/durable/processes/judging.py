"""What must hold of a stream that several processes have written, for each who has read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.durable.killed import entries_of
from tests.durable.processes.work import plain
from tests.e2e.test_whole_messages import assert_whole

from harness import Reading
from unbroken import Partial, attach
from unbroken.core.wire.deltas import as_delta
from unbroken.durable.entries import Stored, decode
from unbroken.journal import Journal
from unbroken.testing import Answer, FaultServer

__all__ = [
    "Log",
    "asked_for",
    "assert_agrees",
    "assert_in_order",
    "assert_one_message",
    "log_of",
    "pairs_of",
    "read_attached",
    "seen",
]


class Log:
    """A stream's log.

    Attributes:
        entries: All of it.
    """

    def __init__(self, entries: Sequence[Stored]) -> None:
        self.entries = entries

    @property
    def kinds(self) -> list[str]:
        """What each entry is."""
        return [str(entry.kind) for entry in self.entries]

    @property
    def pairs(self) -> list[Any]:
        """What a reader from the start gets: positions and events."""
        return [[entry.position, entry.body] for entry in self.entries if entry.kind == "event"]

    @property
    def takeovers(self) -> int:
        """How often another has gone on."""
        return self.kinds.count("takeover")

    @property
    def attempts(self) -> int:
        """How many requests were written down."""
        return self.kinds.count("attempt")


async def log_of(journal: Journal, stream_id: str) -> Log:
    """A stream's log, whose numbers have no gap, and whose fences never fall."""
    entries = await entries_of(journal, stream_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    fences = [entry.fence for entry in entries]
    assert fences == sorted(fences)
    log = Log([Stored(entry.fence, entry.seq, *decode(entry.data)) for entry in entries])
    # Whoever takes a stream says so first, and nobody else does.
    begun = [entry.kind for at, entry in enumerate(log.entries) if at and entry.fence != log.entries[at - 1].fence]
    assert begun == ["takeover"] * (fences[-1] - 1)
    assert log.takeovers == fences[-1] - 1
    return log


async def pairs_of(journal: Journal, stream_id: str, after: str | None) -> list[Any]:
    """What a reader gets now."""
    return [[position, plain(event)] async for position, event in attach(journal, stream_id, after=after).entries]


async def read_attached(journal: Journal, stream_id: str, after: str | None = "0") -> Reading:
    """A stream, read to its end as the SDK's events."""
    reading = Reading()
    async with attach(journal, stream_id, after=after) as stream:
        async for event in stream:
            reading.events.append(event)
        reading.message = await stream.get_final_message()
        reading.partial = stream.partial
        reading.report = stream.report
    return reading


def seen(pairs: Sequence[Any]) -> Any:
    """What these events come to."""
    partial = Partial()
    for _, event in pairs:
        partial.apply(as_delta(event) if event["type"] == "content_block_delta" else event)
    return json.loads(json.dumps(partial.to_dict(), default=str)) | {"sequence": None}


def asked_for(server: FaultServer, stream_id: str) -> list[Any]:
    """The requests of one stream, which has its id in its question."""
    return [request for request in server.requests if f"[{stream_id}]" in json.dumps(request.body["messages"][0])]


async def assert_one_message(journal: Journal, stream_id: str, answer: Answer, server: FaultServer) -> Log:
    """The message is whole and there once, for who comes late too; nothing was asked for more often than needed."""
    log = await log_of(journal, stream_id)
    types = [event["type"] for _, event in log.pairs]
    assert types[0] == "message_start"
    assert types[-1] == "message_stop"
    assert types.count("message_start") == types.count("message_stop") == 1
    assert log.kinds[-1] == "end"
    assert log.kinds.count("end") == 1
    assert log.entries[-1].body["outcome"] == "complete"
    asked = asked_for(server, stream_id)
    # Each was written down before it was sent, and each takeover costs one resume at the most.
    assert len(asked) <= log.attempts <= 1 + log.takeovers
    assert await pairs_of(journal, stream_id, "0") == log.pairs
    middle = log.pairs[len(log.pairs) // 2][0]
    assert await pairs_of(journal, stream_id, middle) == log.pairs[len(log.pairs) // 2 + 1 :]
    late = await pairs_of(journal, stream_id, None)
    assert late[-1][0] == log.pairs[-1][0]
    assert seen(late) == seen(log.pairs)
    for after in ("0", None):
        assert_whole(await read_attached(journal, stream_id, after), answer, server)
    return log


def assert_in_order(log: Log) -> None:
    """A beginning, blocks one after the other, an end, and nothing behind it."""
    types = [event["type"] for _, event in log.pairs]
    assert types[:1] in ([], ["message_start"])
    assert types.count("message_start") <= 1
    assert types.count("message_stop") <= 1
    assert "message_stop" not in types[:-1]
    started = [event["index"] for _, event in log.pairs if event["type"] == "content_block_start"]
    assert started == list(range(len(started)))
    assert log.kinds.count("end") <= 1
    assert "end" not in log.kinds[:-1]


def assert_agrees(after: str | None, pairs: list[Any], log: Log, *, has_ended: bool) -> None:
    """What a reader has is what the journal has, from where it began to read: to the end, where it has that."""
    if not pairs:
        return
    if after is None:
        shown = [position for position, _ in pairs if position != "0"]
        if not shown:
            return  # it is in the middle of a snapshot
        upto = [position for position, _ in log.pairs].index(shown[0])
        snapshot = [pair for pair in pairs if pair[0] == "0"]
        assert seen(pairs[: len(snapshot) + 1]) == seen(log.pairs[: upto + 1])
        pairs, rest = pairs[len(snapshot) :], log.pairs[upto:]
        assert [position for position, _ in pairs] == [position for position, _ in rest[: len(pairs)]]
        assert pairs[1:] == rest[1 : len(pairs)]
    else:
        behind = 0 if after == "0" else 1 + [position for position, _ in log.pairs].index(after)
        rest = log.pairs[behind:]
        assert pairs == rest[: len(pairs)]
    assert len(pairs) == len(rest) or not has_ended
