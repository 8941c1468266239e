"""That a worker is there: its connection is subscribed to a channel of its own, on which nobody ever publishes.

Others ask the server how many listen to it (`PUBSUB SHARDNUMSUB`). The kernel closes the connection of a process that
dies, so that this is known within milliseconds; what vanishes without a word is found out by its lease.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final, cast

import anyio

from ...concurrency.detached import Step, detach
from ..errors import JournalError
from .link import Link

if TYPE_CHECKING:
    from coredis.connection import BaseConnection

__all__ = ["Presence", "subscribe"]

#: How soon a connection that was lost is made again, at first and at most, in seconds: before others take it for gone.
_FIRST: Final = 0.01
_LAST: Final = 0.25


async def subscribe(connection: BaseConnection, channel: str) -> None:
    """Subscribe a new connection, on which nothing else has been asked for.

    The answer to a subscription is no reply but a message of its own; only a refusal is a reply. So it is the next
    command that tells: its own reply, or the refusal.

    Raises:
        coredis.exceptions.RedisError: The server refuses it.
    """
    connection.send_command(b"SSUBSCRIBE", channel)
    await connection.create_request(b"CLIENT ID")


class Presence:
    """Sees to it that the connection is there, also while nothing is asked of it.

    Args:
        link: The connection, which subscribes itself.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._step: Step = detach(self._run)

    async def close(self) -> None:
        """From now on it is not seen to. Call it under a shield."""
        await self._step.cancel()

    async def _run(self) -> None:
        delay = _FIRST
        while True:
            with suppress(JournalError):
                connection = await self._link.connection()
                delay = _FIRST
                await self._stay(connection)
            await anyio.sleep(delay)
            delay = min(2 * delay, _LAST)

    async def _stay(self, connection: BaseConnection) -> None:
        """Return once the connection is lost, or the subscription."""
        from coredis.exceptions import ConnectionError as Lost

        with suppress(Lost):
            async with aclosing(cast("Any", connection.push_messages)) as messages:
                async for kind, *_ in cast("AsyncIterator[list[object]]", messages):
                    if kind == b"sunsubscribe":  # the keys have moved to another server of the cluster
                        self._link.drop(connection)
                        return
