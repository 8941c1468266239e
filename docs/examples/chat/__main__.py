"""`python -m chat`, in the directory above: it asks Claude with the key in ANTHROPIC_API_KEY, else a fault server."""

from __future__ import annotations

import argparse
import os
import socket
from contextlib import AsyncExitStack, suppress

import anyio
import uvicorn
from anthropic import AsyncAnthropic

from unbroken.testing import FaultServer

from .answering import Model
from .app import make_app
from .chats import Chats
from .storm import storm


class _Server(uvicorn.Server):
    """Lets go of the pages when it ends; otherwise it would wait for them."""

    def __init__(self, config: uvicorn.Config, chats: Chats) -> None:
        super().__init__(config)
        self._chats = chats

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._chats.hang_up()
        await super().shutdown(sockets)


async def serve(port: int, pace: float | None) -> None:
    """Serve the chat, to this machine alone, until it is interrupted."""
    async with AsyncExitStack() as stack:
        if os.environ.get("ANTHROPIC_API_KEY"):
            client, who = AsyncAnthropic(), "Claude"
        else:
            server = await stack.enter_async_context(FaultServer(storm()))
            client, who = AsyncAnthropic(base_url=server.url, api_key="none"), "a fault server (no ANTHROPIC_API_KEY)"
        await stack.enter_async_context(client)
        chats = Chats()
        app = make_app(Model(client, pace=pace), chats)
        # An access log would have the ids of chats.
        config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=5)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        print(f"http://127.0.0.1:{listening.getsockname()[1]}, answered by {who}; Ctrl-C ends it", flush=True)
        await _Server(config, chats).serve([listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m chat", description="A chat that survives overload.")
    parser.add_argument("--port", type=int, default=8000, help="the port; 0: any (default: %(default)s)")
    parser.add_argument("--pace", type=float, help="characters a second, for an even pace (needs unbroken[pipe])")
    chosen = parser.parse_args()
    with suppress(KeyboardInterrupt):
        anyio.run(serve, chosen.port, chosen.pace)
