"""One call with several requests against each other: what `race.py` does with openers, done with requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from functools import partial

from ..concurrency.race import race
from ..core.failure import Failure
from ..core.plan.steps import Ask
from ..core.requests.resume_state import ResumeState
from ..health.permit import Permit
from ..policy import Hedging
from .admission import Admission, Exhausted
from .exchange import Exchange

__all__ = ["HedgedCall"]


class HedgedCall:
    """One race between requests.

    Args:
        admission: Lets requests be made, makes them, and keeps what is known of them.
        hedging: The rules.
        delay: Seconds without content before the next one is made.
        steps: What is asked, the best first.
        state: What was delivered.
        eager: The ranks in `steps` of those that the next one is made beside at once.
    """

    def __init__(
        self,
        admission: Admission,
        hedging: Hedging,
        delay: float,
        steps: Sequence[Ask],
        state: ResumeState,
        eager: Collection[int] = (),
    ) -> None:
        self._admission = admission
        self._hedging = hedging
        self._delay = delay
        self._steps = steps
        self._state = state
        self._eager = eager
        self._sent: list[Exchange] = []
        self._unanswered: deque[Failure] = deque()  # failures that no other request has been made for
        self._retries: set[int] = set()  # the routes that are asked because another one has failed
        self._last: Exchange | None = None  # of those that died

    async def run(self, permit: Permit, waited: float) -> Exchange:
        """Run it: the winner, with its first content, or the last that died, with its failure.

        Args:
            permit: The first request's.
            waited: Seconds that were waited for it.

        Raises:
            Exhausted: A failure ends the stream.
        """
        first = partial(self._attempt_route, self._steps[0], permit, waited)
        others = [partial(self._attempt_route, step) for step in self._steps[1:]]
        try:
            winner = await race(
                [first, *others],
                delay=self._delay,
                eager=self._eager,
                preference_grace=self._hedging.preference_grace,
                max_concurrent=self._hedging.max_concurrent,
                admit=self._admit,
                discard=self._admission.discard,
            )
        except BaseException:
            for sent in self._sent:
                sent.cancelled()
            permit.cancelled()  # it may not have been used yet, and its place is one that others wait for
            raise
        if winner is None:
            assert self._last is not None
            return self._last
        for sent in self._sent:
            if sent is not winner:
                sent.lost(winner.recorder.input_tokens)
        self._admission.won(winner, raced=len(self._sent) > 1)
        return winner

    async def _admit(self, rank: int) -> bool:
        """Whether the next one may start; it waits for the budget, which never fails a race that is going on."""
        step = self._steps[rank]
        if not self._admission.may_hedge(step, self._state):
            return False
        try:
            await self._admission.pay()
        except Exhausted:
            return False
        if not self._admission.may_hedge(step, self._state):
            return False
        failure = self._unanswered.popleft() if self._unanswered else None
        if failure is not None:
            self._retries.add(step.route)
        delay = 0.0 if rank - 1 in self._eager else self._delay
        self._admission.hedge_started(step, self._state, delay, failure)
        return True

    async def _attempt_route(self, step: Ask, permit: Permit | None = None, waited: float = 0.0) -> Exchange | None:
        """Ask one route until it is healthy; None when it has failed."""
        again: Ask | None = step
        while again is not None:
            permit = permit or self._admission.enter(again, self._state, retry=again.route in self._retries)
            if permit is None:
                # Its breaker has opened since the race began, or as much is out as may be.
                return None
            hedge = any(sent.is_open for sent in self._sent)
            sent = self._admission.prepare(again, self._state, permit, waited=waited, hedge=hedge)
            self._sent.append(sent)
            try:
                healthy = await sent.open() and await sent.until_content()
            except BaseException:
                await self._admission.discard(sent)
                raise
            if healthy:
                return sent
            assert sent.failure is not None
            await self._admission.discard(sent)
            self._last = sent
            again = self._admission.hedge_failed(sent, sent.failure, self._state)
            permit = None
        assert sent.failure is not None
        self._unanswered.append(sent.failure)
        return None
