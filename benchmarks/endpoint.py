"""An endpoint in memory: places for streams, some of which go away for a while, and what it then answers.

The simulation's server. It runs on trio's virtual clock, and a request costs no more than two waits, so that a hundred
thousand of them take minutes: 0.3 ms of CPU where a strategy asks it directly, and 6 ms with all of `resilient_stream`,
where one over TCP to `FaultServer` takes 10 ms, and the clock would have to wait for bytes that are on their way.
What an endpoint under pressure does is in `Overload`; the benchmark's page says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from random import Random
from typing import Final, Literal

import trio

__all__ = ["Died", "Endpoint", "Job", "Overload", "Pool", "Refused", "Stream", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """How long answers take, in seconds. The medians and sigmas are those of lognormal distributions.

    Attributes:
        first_content: Median time to first content.
        first_content_sigma: How much that varies.
        writing: Median time from the first content to the last.
        writing_sigma: How much that varies.
    """

    first_content: float = 0.8
    first_content_sigma: float = 0.4
    writing: float = 6.0
    writing_sigma: float = 0.6

    @property
    def mean(self) -> float:
        """The mean time that a request takes a place, in seconds."""
        return self.first_content * exp(self.first_content_sigma**2 / 2) + self.writing * exp(self.writing_sigma**2 / 2)


@dataclass(frozen=True, slots=True)
class Overload:
    """What an endpoint does when it has no place, and for `memory` seconds after it last had none.

    Attributes:
        refusal: Seconds until a request without a place gets its 529.
        memory: Seconds.
        errors: The share of the streams that are accepted meanwhile and die before their first content.
        cuts: The share that die anywhere between the first content and the last.
    """

    refusal: float = 0.2
    memory: float = 1.0
    errors: float = 0.05
    cuts: float = 0.05


@dataclass(slots=True)
class Job:
    """One answer that somebody wants.

    Attributes:
        writing: Seconds from its first content to its last.
        written: From when to when each of its streams wrote, in seconds of the clock.
    """

    writing: float
    written: list[tuple[float, float]] = field(default_factory=list)


class Refused(Exception):
    """529: there is no place."""


class Died(Exception):
    """The stream ended before the answer did, by an `error` event or by the end of the connection.

    Attributes:
        share: How much of the answer had been written, 0 to 1.
        by: How it ended.
    """

    def __init__(self, share: float, by: Literal["error", "end"]) -> None:
        super().__init__(share, by)
        self.share = share
        self.by = by


@dataclass(eq=False, slots=True)
class Pool:
    """Places for streams that one or several models share.

    Attributes:
        places: How many streams may run at a time.
        running: Those that do.
        refused_at: When a request last found no place, in seconds of the clock.
    """

    places: int
    running: dict[Stream, None] = field(default_factory=dict)
    refused_at: float = float("-inf")

    def resize(self, places: int, rng: Random) -> None:
        """Have so many places from now on; the streams on those that went away are cut."""
        self.places = places
        surplus = len(self.running) - places
        for stream in rng.sample(list(self.running), surplus) if surplus > 0 else ():
            stream.cut()


class Endpoint:
    """Answers requests.

    Args:
        pools: Where each model's streams run. Models that share a pool share its capacity.
        work: How long answers take.
        overload: What is answered without a place.
        rng: Draws it all.

    Attributes:
        overload: As given.
        pools: As given.
        rng: As given.
        arrivals: When each request arrived, in seconds of the clock.
    """

    def __init__(self, pools: dict[str, Pool], work: Work, overload: Overload, rng: Random) -> None:
        self.pools: Final = pools
        self.rng: Final = rng
        self.arrivals: list[float] = []
        self._work = work
        self.overload: Final = overload

    def job(self) -> Job:
        """What the next user wants."""
        return Job(writing=self.rng.lognormvariate(log(self._work.writing), self._work.writing_sigma))

    async def ask(self, job: Job, model: str, done: float = 0.0) -> Stream:
        """Ask for an answer, or for what is left of it.

        Args:
            job: What is wanted.
            model: Who is asked.
            done: How much of the answer the request carries, 0 to 1.

        Raises:
            Refused: There is no place.
        """
        pool = self.pools[model]
        now = trio.current_time()
        self.arrivals.append(now)
        if len(pool.running) >= pool.places:
            pool.refused_at = now
            await trio.sleep(self.overload.refusal)
            raise Refused
        pressed = now - pool.refused_at < self.overload.memory
        first = self.rng.lognormvariate(log(self._work.first_content), self._work.first_content_sigma)
        return Stream(pool, job, done, first, self._fate(done) if pressed else None, self.rng)

    def _fate(self, done: float) -> float | None:
        """How much of the answer a stream under pressure writes before it dies, 0 to 1; None: it lives."""
        drawn = self.rng.random()
        if drawn < self.overload.errors:
            return done
        return self.rng.uniform(done, 1) if drawn < self.overload.errors + self.overload.cuts else None


class Stream:
    """An answer that is being written; it has a place until it is over, or `close`d.

    Args:
        pool: Where it has its place.
        job: What is being written.
        done: How much of it the request carried.
        first: Seconds to the first content.
        dies_at: How much will have been written when it dies; None: it does not.
        rng: Draws how it dies.
    """

    def __init__(self, pool: Pool, job: Job, done: float, first: float, dies_at: float | None, rng: Random) -> None:
        self._pool = pool
        self._job = job
        self._done = done
        self._dies_at = dies_at
        self._rng = rng
        self._first_at = trio.current_time() + first
        self._scope: trio.CancelScope | None = None
        self._cut = False
        pool.running[self] = None

    async def first_content(self) -> None:
        """Wait for it.

        Raises:
            Died: Before it came.
        """
        await self._until(self._first_at)
        if self._dies_at == self._done:
            raise self._death()

    async def rest(self) -> None:
        """Wait until all is written.

        Raises:
            Died: Before it was.
        """
        share = 1.0 if self._dies_at is None else self._dies_at
        await self._until(self._first_at + (share - self._done) * self._job.writing)
        if self._dies_at is not None:
            raise self._death()
        self.close()

    def cut(self) -> None:
        """Its place is gone."""
        self._cut = True
        if self._scope is not None:
            self._scope.cancel()

    def close(self) -> None:
        """Give the place back."""
        if self in self._pool.running:
            del self._pool.running[self]
            if (now := trio.current_time()) > self._first_at:
                self._job.written.append((self._first_at, now))

    async def _until(self, when: float) -> None:
        if not self._cut:
            with trio.CancelScope() as self._scope:
                await trio.sleep_until(when)
            self._scope = None
        if self._cut:
            raise self._death()

    def _death(self) -> Died:
        self.close()
        written = self._done + max(0.0, trio.current_time() - self._first_at) / self._job.writing
        return Died(min(1.0, written), "error" if self._rng.random() < 0.5 else "end")
