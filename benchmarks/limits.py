"""What `Health(limits=Limits())` costs a request that meets no limit, in microseconds of CPU.

    python -m benchmarks.limits

It is all that a stream does for its limits: its input is estimated, its bucket looked up, a place taken, the headers
of its response read, and its answer and its end told. The goal is 20 µs. A neighbour on the machine makes it more: the
least of some rounds is told.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import anyio
import httpx2

from unbroken import Health, Limits, Report
from unbroken.core.plan.steps import Ask
from unbroken.core.requests.resume_state import ResumeState
from unbroken.core.requests.routed import Requests
from unbroken.engine.turn import Turns
from unbroken.engine.waits import Waits
from unbroken.report import AttemptReport
from unbroken.reporting.notifier import Notifier
from unbroken.routes import Route
from unbroken.testing.wire.dialects import Dialect

__all__ = ["measure"]

_MODEL: Final = "claude-opus-5-5"
_STEP: Final = Ask(0, "request")
_NOTHING: Final = ResumeState()


class _Client:
    """What a gate is kept by."""


async def measure(requests: int, rounds: int) -> float:
    """Seconds of CPU for one request: those of the fastest round.

    Args:
        requests: How many are in a round.
        rounds: How many there are.
    """
    client, limiter = _Client(), Health(limits=Limits(concurrency="adaptive", requests_per_minute=1e9)).limiter
    assert limiter is not None
    routes = [Route(model=_MODEL, client=client)]
    asked = {"model": _MODEL, "max_tokens": 1024, "messages": [{"role": "user", "content": "What is a lighthouse?"}]}
    routed = Requests(asked, routes, Health().models)
    notifier = Notifier(Report(), 0.0, None)
    dialect = Dialect()
    response = httpx2.Headers({**dialect.headers("req_1"), **dialect.accepted(datetime.now(UTC))})
    used = AttemptReport(1, 0, _MODEL, "request", 0.0, input_tokens=12, output_tokens=200)
    fastest = float("inf")
    for _ in range(rounds):
        begun = time.thread_time()
        for _ in range(requests):
            turns = Turns(limiter, routes, routed, notifier, Waits())
            place = await turns.wait(_STEP, _NOTHING, ready=bool)
            assert place is not None
            place.sends(used)
            place.told(response.raw)
            place.answered()
            place.ended()
        fastest = min(fastest, (time.thread_time() - begun) / requests)
    return fastest


def main() -> None:
    """Print it."""
    print(f"{1e6 * anyio.run(measure, 2_000, 20):.1f} µs of CPU a request")


if __name__ == "__main__":
    main()
