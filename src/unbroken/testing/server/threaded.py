"""The fault server as synchronous code sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from unbroken.testing.script.script import Answer, Script
    from unbroken.testing.services.batch import Batch
    from unbroken.testing.services.service_status import ServiceStatus
    from unbroken.testing.wire.record import Connection, Request

__all__ = ["ThreadedFaultServer"]


class Server(Protocol):
    """What is asked of a `FaultServer`, which makes its threaded face itself."""

    requests: list[Request]
    connections: list[Connection]
    status: ServiceStatus

    @property
    def url(self) -> str: ...

    @property
    def batches(self) -> list[Batch]: ...

    @property
    def open_connections(self) -> list[Connection]: ...

    async def play(self, script: Script | Answer | str) -> None: ...

    async def stop_listening(self) -> None: ...

    async def listen(self) -> None: ...

    async def all_closed(self) -> None: ...


class ThreadedFaultServer:
    """A `FaultServer` in a thread, as synchronous code sees it. `FaultServer.in_thread` makes one."""

    def __init__(self, server: Server, portal: BlockingPortal) -> None:
        self._server = server
        self._portal = portal
        self.url: str = server.url

    @property
    def requests(self) -> list[Request]:
        """As in `FaultServer`."""
        return self._server.requests

    @property
    def connections(self) -> list[Connection]:
        """As in `FaultServer`."""
        return self._server.connections

    @property
    def batches(self) -> list[Batch]:
        """As in `FaultServer`."""
        return self._server.batches

    @property
    def status(self) -> ServiceStatus:
        """As in `FaultServer`."""
        return self._server.status

    @status.setter
    def status(self, status: ServiceStatus) -> None:
        self._server.status = status

    @property
    def open_connections(self) -> list[Connection]:
        """As in `FaultServer`."""
        return self._server.open_connections

    def play(self, script: Script | Answer | str) -> None:
        """As in `FaultServer`."""
        self._portal.call(self._server.play, script)

    def stop_listening(self) -> None:
        """As in `FaultServer`."""
        self._portal.call(self._server.stop_listening)

    def listen(self) -> None:
        """As in `FaultServer`."""
        self._portal.call(self._server.listen)

    def all_closed(self, timeout: float = 5.0) -> None:
        """Wait until no connection is open.

        Args:
            timeout: For how many seconds, at most.

        Raises:
            TimeoutError: If one is still open then.
        """

        async def wait() -> None:
            with anyio.fail_after(timeout):
                await self._server.all_closed()

        self._portal.call(wait)
