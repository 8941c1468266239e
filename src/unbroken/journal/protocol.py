"""What a journal is: logs of bytes, one for each stream, which are their own locks.

A journal knows nothing of Claude, nor of what an entry says. It keeps for each stream a log of entries, numbered from 1
without a gap, and one *fence*: a number that grows by one each time the stream gets another writer. Every append names
the fence and the number of the last entry that its writer knows of, and is refused where either is another. So there
is one writer at a time, whatever clocks, pauses and networks do; leases and presence only say when others may try.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self, runtime_checkable

__all__ = [
    "Batch",
    "Codec",
    "Ended",
    "Entry",
    "Held",
    "Journal",
    "Lease",
    "Status",
    "StreamState",
]

#: How a stream has ended.
Ended = Literal["complete", "failed", "cancelled"]
#: How a stream stands. A `"live"` one has a writer, or waits for one.
Status = Literal["live", "complete", "failed", "cancelled"]


class Entry(NamedTuple):
    """One entry of a stream's log.

    Attributes:
        fence: Under which it was written.
        seq: Its number, from 1 without a gap; it goes on growing over all fences.
        data: What the writer gave.
    """

    fence: int
    seq: int
    data: bytes


class Codec(NamedTuple):
    """What is done to every entry on its way into the journal, and undone on its way out: encryption, compression.

    Both are given the stream's id and the entry's number, which a cipher takes for its associated data: an entry that
    somebody has moved is then not read.

    Attributes:
        encode: Bytes, stream id and number to bytes.
        decode: The reverse. What it raises is `JournalCorrupt` for the reader.
    """

    encode: Callable[[bytes, str, int], bytes]
    decode: Callable[[bytes, str, int], bytes]


@dataclass(slots=True)
class Lease:
    """The right to write one stream, until another takes it.

    Attributes:
        stream_id: Whose.
        fence: The stream's, when the right was given.
        head: The number of the last entry that was written. `append` moves it.
    """

    stream_id: str
    fence: int
    head: int


@dataclass(frozen=True, slots=True)
class StreamState:
    """How a stream stands, without its entries.

    Attributes:
        stream_id: Whose state it is.
        fence: Of its last writer, from 1.
        head: The number of its last entry.
        status: Whether it lives, or how it has ended.
        fingerprint: What `create` was given.
        owner: What `create` was given.
        orphaned: Whether it lives and nobody writes it: its writer has released it, is not there any more, or has let
            its lease run out. It may be taken.
        stopping: Whether somebody has asked for its end (`Journal.cancel`).
        created: Seconds since the epoch, by the clock of who created it.
        ended: Likewise, of its end; None while it lives.
        size: Of its entries together, in bytes.
    """

    stream_id: str
    fence: int
    head: int
    status: Status
    fingerprint: bytes
    owner: bytes
    orphaned: bool
    stopping: bool
    created: float
    ended: float | None
    size: int


class Batch(NamedTuple):
    """What `Journal.read` has found.

    Attributes:
        entries: In their order, without a gap; empty where there is nothing behind the position that was named.
        state: The stream, not older than they are.
    """

    entries: Sequence[Entry]
    state: StreamState


class Held(NamedTuple):
    """What `Journal.hold` has found.

    Attributes:
        stop: The ids of those for whose end somebody has asked.
        lost: The ids of those that another has taken, or that are gone.
    """

    stop: frozenset[str]
    lost: frozenset[str]


@runtime_checkable
class Journal(Protocol):
    """Where streams are written down. `unbroken.testing.journal` is the test suite for your own.

    A journal is an async context manager; its methods may be called by any number of tasks at a time, of the event loop
    in which it was entered. Cancelling a call may leave its work done or not done, as a lost connection does.

    Every method may raise `JournalUnavailable`: it may be called again with the same arguments, and does nothing twice.

    Attributes:
        codec: Applied by whoever writes and reads entries, not by the journal. None: they are stored as they are.
        orphan_poll: How often `orphans` and `wait` may be asked who is gone, in seconds: what that costs here.
    """

    codec: Codec | None
    orphan_poll: float

    async def __aenter__(self) -> Self:
        """Open it."""
        ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close it. What this process holds is for others to take from then on."""
        ...

    async def create(
        self, stream_id: str, entry: bytes, *, fingerprint: bytes, owner: bytes, lease: float | None
    ) -> Lease | StreamState:
        """Begin a stream, with its first entry, if there is none of that id.

        Args:
            stream_id: At most 200 of `[A-Za-z0-9._:/-]`; the caller has seen to that.
            entry: The data of entry 1.
            fingerprint: At most 64 bytes, for the caller to compare.
            owner: At most 64 bytes, for `purge` and for the caller to compare. Empty: nobody's.
            lease: Seconds for which the stream is held without a `hold` or an `append`. None: it is not held at all; it
                waits for whoever takes it.

        Returns:
            The lease of the new stream, with `fence` 1 and `head` 1; or the state of the one that there is.
        """
        ...

    async def take(self, state: StreamState, entry: bytes, *, lease: float, force: bool = False) -> Lease | None:
        """Become the writer of a stream, and write the first entry under the new fence: both or neither.

        Args:
            state: The stream as `look` or `read` has shown it. Its fence and head have to be those still.
            entry: The data of entry `state.head + 1`.
            lease: Seconds, as for `create`.
            force: Whether the stream is taken from a writer that is at work.

        Returns:
            The lease; `fence` is `state.fence + 1`. None: it is not as `state` says any more, or may not be taken: it
            is complete or cancelled, or lives and has a writer that is there. One that has failed may be taken, and
            lives from then on; `stopping` is forgotten.
        """
        ...

    async def append(self, lease: Lease, entries: Sequence[bytes], *, end: Ended | None = None) -> bool:
        """Write entries behind `lease.head`, all or none of them, and move it; they are numbered in their order.

        It returns when they are as safe as the journal makes them. Appends to many streams at a time share what that
        costs. A second call with a lease that was not moved, since the first has raised `JournalUnavailable`, does
        nothing if the first has been done after all.

        Args:
            lease: Whose writer this is. Its time begins anew.
            entries: The data of each. Empty: nothing but `end`.
            end: How the stream has ended: nothing can be appended any more, and nobody holds it.

        Returns:
            Whether somebody has asked for the stream's end.

        Raises:
            Fenced: Another has taken the stream, or it has ended.
            StreamGone: There is no such stream any more, or it has lost entries that were acknowledged.
            JournalFull: There is no room for them: not for this stream, or for none.
        """
        ...

    async def hold(self, leases: Sequence[Lease], seconds: float) -> Held:
        """Let the time of these leases begin anew, and see what others want of them."""
        ...

    async def release(self, lease: Lease) -> None:
        """Leave a stream to whoever takes it next. Does nothing where it is another's by now, or has ended."""
        ...

    async def look(self, stream_id: str) -> StreamState | None:
        """How a stream stands; None: there is none."""
        ...

    async def read(self, stream_id: str, *, after: int, limit: int = 1000) -> Batch | None:
        """The entries behind number `after` (0: from the first), at most `limit` of them; None: there is no stream."""
        ...

    async def wait(self, after: Mapping[str, int], seconds: float) -> Collection[str]:
        """Wait until one of these streams may have something behind the number that is named, or has ended.

        It may return early or late for no reason: it only saves asking, and what counts is `read`. It costs the same
        for one stream as for many, and is called once at a time for each process.

        Args:
            after: By stream id, the number of the last entry that is known.
            seconds: The longest that it may take.

        Returns:
            The ids of those that may have something new, so that not all have to be read; empty where time is up.
        """
        ...

    async def cancel(self, stream_id: str) -> bool:
        """Ask for a stream's end, wherever it is written. False: it does not live."""
        ...

    async def orphans(self, limit: int = 100) -> list[str]:
        """The ids of streams that live and may be taken, those first that were created first."""
        ...

    async def streams(self, *, after: str = "", limit: int = 1000) -> list[StreamState]:
        """The streams that there are, in the order of their ids (by code point), from behind `after`."""
        ...

    async def purge(self, *, owner: bytes | None = None, stream_id: str | None = None) -> int:
        """Delete streams for good, in small steps.

        Args:
            owner: All of this owner, whatever they are at. None, with no `stream_id` either: those whose time is over
                (the journal's `retention` since their end, its `orphan_retention` since anybody has written them).
            stream_id: This one, whatever it is at.

        Returns:
            How many were deleted.
        """
        ...
