"""`python -m chat`, in the directory above: two workers behind one port, and a button that kills them.

They ask Claude with the key in ANTHROPIC_API_KEY, else a fault server.
"""

from __future__ import annotations

import argparse
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from unbroken.testing import FaultServer

from .storm import storm


def serve(port: int, workers: int, data: Path) -> None:
    """Serve the chat, to this machine alone, until it is interrupted. A worker that dies is replaced."""
    with ExitStack() as stack:
        who = "Claude"
        if not os.environ.get("ANTHROPIC_API_KEY"):
            server = stack.enter_context(FaultServer.in_thread(storm()))
            os.environ |= {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "none"}
            who = "a fault server (no ANTHROPIC_API_KEY)"
        os.environ |= {"CHAT_DATA": str(data.resolve()), "CHAT_CHAOS": "1"}
        port = port or free_port()
        print(f"http://127.0.0.1:{port}, answered by {who}; Ctrl-C ends it", flush=True)
        uvicorn.run(
            "chat.chaos:app",
            port=port,
            workers=workers,
            access_log=False,  # it would have the ids of chats
            timeout_worker_healthcheck=60,  # a busy machine takes its time to start one
            timeout_graceful_shutdown=5,
        )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found: int = listening.getsockname()[1]
        return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m chat", description="A chat whose answers outlive its processes.")
    parser.add_argument("--port", type=int, default=8000, help="the port; 0: any (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="how many processes (default: %(default)s)")
    parser.add_argument(
        "--data", type=Path, default=Path("chat-data"), help="where chats are kept (default: ./%(default)s)"
    )
    chosen = parser.parse_args()
    serve(chosen.port, chosen.workers, chosen.data)
