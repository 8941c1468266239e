"""What the tests of journals are written with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import anyio

from unbroken.journal import Ended, Entry, Journal, JournalError, Lease, StreamState

__all__ = [
    "ENDS",
    "LONG",
    "PATIENCE",
    "SHORT",
    "all_of",
    "data_of",
    "entries_of",
    "is_orphaned",
    "new",
    "numbered",
    "raises",
    "state_of",
    "until",
]

T = TypeVar("T")

#: A lease that does not run out while a test runs, and one that has run out when it is looked for; seconds.
LONG: Final = 1000.0
SHORT: Final = 0.05
#: How long something may take to come true, in seconds.
PATIENCE: Final = 30.0
ENDS: Final[tuple[Ended, ...]] = ("complete", "failed", "cancelled")


async def new(
    journal: Journal, stream_id: str, entry: bytes = b"", *, owner: bytes = b"", lease: float | None
) -> Lease:
    """A stream that there was not."""
    created = await journal.create(stream_id, entry, fingerprint=b"", owner=owner, lease=lease)
    assert isinstance(created, Lease)
    return created


async def state_of(journal: Journal, stream_id: str) -> StreamState:
    """How a stream stands that there is."""
    state = await journal.look(stream_id)
    assert state is not None
    return state


async def is_orphaned(journal: Journal, stream_id: str) -> bool:
    """Whether nobody writes it."""
    return (await state_of(journal, stream_id)).orphaned


async def entries_of(journal: Journal, stream_id: str) -> list[Entry]:
    """All that it has."""
    batch = await journal.read(stream_id, after=0, limit=1_000_000)
    assert batch is not None
    return list(batch.entries)


async def data_of(journal: Journal, stream_id: str) -> list[bytes]:
    """All that was written."""
    return [entry.data for entry in await entries_of(journal, stream_id)]


def numbered(count: int) -> list[bytes]:
    """So many entries, each of which says the how-many-th it is, from 0."""
    return [b"%d" % number for number in range(count)]


async def all_of(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What many calls return that are made at the same time."""
    results: dict[int, T] = {}

    async def run(number: int, call: Callable[[], Awaitable[T]]) -> None:
        results[number] = await call()

    async with anyio.create_task_group() as tasks:
        for number, call in enumerate(calls):
            tasks.start_soon(run, number, call)
    return [results[number] for number in range(len(calls))]


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Return when it is so; it has to come true in some time."""
    with anyio.fail_after(PATIENCE):
        while not await reached():  # noqa: ASYNC110  # it is another process that makes it true
            await anyio.sleep(0.005)


class raises:  # noqa: N801  # reads like that of pytest, which need not be there
    """Its body raises an error of exactly this class."""

    def __init__(self, error: type[JournalError]) -> None:
        self._error = error

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        assert kind is not None, f"{self._error.__name__} was not raised"
        return kind is self._error
