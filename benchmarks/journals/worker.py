"""A host in a process of its own, which is killed, stopped, or asked to leave."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

from benchmarks.journals.stores import journal_at
from benchmarks.speed.readers import connect
from unbroken import StreamHost

ASKED: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 10_000,
    "messages": [{"role": "user", "content": "Tell me of the lighthouse."}],
}


async def main(address: str, url: str, start: list[str], lease: float) -> None:
    leaving = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leaving.set)
    async with (
        connect(url) as client,
        journal_at(address) as journal,
        StreamHost(journal, client, lease=lease) as host,
    ):
        for stream_id in start:
            await host.start(stream_id, **ASKED)
        print("ready", flush=True)
        await leaving.wait()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asyncio.run(main(given["address"], given["url"], given["start"], given["lease"]))
