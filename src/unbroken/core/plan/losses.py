"""A request was lost: what its failure teaches, and what is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..classification import words
from ..failure import Failure, Kind, Verdict
from ..requests.resume_state import ResumeState
from .choice import ACTED, Choice
from .ranking import Ranking
from .steps import Ask, Fail

if TYPE_CHECKING:
    from ..requests.routed import Requests

__all__ = ["Losses"]


class Losses:
    """What is learnt from the requests of one stream that died.

    Args:
        requests: The original request as each route sends it; it is corrected by what a 400 says.
        ranking: The routes.
        choice: The request at hand, and the limits.
    """

    def __init__(self, requests: Requests, ranking: Ranking, choice: Choice) -> None:
        self._requests = requests
        self._ranking = ranking
        self._choice = choice

    def corrected(self, lost: Ask, failure: Failure, state: ResumeState) -> Ask | Fail | None:
        """Another request to the same route, when a 400 has said what its model does not take. None: it has not."""
        route = lost.route
        if failure.verdict is not Verdict.REJECTED or (route, lost.form) == (0, "request"):
            return None
        before = self._makings(lost)
        learnt = self._requests.correct(route, words(failure.error))
        if self._requests.unfit(route) is not None:
            self._ranking.leave_out(route)
            return None
        if not learnt or self._makings(lost) == before:
            return None
        if failure.kind is Kind.PREFILL_UNSUPPORTED:
            self._choice.forms.reject(route, "prefill")
        if not self._choice.forms.can_ask(route, state):
            return None
        step = Ask(route, self._choice.forms.next(route, state))
        if lost.form == "request":
            self._choice.limits.count(step, state)
        # Else it takes the place of one that asked for the same rest, and was counted: no attempt was lost.
        if route == self._choice.now.route:
            self._choice.now = step
        return step if self._choice.may_be_made(step.form, state) else ACTED

    def _makings(self, ask: Ask) -> object:
        """What a request is made of, as far as corrections change it."""
        request, model = self._requests[ask.route], self._requests.model(ask.route)
        return request if ask.form == "request" else (request, model.prefill, model.thinking)

    def count(self, lost: Ask, failure: Failure, state: ResumeState, *, brought: bool, now: float) -> Fail | None:
        """Count a request that has died, and rule out what can never work; `Fail` when it is the caller's to mend."""
        limits = self._choice.limits
        honoured = limits.is_honoured(failure)
        if honoured:
            limits.limited(failure.retry_after or 0.0)
        elif not brought:
            limits.lost()
        self._ranking.lost(lost.route, failure, now, honoured=honoured)
        if failure.verdict is Verdict.REJECTED:
            if not state.begun and lost.route == 0:
                return Fail("the API rejected the request", failure.error)
            if state.is_resumable and lost.form != "request":
                self._choice.forms.reject(lost.route, lost.form)
            else:
                self._ranking.leave_out(lost.route)
        return None
