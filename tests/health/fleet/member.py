"""A process of a fleet: it says on its output what became of what it is told on its input, line by line.

`python member.py URL OPTIONS`, where OPTIONS are arguments of `SharedHealth`, as JSON. Orders: `look`, `fail N`,
`cool S`, `enter`, `insist`, `answer`, `drain`, `snapshot`. The client and the key are the same in all.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread

from unbroken import SharedHealth
from unbroken.core.failure import Kind, of_kind

MODEL = "claude-opus-5-5"


class Client:
    api_key = "sk-ant-canary"
    base_url = "http://api.test"


CLIENT = Client()


async def main(url: str, options: str) -> None:
    health = SharedHealth(url, **json.loads(options))
    permit = None

    def fail(kind: Kind, **changes: Any) -> None:
        entered = health.enter(CLIENT, MODEL, insist=True)
        assert entered is not None
        entered.failed(replace(of_kind(kind, RuntimeError(kind)), **changes), cut=False)

    def done(order: str, *arguments: str) -> Any:
        nonlocal permit
        match order:
            case "look":
                ready = health.readiness(CLIENT, MODEL)
                return [ready.open_for, ready.cool_for, ready.failing]
            case "fail":
                for _ in range(int(arguments[0])):
                    fail(Kind.OVERLOADED)
            case "cool":
                fail(Kind.RATE_LIMITED, retry_after=float(arguments[0]))
            case "enter":
                health.readiness(CLIENT, MODEL)
                permit = health.enter(CLIENT, MODEL) or permit
                return permit is not None
            case "insist":
                ready = health.readiness(CLIENT, MODEL)
                return [health.enter(CLIENT, MODEL, insist=True) is not None, ready.failing]
            case "answer":
                assert permit is not None
                permit.content(0.1)
            case "drain":
                taken = 0
                while not health.take_retry():
                    taken += 1
                return taken
            case "snapshot":
                return health.snapshot()
            case _:
                raise AssertionError(order)
        return None

    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        print(json.dumps(done(*line.split())), flush=True)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:3], backend=sys.argv[3])
