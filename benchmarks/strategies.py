"""The ways to get an answer that the simulation compares: what the SDK does, what people write, and `unbroken`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import anthropic
import trio

from benchmarks.endpoint import Died, Endpoint, Job, Refused, Stream
from benchmarks.memory import ANSWER, MemoryClient
from unbroken import Health, Policy, resilient_stream

__all__ = ["MODELS", "Answered", "Strategy", "Unbroken", "naive_race", "naive_retries", "sdk_defaults"]

#: The primary and its fallbacks.
MODELS: Final = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")


@dataclass(slots=True)
class Answered:
    """What came of one user's wish.

    Attributes:
        first_content: When the first content was seen, in seconds of the clock. None: never.
        complete: Whether the whole answer was.
        kept: What of `Job.written` is in it.
    """

    first_content: float | None = None
    complete: bool = False
    kept: list[tuple[float, float]] = field(default_factory=list)


#: Gets the answer to one user's wish; the number is the user's.
Strategy = Callable[[int, Job, Answered], Awaitable[None]]


def sdk_backoff(retries: int, rng: Random) -> float:
    """The SDK's wait before a retry, in seconds: `_calculate_retry_timeout` of its `_base_client.py`."""
    return float(min(0.5 * 2.0**retries, 8.0) * (1 - 0.25 * rng.random()))


def sdk_defaults(endpoint: Endpoint, *, max_retries: int = 2) -> Strategy:
    """`AsyncAnthropic()` as it comes: two retries of what was refused, none of what died inside its stream."""

    async def answer(_user: int, job: Job, told: Answered) -> None:
        for retries in range(1 + max_retries):
            try:
                await read(await endpoint.ask(job, MODELS[0]), job, told)
            except Refused:
                await trio.sleep(sdk_backoff(retries, endpoint.rng) if retries < max_retries else 0)
            except Died:
                return
            else:
                return

    return answer


def naive_retries(endpoint: Endpoint, *, retries: int = 5, wait: float = 0.1) -> Strategy:
    """A loop around the call: whatever goes wrong, the whole request again after a short fixed wait."""

    async def answer(_user: int, job: Job, told: Answered) -> None:
        for _ in range(1 + retries):
            try:
                await read(await endpoint.ask(job, MODELS[0]), job, told)
            except (Refused, Died):
                await trio.sleep(wait)
            else:
                return

    return answer


def naive_race(endpoint: Endpoint, *, retries: int = 5, wait: float = 0.1) -> Strategy:
    """All models at once, every time; the first content wins, the others are closed; and the same loop around it."""

    async def answer(_user: int, job: Job, told: Answered) -> None:
        for _ in range(1 + retries):
            winner = await _first(endpoint, job)
            try:
                if winner is None:
                    raise Refused
                await read(winner, job, told)
            except (Refused, Died):
                await trio.sleep(wait)
            else:
                return

    return answer


async def _first(endpoint: Endpoint, job: Job) -> Stream | None:
    """Race the models; the one that had content first, or None when all have failed."""
    healthy: list[Stream] = []
    async with trio.open_nursery() as nursery:

        async def run(model: str) -> None:
            try:
                stream = await endpoint.ask(job, model)
            except Refused:
                return
            try:
                await stream.first_content()
            except Died:
                return
            except trio.Cancelled:
                stream.close()
                raise
            healthy.append(stream)
            nursery.cancel_scope.cancel()

        for model in MODELS:
            nursery.start_soon(run, model)
    for late in healthy[1:]:
        late.close()
    return healthy[0] if healthy else None


async def read(stream: Stream, job: Job, told: Answered) -> None:
    """Read a stream to its end, from the answer's first character; raises `Died`."""
    await stream.first_content()
    if told.first_content is None:
        told.first_content = trio.current_time()
    await stream.rest()
    told.complete, told.kept = True, job.written[-1:]


class Unbroken:
    """`resilient_stream` itself, each of whose processes has one `Health`.

    Args:
        endpoint: Who answers.
        processes: How many `Health` objects there are; users take them in turn.
        policy: The streams' policy.
        health: Makes a `Health` on the virtual clock.
        fallbacks: Whom the streams may ask besides the primary.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        processes: int,
        policy: Policy,
        health: Callable[[], Health],
        fallbacks: Sequence[str] = MODELS[1:],
    ) -> None:
        self._processes = [(MemoryClient(endpoint), health()) for _ in range(processes)]
        self._policy = policy
        self._fallbacks = fallbacks

    async def __call__(self, user: int, job: Job, told: Answered) -> None:
        """Get one answer."""
        client, health = self._processes[user % len(self._processes)]
        client.messages.jobs[str(user)] = job
        text = ""
        try:
            async with resilient_stream(
                client,
                model=MODELS[0],
                fallback_models=self._fallbacks,
                max_tokens=1024,
                messages=[{"role": "user", "content": "Tell me."}],
                metadata={"user_id": str(user)},
                policy=self._policy,
                health=health,
            ) as stream:
                async for piece in stream.text_stream:
                    if told.first_content is None:
                        told.first_content = trio.current_time()
                    text += piece
        except anthropic.APIError:
            return
        if text != ANSWER:
            raise AssertionError("the text is not exact")
        told.complete, told.kept = True, job.written
