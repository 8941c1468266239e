"""The fault server in the server's namespace: `python -m benchmarks.networks.serving LATE`.

It says where it is in a line of JSON, `{"port": 40001}`, and then how many requests have come, `{"requests": 3}`, each
time there are more; it ends with its input.
"""

from __future__ import annotations

import json
import sys

import anyio
import anyio.to_thread

from benchmarks.networks.answer import PACE, TEXT
from unbroken.testing import BEFORE_RESPONSE, Answer, FaultServer, Script, Silence

__all__ = ["BEGINS_LATE"]

#: Seconds that a request waits for its first byte, where the network is to break before it.
BEGINS_LATE = 1.0
#: Seconds between two looks at the requests.
_EVERY = 0.05


async def serve(late: int) -> None:
    """Answer, the first `late` requests after a pause."""
    script = Script(Answer(TEXT, pace=PACE), faults=[Silence(BEGINS_LATE, at=BEFORE_RESPONSE)] * late)
    async with FaultServer(script) as server, anyio.create_task_group() as tasks:
        _say("port", int(server.url.rpartition(":")[2]))

        async def count() -> None:
            told = 0
            while True:
                await anyio.sleep(_EVERY)
                if len(server.requests) > told:
                    told = len(server.requests)
                    _say("requests", told)

        tasks.start_soon(count)
        await anyio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
        tasks.cancel_scope.cancel()


def _say(name: str, number: int) -> None:
    print(json.dumps({name: number}), flush=True)


if __name__ == "__main__":
    anyio.run(serve, int(sys.argv[1]))
