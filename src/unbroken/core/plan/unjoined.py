"""What to do with an answer that came and is not the rest (DESIGN, section 3, "The seam").

    what came                    then `verify_seam` times            then
    ---------------------------  ----------------------------------  --------------------------------------------------
    it matches nothing           all of the text is sent, in another the next route, and so on; then `StreamFailed`, or
                                 wording, to the same route          with `on_unmatched="join"` it is joined as it is
    it adds nothing, and the     the same                            the same, but a text that may be whole is taken for
    text looks unfinished                                            whole, and told of
    it is a refusal, an apology  the same                            the next route, then `StreamFailed`

Nothing of it was delivered, so an honest failure is possible to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..requests.resume_state import ResumeState
from ..seam.ending import Ending
from .choice import Choice
from .ranking import Ranking
from .readiness import Readiness
from .steps import Ask, Fail, JoinAsItIs

if TYPE_CHECKING:
    from ...policy import Policy

__all__ = ["Unjoined"]

_UNMATCHED: Final = "what was written does not join what was delivered"
_SILENT: Final = "what was delivered looks unfinished, and nothing was added to it"
_NO_REPLAY: Final = "the new answer does not replay what was delivered"


class Unjoined:
    """Decides about the continuations of one stream that do not join.

    Args:
        policy: How often they are asked for again, and what is done in the end.
        routes: How many routes there are.
        ranking: The routes.
        choice: The request at hand, and the limits.
    """

    def __init__(self, policy: Policy, routes: int, ranking: Ranking, choice: Choice) -> None:
        self._joins = policy.on_unmatched == "join"
        self._routes = routes
        self._ranking = ranking
        self._choice = choice

    def after_unmatched(
        self, state: ResumeState, *, joinable: bool, now: float, ready: Sequence[Readiness] = ()
    ) -> Ask | Fail | JoinAsItIs:
        """What to do with a continuation whose head matches nothing that was delivered.

        It is asked for again on its route, all of the text sent back and in another wording, and then from the next
        route; nothing of it was delivered, so an honest failure is possible to the last.

        Args:
            state: What was delivered, by all attempts.
            joinable: Whether it may be text at all, and no apology and no replay.
            now: Monotonic seconds.
            ready: How ready each route is, as `Health` says. Empty: all are.
        """
        route, restarted = self._choice.now.route, self._choice.now.form == "restart"
        may_join = joinable and not restarted and self._joins
        if not (self._choice.limits.may_ask_again or restarted):
            return JoinAsItIs() if may_join else self._from_another_route(state, now, ready) or Fail(_UNMATCHED)
        again = next((form for form in self._choice.forms.of(route, state) if form != "prefill"), None)
        if restarted and (again in (None, "restart") or self._choice.limits.attempts_left <= 1):
            # A document that was begun anew and goes another way can only be glued, and is not.
            return Fail(_NO_REPLAY)
        self._choice.limits.asked_again += not restarted
        self._choice.limits.lost()
        step = (
            Fail(_UNMATCHED) if again is None else self._choice.ask(route, state, form=again, brought=True, whole=True)
        )
        return JoinAsItIs() if isinstance(step, Fail) and may_join else step

    def after_silence(
        self, state: ResumeState, *, ending: Ending, now: float, ready: Sequence[Readiness] = ()
    ) -> Ask | Fail | JoinAsItIs:
        """What to do with a continuation that added nothing, when the text does not look finished.

        It is asked for again like one that matches nothing. When nothing comes of that either, a text that may be whole
        is taken for whole, and told of; one that cannot be is half an answer.

        Args:
            state: What was delivered, by all attempts.
            ending: How its text looks at its end.
            now: Monotonic seconds.
            ready: As for `after_unmatched`.
        """
        if self._choice.limits.may_ask_again:
            step = self.after_unmatched(state, joinable=False, now=now, ready=ready)
            if isinstance(step, Ask):
                return step
        if ending is not Ending.UNFINISHED or self._joins:
            return JoinAsItIs()
        return self._from_another_route(state, now, ready) or Fail(_SILENT)

    def _from_another_route(self, state: ResumeState, now: float, ready: Sequence[Readiness]) -> Ask | None:
        """The same from the next route that has not been asked for it; None: each has, or no more may be asked."""
        self._choice.limits.lost()
        self._choice.limits.unjoined.add(self._choice.now.route)
        if not self._choice.limits.attempts_left:
            return None
        following = (self._choice.now.route + 1) % self._routes
        others = self._choice.forms.askable(state) - self._choice.limits.unjoined
        chosen = self._ranking.soonest(following, others, now=now, ready=ready)
        step = None if chosen is None else self._choice.ask(chosen[0], state, wait=chosen[1], brought=True)
        if not isinstance(step, Ask):
            return None
        self._choice.limits.asked_again = 0
        return step
