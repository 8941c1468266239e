"""What a journal has of a stream when all is over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from unbroken.durable.entries import decode
from unbroken.journal import Journal, Status

__all__ = ["Log", "read_log"]

_MANY = 1000


@dataclass(slots=True)
class Log:
    """A stream's log.

    Attributes:
        status: How the stream stands.
        text: That it has.
        begun: How many `message_start` it has.
        stopped: How many `message_stop`.
        ends: How it has ended: one outcome, or some failures before that, after which it was asked for once more.
        takeovers: How often another has gone on.
        attempts: How many requests were written down.
        late: How many of them although all of the message was there.
        told: How the requests went, where that was written down.
        gaps: What is wrong with the numbers of its entries.
        created: Seconds since the epoch.
    """

    status: Status
    created: float = 0.0
    text: str = ""
    begun: int = 0
    stopped: int = 0
    ends: list[str] = field(default_factory=list)
    takeovers: int = 0
    attempts: int = 0
    late: int = 0
    told: Counter[str] = field(default_factory=Counter)
    gaps: list[str] = field(default_factory=list)


async def read_log(journal: Journal, stream_id: str) -> Log | None:
    """A stream's log; None: there is no such stream."""
    state = await journal.look(stream_id)
    if state is None:
        return None
    log = Log(state.status, state.created)
    seq, fence, ended = 0, 1, False
    pieces: list[str] = []
    while (batch := await journal.read(stream_id, after=seq, limit=_MANY)) is not None and batch.entries:
        for entry in batch.entries:
            kind, body = decode(entry.data)
            if entry.seq != seq + 1:
                log.gaps.append(f"entry {entry.seq} stands behind entry {seq}")
            if entry.fence != fence and not (entry.fence == fence + 1 and kind == "takeover"):
                log.gaps.append(f"entry {entry.seq} is of writer {entry.fence}, without a word, behind writer {fence}")
            seq, fence = entry.seq, entry.fence
            match kind:
                case "takeover":
                    log.takeovers += 1
                case "attempt":
                    log.attempts += 1
                    log.late += ended
                case "told":
                    log.told[str(body.get("outcome"))] += 1
                case "end":
                    code = (body.get("diagnosis") or {}).get("code")
                    log.ends.append(f"{body.get('outcome')}{f' ({code})' if code else ''}")
                case "event":
                    ended |= _take(log, pieces, body)
    log.text = "".join(pieces)
    return log


def _take(log: Log, pieces: list[str], event: dict[str, Any]) -> bool:
    """Take an event; whether nothing of the message can come behind it but its stop."""
    match event["type"]:
        case "message_start":
            log.begun += 1
        case "message_stop":
            log.stopped += 1
        case "content_block_delta":
            pieces.append(event["delta"].get("text", ""))
        case "message_delta":
            return True
    return False
