"""A process that writes: it says on its output what it has done, and goes on until it is killed.

`python worker.py URL PREFIX BACKEND WHAT...`, where WHAT is `hold ID LEASE`, to create a stream and keep it; or
`write ID`, to append numbers without end; or `race N`, to take each of N streams that nobody holds.
"""

from __future__ import annotations

import sys

import anyio

from unbroken.journal import Lease
from unbroken.journal.redis import RedisJournal


def say(*words: object) -> None:
    print(*words, flush=True)


async def main(url: str, prefix: str, what: str, *arguments: str) -> None:
    async with RedisJournal(url, prefix=prefix, timeout=30) as journal:
        match what:
            case "hold":
                stream_id, lease = arguments
                got = await journal.create(stream_id, b"first", fingerprint=b"", owner=b"", lease=float(lease))
                assert isinstance(got, Lease)
                say("holds", stream_id)
                await anyio.sleep_forever()
            case "write":
                (stream_id,) = arguments
                got = await journal.create(stream_id, b"first", fingerprint=b"", owner=b"", lease=60)
                assert isinstance(got, Lease)
                while True:
                    await journal.append(got, [b"%d" % (got.head + 1)])
                    say(got.head)
            case "race":
                say("ready")
                sys.stdin.readline()
                for number in range(int(arguments[0])):
                    state = await journal.look(f"race/{number}")
                    assert state is not None
                    if await journal.take(state, b"taken", lease=60):
                        say("got", number)
                say("done")
                sys.stdin.readline()


if __name__ == "__main__":
    url, prefix, backend, *rest = sys.argv[1:]
    anyio.run(main, url, prefix, *rest, backend=backend)
