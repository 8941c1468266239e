"""One opening of a journal: its connections, what runs in the background, and the scripts' common arguments."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from ...logs import log
from ..errors import JournalError, JournalUnavailable
from .address import Address
from .claims import Claims
from .commits import Commits
from .link import Link
from .presence import Presence, subscribe
from .scripts import VERSION
from .tail import Tail

if TYPE_CHECKING:
    from coredis.connection import BaseConnection

__all__ = ["Session"]


class Session:
    """A journal that is open.

    Args:
        address: Of the server.
        base: What the names of all keys begin with.
        absence: Seconds for which a worker has to be away to count as gone. None: nobody looks.
        timeout: Seconds in which the server has to answer.
        limits: The most bytes of a stream, and for how many milliseconds its keys are kept: without a writer, and after
            its end.
    """

    def __init__(
        self, address: Address, base: str, absence: float | None, timeout: float, limits: tuple[int, int, int]
    ) -> None:
        #: Of this opening: who opens the journal again is another, and holds nothing of this one.
        self.worker: str = secrets.token_hex(8)
        self.claims: Claims = Claims(self.worker, self.run)
        self._address = address
        self._base = base
        self._timeout = timeout
        self._limits = limits
        self._watched = absence is not None
        self._common = (base, self.worker, -1 if absence is None else round(absence * 1000))
        self.commands: Link = Link(address, "unbroken", timeout, self._prepare)
        self._blocking = Link(address, "unbroken-tail", timeout)
        self._presence: Presence | None = None
        self._commits: Commits | None = None
        self._tail: Tail | None = None

    async def start(self) -> None:
        """Open it.

        Raises:
            JournalUnavailable: The server cannot be reached.
            JournalError: It is too old, or what it has is of another version of this library.
        """
        found, bell = await self.run("open", VERSION)
        if found != VERSION:
            raise JournalError(
                f"the journal {self._base} at {self._address} was written by another version of unbroken "
                f"(schema {found.decode(errors='replace')[:20]!a}, not {VERSION.decode()})"
            )
        self._commits = Commits(self.run, self._limits)
        self._tail = Tail(self._base, self._blocking, self.commands, self._common, bell.decode())
        if self._watched:
            self._presence = Presence(self.commands)
        await self._check_eviction()

    @property
    def commits(self) -> Commits:
        """Of all streams of this process."""
        assert self._commits is not None
        return self._commits

    @property
    def tail(self) -> Tail:
        """For all who wait in this process."""
        assert self._tail is not None
        return self._tail

    async def run(self, script: str, *args: bytes | str | int) -> Any:
        """Run a script; see `Link.run`."""
        return await self.commands.run(script, *self._common, *args)

    async def close(self) -> None:
        """Leave what is held to others, and close all. It waits no longer than the server may take for an answer."""
        with anyio.CancelScope(shield=True):
            if self._presence is not None:
                await self._presence.close()
            if self._tail is not None:
                with anyio.move_on_after(self._timeout), suppress(JournalError):
                    while await self.run("leave"):
                        pass
            for part in (self._tail, self._commits, self._blocking, self.commands):
                if part is not None:
                    await part.close()

    # -- inside

    async def _prepare(self, connection: BaseConnection) -> None:
        version = connection.server_version or "0"
        if int(version.partition(".")[0]) < 7:
            raise JournalError(f"Redis at {self._address} is of version {version}; a journal needs 7.0, or Valkey")
        if self._watched:
            await subscribe(connection, f"{self._base}:alive:{self.worker}")

    async def _check_eviction(self) -> None:
        try:
            info: bytes = await self.commands.ask(b"INFO", b"memory")
        except JournalUnavailable:
            raise
        except JournalError:
            return  # this user may not ask
        policy = dict(line.partition(b":")[::2] for line in info.splitlines()).get(b"maxmemory_policy", b"noeviction")
        if policy != b"noeviction":
            log(
                logging.WARNING,
                "Redis at %s evicts keys when its memory is full (maxmemory-policy %s), and streams with them; "
                "set it to noeviction.",
                self._address,
                policy.decode(errors="replace"),
            )
