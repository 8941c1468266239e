"""The fault server in a process of its own: orders come in as lines of JSON, and answers go out as such.

`{"play": case, "pair": pair, "manner": manner}` begins a case, and is answered with the server's URL; `{"requests":
true}` is answered with what arrived since.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
import anyio.to_thread

from benchmarks.survival.cases import CASES, PAIRS
from unbroken.testing import FaultServer, Manner, Request

__all__ = ["told"]


def told(request: Request) -> dict[str, Any]:
    """What the benchmark wants to know of a request."""
    return {
        "model": request.model,
        "status": request.status,
        "whole": request.whole,
        "fault": bool(request.faults),
        "text": len(request.sent_text),
    }


async def serve() -> None:
    """Play until there are no more orders."""
    cases = {case.name: case for case in CASES}
    pairs = {pair.name: pair for pair in PAIRS}
    begun = 0
    async with FaultServer() as server:
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            order = json.loads(line)
            if "play" in order:
                begun = len(server.requests)
                await server.play(cases[order["play"]].script(pairs[order["pair"]], Manner(order["manner"])))
                answer: Any = server.url
            else:
                answer = [told(request) for request in server.requests[begun:] if request.path == "/v1/messages"]
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    anyio.run(serve)
