"""Several requests at a time: which may be made beside the one at hand, and what one that dies is followed by."""

from __future__ import annotations

from collections.abc import Sequence

from ..failure import Failure, Verdict
from ..requests.resume_state import ResumeState
from .choice import Choice
from .losses import Losses
from .ranking import Ranking
from .readiness import Readiness
from .steps import Ask, Fail

__all__ = ["Hedges"]


class Hedges:
    """Decides about the requests of one stream that are made beside another.

    Args:
        allowed: Whether there may be any.
        ranking: The routes.
        choice: The request at hand, and the limits.
        losses: What is learnt from those that die.

    Attributes:
        allowed: As given.
    """

    def __init__(self, allowed: bool, ranking: Ranking, choice: Choice, losses: Losses) -> None:
        self.allowed: bool = allowed
        self._ranking = ranking
        self._choice = choice
        self._losses = losses

    def beside(self, state: ResumeState, *, now: float, ready: Sequence[Readiness]) -> list[Ask]:
        """The requests that may be made beside the one at hand, the best first: one for each route that is ready."""
        if not self.allowed or self._choice.now.whole:
            return []
        steps = (
            self._choice.request_for(rank, state, brought=False, beside=True)
            for rank in self._ranking.beside(
                self._choice.now.route, self._choice.forms.askable(state), now=now, ready=ready
            )
        )
        hedges = [step for step in steps if isinstance(step, Ask)]
        return hedges[: max(0, self._choice.limits.attempts_left - 1)]

    def may_start(self, hedge: Ask, state: ResumeState, *, now: float, ready: Sequence[Readiness]) -> bool:
        """Whether a hedge may still be made, now that its turn has come."""
        is_ready = self._ranking.is_ready(hedge.route, self._choice.forms.askable(state), now=now, ready=ready)
        return is_ready and isinstance(self._choice.request_for(hedge.route, state, brought=False, beside=True), Ask)

    def started(self, hedge: Ask, state: ResumeState) -> None:
        """A hedge is made now: count it."""
        self._choice.limits.count(hedge, state, beside=True)

    def failed(self, hedge: Ask, failure: Failure, state: ResumeState, *, now: float) -> Ask | Fail | None:
        """What to do about one of several that has died, while others may live.

        Returns:
            Another form in which the same route is to be asked at once; what ends the stream; None: nothing.
        """
        corrected = self._losses.corrected(hedge, failure, state)
        if corrected is not None:
            return corrected
        fatal = self._losses.count(hedge, failure, state, brought=False, now=now)
        if fatal is not None:
            return fatal
        stepped_down = failure.verdict is Verdict.REJECTED and hedge.route not in self._ranking.left_out
        if not (stepped_down and self._choice.forms.can_ask(hedge.route, state) and self._choice.limits.attempts_left):
            return None
        again = self._choice.request_for(hedge.route, state, brought=False, beside=True)
        if isinstance(again, Fail):
            return None
        self._choice.limits.count(again, state, beside=True)
        return again
