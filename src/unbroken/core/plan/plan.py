"""The law: what happens next.

An attempt has ended without the whole message. Two things decide: what was delivered (`resume_state.Delivered`) and
what went wrong (`failure.Verdict`). This is the table; the limits are counted in `limits.py`, which form a route takes
is known to `route_forms.py`, turns and waits are those of `ranking.py`, and a request is chosen by all three in
`choice.py`.

    row \\ verdict   RETRY                   ELSEWHERE            CLIENT                  REJECTED
    ---------------  ----------------------  -------------------  ----------------------  --------------------------
    COMPLETE         the message is finished as it stands, whatever went wrong
    CALLS            the turn is finished as `tool_use`: the caller runs the tools
    NOTHING          the request again,      the next route;      the routes of another   the SDK's error, at once;
                     here or on the next     without one the      client; without one     on a fallback its route is
                     route                   SDK's error          the SDK's error         left out
    TEXT, RESULTS    the rest, here or on    the rest from the    the rest from another   the rest in another form,
                     the next route          next route           client                  then from the next route
    STUCK            nothing can be asked that would not do or say something twice: `StreamFailed`

A request whose server-side tools may have acted is not sent afresh (`allow_replay`).

An answer may also come and not be the rest: see `unjoined.py`.

A 400 that says what the model does not take (a prefill, a kind of thinking, so many tokens) corrects what is known of
it, and the request is made again as it takes it; that is no attempt lost. Only the primary's own request is never
changed. Where nothing is left to ask, `StreamFailed` comes with the partial; before any content, an error that no route
can mend (a wrong key, an unknown model) comes as the SDK raised it.

Limits: `max_attempts` requests in a row that brought nothing, `max_attempts_per_route` of them before the next
route's turn, `max_resumes` and `max_extra_input_tokens` in all. Waits: full jitter when the same route is asked again,
longer while the status page declares an incident on it (`ranking.INCIDENT_BACKOFF`), none when another is; a
`retry-after` is obeyed on its route up to `max_retry_after`, and above it the route is passed over. A 429 whose
`retry-after` is obeyed counts as no attempt and costs no retry (`limits.RATE_LIMIT_PATIENCE` bounds those in all).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from ..failure import Failure, Verdict
from ..message.effects import may_act
from ..requests.resume_state import Delivered, ResumeState
from .choice import ACTED, Choice
from .hedges import Hedges
from .losses import Losses
from .ranking import RETRYABLE, Ranking
from .readiness import Readiness
from .steps import Ask, Fail, Finish, Step
from .unjoined import Unjoined

if TYPE_CHECKING:
    from ...policy import Policy
    from ...routes import Route
    from ..requests.routed import Requests

__all__ = ["Plan"]

_STUCK: Final = "what was delivered cannot be gone on from"
_NEVER: Final = "Policy.resume is 'never'"
_NO_ROUTE: Final = "no route is left that could answer"
_NOT_IN_TIME: Final = "no route may be asked within Policy.max_retry_after"


class Plan:
    """Decides for one stream; the clock and the dice are the caller's.

    Args:
        policy: The limits.
        routes: In rank order.
        requests: The original request as each route sends it.

    Attributes:
        ranking: The routes: their turns, and which of them are asked no more.
        hedges: What may be asked beside the request at hand. Tools that may act are never asked to act twice.
        unjoined: What is done with a continuation that does not join.
    """

    def __init__(self, policy: Policy, routes: Sequence[Route], requests: Requests) -> None:
        self._policy = policy
        hedged = (
            policy.hedging is not None
            and len(routes) > 1
            and not any(may_act(requests[rank]) for rank in range(len(routes)))
        )
        unfit = [requests.unfit(rank) is not None for rank in range(len(routes))]
        self.ranking: Ranking = Ranking(policy, routes, unfit, hedged=hedged)
        self._choice = Choice(policy, requests)
        self._losses = Losses(requests, self.ranking, self._choice)
        self.hedges: Hedges = Hedges(hedged, self.ranking, self._choice, self._losses)
        self.unjoined: Unjoined = Unjoined(policy, len(routes), self.ranking, self._choice)

    @property
    def asking(self) -> Ask:
        """The request that is being made, or was made last."""
        return self._choice.now

    # -- what the engine tells

    def go_on(self, *, resumes: int, extra_input: int, thinker: int | None) -> None:
        """Others have begun this stream: what they asked for counts as if it had been asked for here.

        Args:
            resumes: How often they have asked for the rest.
            extra_input: What that has cost in input, in tokens.
            thinker: The rank of the route that has written the last whole thinking; None: none is known.
        """
        self._choice.limits.go_on(resumes, extra_input)
        self._choice.forms.thinker = thinker

    def first(self, state: ResumeState, *, now: float, ready: Sequence[Readiness] = ()) -> Step:
        """What to begin with: the request, or what is missing of a message of which a part is there already.

        Args:
            state: What was delivered before this stream; mostly nothing.
            now: Monotonic seconds.
            ready: How ready each route is, as `Health` says. Empty: all are. The primary is asked if it is.
        """
        ended = self._ended(state)
        if ended is not None:
            return ended
        askable = self._choice.forms.askable(state)
        if not askable:
            return Fail(_NEVER if self._policy.resume == "never" else _NO_ROUTE)
        chosen = self.ranking.soonest(0, askable, now=now, ready=ready)
        if chosen is None:
            return Fail(_NOT_IN_TIME)
        route, wait = chosen
        return self._choice.ask(route, state, wait=wait, brought=True)

    def rerouted(self, state: ResumeState, *, now: float, ready: Sequence[Readiness]) -> Ask | Fail:
        """Where the request at hand may go instead, when the breaker of its route has opened meanwhile."""
        step, askable = self._choice.now, self._choice.forms.askable(state)
        chosen = self.ranking.soonest(step.route, askable, now=now, ready=ready)
        if chosen is None:
            return Fail(_NOT_IN_TIME)
        route, wait = chosen
        if route != step.route:
            # It is the same request, and counted already.
            step = Ask(route, self._choice.forms.next(route, state), costs_retry=step.costs_retry)
        self._choice.now = replace(step, wait=wait)
        return self._choice.now

    def content(self, *, thinking: bool = False) -> None:
        """The attempt at hand brought something that is kept: the counts start again.

        Args:
            thinking: Whether it was a whole thinking block.
        """
        self._choice.limits.content()
        self.ranking.content(self._choice.now.route)
        if thinking:
            self._choice.forms.thinker = self._choice.now.route

    def after(
        self,
        failure: Failure,
        state: ResumeState,
        *,
        brought: bool,
        now: float,
        jitter: float,
        ready: Sequence[Readiness] = (),
    ) -> Step:
        """What to do now that the attempt at hand has died.

        Args:
            failure: What it died of.
            state: What was delivered, by all attempts.
            brought: Whether this attempt brought something new.
            now: Monotonic seconds.
            jitter: A random number between 0 and 1.
            ready: How ready each route is, as `Health` says. Empty: all are.
        """
        ended = self._ended(state, clean_end=failure.clean_end)
        if ended is not None:
            return ended
        corrected = self._losses.corrected(self._choice.now, failure, state)
        if corrected is not None:
            return corrected
        fatal = self._losses.count(self._choice.now, failure, state, brought=brought, now=now)
        if fatal is not None:
            return fatal
        return self.after_round(failure, state, brought=brought, now=now, jitter=jitter, ready=ready)

    def _ended(self, state: ResumeState, *, clean_end: bool = False) -> Finish | Fail | None:
        """What ends the stream, whatever went wrong; None where something is missing that may be asked for."""
        match state.delivered:
            case Delivered.COMPLETE:
                return Finish(message_stop=not clean_end and not state.stopped)
            case Delivered.CALLS:
                return Finish(message_stop=True, as_tool_use=True)
            case Delivered.STUCK:
                return Fail(_STUCK)
            case Delivered.NOTHING | Delivered.TEXT | Delivered.RESULTS:
                return Fail(_STUCK) if state.unknown else None
            case _:
                assert_never(state.delivered)

    def won(self, winner: Ask) -> None:
        """Of several requests this one goes on; the others are given up."""
        self._choice.now = winner

    def after_round(
        self,
        failure: Failure,
        state: ResumeState,
        *,
        brought: bool,
        now: float,
        jitter: float,
        ready: Sequence[Readiness],
    ) -> Ask | Fail:
        """What to do now that every request that was made has died, and was counted. Arguments as for `after`."""
        if not self._choice.limits.attempts_left:
            return Fail(f"{self._choice.limits.fruitless} requests in a row brought nothing")
        if (refused := self._choice.limits.refuse_limited()) is not None:
            return refused
        # A request that was rejected is not made again, but another one; there is nothing to wait for.
        if failure.verdict is Verdict.REJECTED and not self.hedges.allowed:
            jitter = 0.0
        chosen = self.ranking.next(
            self._choice.now.route, self._choice.forms.askable(state), now=now, jitter=jitter, ready=ready
        )
        if chosen is None:
            return self._nothing_left(failure, state)
        route, wait = chosen
        free = brought or (self._choice.limits.is_honoured(failure) and self.ranking.is_spared(route))
        return self._choice.ask(route, state, wait=wait, brought=free)

    def at_leisure(self, state: ResumeState, among: Collection[int]) -> list[Ask] | Fail:
        """The requests by which what is missing may be asked for in a batch, the best first; or why none can be.

        Counts and waits are for streams. What it may cost in input tokens holds, and what must not be done twice.

        Args:
            state: What was delivered.
            among: The ranks of the routes whose clients have batches.
        """
        ended = self._ended(state)
        if isinstance(ended, Finish):
            calls = "the partial ends with whole tool calls, whose results the conversation waits for"
            return Fail(calls if ended.as_tool_use else "the message is whole")
        refused = ended or self._choice.limits.refuse_cost(state)
        if refused is not None:
            return refused
        ranks = [
            rank for rank in among if rank not in self.ranking.ruled_out and self._choice.forms.can_ask(rank, state)
        ]
        if not ranks:
            never = state.is_resumable and self._policy.resume == "never"
            return Fail(_NEVER if never else _NO_ROUTE)
        asks = [Ask(rank, self._choice.forms.next(rank, state)) for rank in ranks]
        return [ask for ask in asks if self._choice.may_be_made(ask.form, state)] or ACTED

    def _nothing_left(self, failure: Failure, state: ResumeState) -> Fail:
        if state.is_resumable and self._policy.resume == "never":
            return Fail(_NEVER)
        hopeless = failure.verdict in (Verdict.CLIENT, Verdict.ELSEWHERE)
        if not state.begun and hopeless and failure.kind not in RETRYABLE:
            return Fail(_NO_ROUTE, failure.error)
        if failure.retry_after is not None and failure.retry_after > self._policy.max_retry_after:
            return Fail(f"the server asks to wait {failure.retry_after:g} s, longer than Policy.max_retry_after")
        return Fail(_NO_ROUTE)
