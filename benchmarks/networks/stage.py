"""A network with the fault server in it, which can be killed and come back."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from benchmarks.networks.topology import Network

__all__ = ["Stage", "lines"]


async def lines(process: Process) -> AsyncIterator[dict[str, Any]]:
    """What a process says, line by line, each of them JSON."""
    assert process.stdout is not None
    rest = ""
    async for text in TextReceiveStream(process.stdout):
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield json.loads(line)


class Stage:
    """A network and its server.

    Args:
        network: In which it stands.
        late: How many requests wait for their first byte.

    Attributes:
        network: The same.
        said: What the server says from here on.
    """

    def __init__(self, network: Network, late: int = 0) -> None:
        self.network = network
        self._late = late
        self._server: Process | None = None
        self._said: AsyncIterator[dict[str, Any]] | None = None

    async def start_server(self) -> None:
        """Start it, and lead the server's port to it. Where it comes back, nothing is late any more."""
        late, self._late = self._late, 0
        command = [sys.executable, "-m", "benchmarks.networks.serving", str(late)]
        self._server = await anyio.open_process([*self.network.at(self.network.server), *command], stderr=None)
        self._said = lines(self._server)
        said = await anext(self._said)
        await self.network.door(said["port"])

    async def requests(self, number: int) -> None:
        """Wait until so many have come."""
        assert self._said is not None
        async for said in self._said:
            if said["requests"] >= number:
                return

    async def kill_server(self) -> None:
        """`kill -9`: the kernel closes its connections, and refuses new ones."""
        assert self._server is not None
        self._server.kill()
        await self._server.wait()
        await self._server.aclose()
        self._server = None

    async def close(self) -> None:
        """End the server, if it still runs."""
        if self._server is not None:
            await self.kill_server()
