"""The law: what happens next.

An attempt has ended without the whole message. Two things decide: what was delivered (`Held`, below) and what went
wrong (`failure.Verdict`). This is the table; the code under it only adds the limits and the waits.

    held \\ verdict  RETRY                   ELSEWHERE            CLIENT                  REJECTED
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

An answer may also come and not be the rest (DESIGN, section 3, "The seam"):

    what came                    then `verify_seam` times            then
    ---------------------------  ----------------------------------  --------------------------------------------------
    it matches nothing           all of the text is sent, in another the next route, and so on; then `StreamFailed`, or
                                 wording, to the same route          with `on_unmatched="join"` it is joined as it is
    it adds nothing, and the     the same                            the same, but a text that may be whole is taken for
    text looks unfinished                                            whole, and told of
    it is a refusal, an apology  the same                            the next route, then `StreamFailed`

A 400 that says what the model does not take (a prefill, a kind of thinking, so many tokens) corrects what is known of
it, and the request is made again as it takes it; that is no attempt lost. Only the primary's own request is never
changed. Where nothing is left to ask, `StreamFailed` comes with the partial; before any content, an error that no route
can mend (a wrong key, an unknown model) comes as the SDK raised it.

Limits: `max_attempts` requests in a row that brought nothing, `max_attempts_per_route` of them before the next
route's turn, `max_resumes` and `max_extra_input_tokens` in all. Waits: full jitter when the same route is asked again,
longer while the status page declares an incident on it (`ranking.INCIDENT_BACKOFF`), none when another is; a
`retry-after` is obeyed on its route up to `max_retry_after`, and above it the route is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..failure import Failure, Kind, Verdict, words
from ..message.effects import may_act
from ..message.partial import Partial
from ..requests.resume import Form, estimate_tokens, forms, starts_over
from ..seam.ending import Ending
from ..wire.counters import INPUT_TOKENS
from .ranking import Ranking
from .readiness import Readiness
from .steps import Ask, Fail, Finish, Held, JoinAsItIs, Step, what_is_held

if TYPE_CHECKING:
    from ...policy import Policy
    from ...routes import Route
    from ..requests.routed import Requests

__all__ = ["Plan"]


class Plan:
    """Decides for one stream. It keeps the counts; the clock and the dice are the caller's.

    Args:
        policy: The limits.
        routes: In rank order.
        requests: The original request as each route sends it.

    Attributes:
        hedged: Whether several routes are asked at a time. Tools that may act are never asked to act twice.
    """

    def __init__(
        self,
        policy: Policy,
        routes: Sequence[Route],
        requests: Requests,
    ) -> None:
        self._policy = policy
        self._routes = routes
        self._requests = requests
        self.hedged: bool = (
            policy.hedging is not None
            and len(routes) > 1
            and not any(may_act(requests[rank]) for rank in range(len(routes)))
        )
        unfit = [requests.unfit(rank) is not None for rank in range(len(routes))]
        self._ranking = Ranking(policy, routes, unfit, hedged=self.hedged)
        self._rejected: list[set[Form]] = [set() for _ in routes]
        self._now = Ask(route=0, form="request")
        self._fruitless = 0
        self._resumes = 0
        self._extra_input = 0
        self._asked_again = 0
        self._mute: set[int] = set()  # routes whose continuations did not join, since the last content
        self._thinker: int | None = None
        self._acted = False
        self._unknown = False
        self._waved_off: set[int] = set()

    @property
    def asking(self) -> Ask:
        """The request that is being made, or was made last."""
        return self._now

    @property
    def left_out(self) -> list[int]:
        """The ranks of the routes that are not asked any more."""
        return self._ranking.left_out

    def unfit(self, route: int) -> str | None:
        """Why a route's model cannot take the request, after its name; None where it can."""
        return self._requests.unfit(route)

    def is_same_model(self, one: int, other: int) -> bool:
        """Whether two routes ask the same model of the same client, and can read each other's thinking."""
        mine, theirs = self._routes[one], self._routes[other]
        return mine.model == theirs.model and mine.client is theirs.client

    # -- what the engine tells

    def first(self, *, now: float, ready: Sequence[Readiness] = ()) -> Ask | Fail:
        """The request to open with: to the primary, if `Health` says that it is ready."""
        return self._soonest(Ask(0, "request"), Partial(), now, ready)

    def rerouted(self, held: Partial, *, now: float, ready: Sequence[Readiness]) -> Ask | Fail:
        """Where the request at hand may go instead, when the breaker of its route has opened meanwhile."""
        return self._soonest(self._now, held, now, ready)

    def content(self, *, thinking: bool = False) -> None:
        """The attempt at hand brought something that is kept: the counts start again.

        Args:
            thinking: Whether it was a whole thinking block.
        """
        self._fruitless = 0
        self._asked_again = 0
        self._mute.clear()
        self._ranking.content(self._now.route)
        if thinking:
            self._thinker = self._now.route

    def after(
        self,
        failure: Failure,
        held: Partial,
        *,
        brought: bool,
        now: float,
        jitter: float,
        acted: bool = False,
        unknown: bool = False,
        ready: Sequence[Readiness] = (),
    ) -> Step:
        """What to do now that the attempt at hand has died.

        Args:
            failure: What it died of.
            held: What was delivered, by all attempts.
            brought: Whether this attempt brought something new.
            now: Monotonic seconds.
            jitter: A random number between 0 and 1.
            acted: Whether it had begun to use a server-side tool that changes things.
            unknown: Whether it had begun a block of a type that this version does not know.
            ready: How ready each route is, as `Health` says. Empty: all are.
        """
        self.cut_short(acted=acted, unknown=unknown)
        situation = what_is_held(held)
        if situation is Held.COMPLETE:
            return Finish(message_stop=not failure.clean_end and not held.stopped)
        if situation is Held.CALLS:
            return Finish(message_stop=True, as_tool_use=True)
        if situation is Held.STUCK or unknown:
            return Fail("what was delivered cannot be gone on from")
        step: Step | None = self._corrected(self._now, failure, held)
        if step is None:
            step = self._count(self._now, failure, held, brought=brought, now=now)
        if step is None:
            step = self.after_round(failure, held, brought=brought, now=now, jitter=jitter, ready=ready)
        afresh = isinstance(step, Ask) and step.form in ("request", "restart")
        if afresh and self._acted and not self._policy.allow_replay:
            return Fail("its tools may have acted, and Policy.allow_replay is False")
        return step

    def cut_short(self, *, acted: bool, unknown: bool) -> None:
        """The attempt at hand is over, if only because the stream is. Arguments as for `after`."""
        self._acted = self._acted or acted
        self._unknown = self._unknown or unknown

    def after_unmatched(
        self, held: Partial, *, joinable: bool, now: float, ready: Sequence[Readiness] = ()
    ) -> Ask | Fail | JoinAsItIs:
        """What to do with a continuation whose head matches nothing that was delivered.

        It is asked for again on its route, all of the text sent back and in another wording, and then from the next
        route; nothing of it was delivered, so an honest failure is possible to the last.

        Args:
            held: What was delivered, by all attempts.
            joinable: Whether it may be text at all, and no apology and no replay.
            now: Monotonic seconds.
            ready: How ready each route is, as `Health` says. Empty: all are.
        """
        restarted = self._now.form == "restart"
        if self._asked_again >= self._policy.verify_seam and not restarted:
            if joinable and self._policy.on_unmatched == "join":
                return JoinAsItIs()
            return self._from_another_route(held, now, ready) or Fail(_UNMATCHED)
        options: list[Form] = [form for form in self._forms(self._now.route, held) if form != "prefill"]
        if restarted and (options in ([], ["restart"]) or self._fruitless + 1 >= self._policy.max_attempts):
            # A document that was begun anew and goes another way can only be glued, and is not.
            return Fail("the new answer does not replay what was delivered")
        self._asked_again += not restarted
        self._fruitless += 1
        step = self._ask(self._now.route, held, wait=0.0, brought=True, whole=options)
        if isinstance(step, Fail) and not restarted and joinable and self._policy.on_unmatched == "join":
            return JoinAsItIs()
        return step

    def after_silence(
        self, held: Partial, *, ending: Ending, now: float, ready: Sequence[Readiness] = ()
    ) -> Ask | Fail | JoinAsItIs:
        """What to do with a continuation that added nothing, when the text does not look finished.

        It is asked for again like one that matches nothing. When nothing comes of that either, a text that may be whole
        is taken for whole, and told of; one that cannot be is half an answer.

        Args:
            held: What was delivered, by all attempts.
            ending: How its text looks at its end.
            now: Monotonic seconds.
            ready: As for `after_unmatched`.
        """
        if self._asked_again < self._policy.verify_seam:
            step = self.after_unmatched(held, joinable=False, now=now, ready=ready)
            if isinstance(step, Ask):
                return step
        if ending is not Ending.UNFINISHED or self._policy.on_unmatched == "join":
            return JoinAsItIs()
        return self._from_another_route(held, now, ready) or Fail(_SILENT)

    def _from_another_route(self, held: Partial, now: float, ready: Sequence[Readiness]) -> Ask | None:
        """The same from the next route that has not been asked for it; None: each has, or no more may be asked."""
        self._fruitless += 1
        self._mute.add(self._now.route)
        if self._fruitless >= self._policy.max_attempts:
            return None
        may_ask = self._may_ask(held)
        following = (self._now.route + 1) % len(self._routes)
        chosen = self._ranking.soonest(
            following, lambda route: route not in self._mute and may_ask(route), now=now, ready=ready
        )
        step = None if chosen is None else self._ask(chosen[0], held, wait=chosen[1], brought=True)
        if not isinstance(step, Ask):
            return None
        self._asked_again = 0
        return step

    # -- several at a time

    def hedges(self, held: Partial, *, now: float, ready: Sequence[Readiness]) -> list[Ask]:
        """The requests that may be made beside the one at hand, the best first: one for each route that is ready."""
        if not self.hedged or self._now.whole:
            return []
        steps = (
            self._request_for(rank, held, brought=False, beside=True)
            for rank in self._ranking.beside(self._now.route, self._may_ask(held), now=now, ready=ready)
        )
        hedges = [step for step in steps if isinstance(step, Ask)]
        return hedges[: max(0, self._policy.max_attempts - self._fruitless - 1)]

    def may_hedge(self, hedge: Ask, held: Partial, *, now: float, ready: Sequence[Readiness]) -> bool:
        """Whether a hedge may still be made, now that its turn has come."""
        may_ask = self._ranking.is_ready(hedge.route, self._may_ask(held), now=now, ready=ready)
        return may_ask and isinstance(self._request_for(hedge.route, held, brought=False, beside=True), Ask)

    def hedging(self, hedge: Ask, held: Partial) -> None:
        """A hedge is made now: count it."""
        self._count_resume(hedge, held, beside=True)

    def hedge_failed(self, hedge: Ask, failure: Failure, held: Partial, *, now: float) -> Ask | Fail | None:
        """What to do about one of several that has died, while others may live.

        Returns:
            Another form in which the same route is to be asked at once; what ends the stream; None: nothing.
        """
        step: Ask | Fail | None = self._corrected(hedge, failure, held)
        if step is None:
            step = self._count(hedge, failure, held, brought=False, now=now)
        stepped_down = failure.verdict is Verdict.REJECTED and hedge.route not in self._ranking.left_out
        may_ask = stepped_down and self._may_ask(held)(hedge.route) and self._fruitless < self._policy.max_attempts
        if step is None and may_ask:
            again = self._request_for(hedge.route, held, brought=False, beside=True)
            if isinstance(again, Ask):
                self._count_resume(again, held, beside=True)
                return again
        return step

    def won(self, winner: Ask) -> None:
        """Of several requests this one goes on; the others are given up."""
        self._now = winner

    def after_round(
        self, failure: Failure, held: Partial, *, brought: bool, now: float, jitter: float, ready: Sequence[Readiness]
    ) -> Ask | Fail:
        """What to do now that every request that was made has died, and was counted. Arguments as for `after`."""
        if self._fruitless >= self._policy.max_attempts:
            return Fail(f"{self._fruitless} requests in a row brought nothing")
        # A request that was rejected is not made again, but another one; there is nothing to wait for.
        if failure.verdict is Verdict.REJECTED and not self.hedged:
            jitter = 0.0
        chosen = self._ranking.next(self._now.route, self._may_ask(held), now=now, jitter=jitter, ready=ready)
        if chosen is None:
            return self._nothing_left(failure, held)
        route, wait = chosen
        return self._ask(route, held, wait=wait, brought=brought)

    # -- when all is spent

    def at_leisure(self, held: Partial, among: Collection[int]) -> list[Ask] | Fail:
        """The requests by which what is missing may be asked for in a batch, the best first; or why none can be.

        Counts and waits are for streams. What it may cost in input tokens holds, and what must not be done twice.

        Args:
            held: What was delivered.
            among: The ranks of the routes whose clients have batches.
        """
        situation = what_is_held(held)
        if situation is Held.COMPLETE:
            return Fail("the message is whole")
        if situation is Held.CALLS:
            return Fail("the partial ends with whole tool calls, whose results the conversation waits for")
        if situation is Held.STUCK or self._unknown:
            return Fail("what was delivered cannot be gone on from")
        limit = self._policy.max_extra_input_tokens
        if _resumable(held) and limit is not None and self._extra_input + _input_tokens(held) > limit:
            return Fail("another resume would cost more than Policy.max_extra_input_tokens")
        closed = {rank for rank in self.left_out if rank not in self._waved_off}
        may_ask = self._may_ask(held)
        asks = [Ask(rank, self._form_for(rank, held)) for rank in among if rank not in closed and may_ask(rank)]
        if not asks:
            never = _resumable(held) and self._policy.resume == "never"
            return Fail("Policy.resume is 'never'" if never else "no route is left that could answer")
        if self._acted and not self._policy.allow_replay:
            asks = [ask for ask in asks if ask.form not in ("request", "restart")]
        return asks or Fail("its tools may have acted, and Policy.allow_replay is False")

    # -- a request was lost

    def _corrected(self, lost: Ask, failure: Failure, held: Partial) -> Ask | None:
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
            self._rejected[route].add("prefill")
        if not self._may_ask(held)(route):
            return None
        # No attempt lost, so none counted.
        if lost.form != "request":
            self._resumes -= 1
            self._extra_input -= _input_tokens(held)
        step = Ask(route, self._form_for(route, held))
        self._count_resume(step, held)
        if lost is self._now:
            self._now = step
        return step

    def _makings(self, ask: Ask) -> object:
        """What a request is made of, as far as corrections change it."""
        request, model = self._requests[ask.route], self._requests.model(ask.route)
        return request if ask.form == "request" else (request, model.prefill, model.thinking)

    def _count(self, lost: Ask, failure: Failure, held: Partial, *, brought: bool, now: float) -> Fail | None:
        """Count a request that has died, and rule out what can never work; `Fail` when it is the caller's to mend."""
        if not brought:
            self._fruitless += 1
        self._ranking.lost(lost.route, failure, now)
        if failure.verdict is Verdict.ELSEWHERE and failure.kind in _RETRYABLE:
            self._waved_off.add(lost.route)
        if failure.verdict is Verdict.REJECTED:
            if held.message is None and lost.route == 0:
                return Fail("the API rejected the request", failure.error)
            if _resumable(held) and lost.form != "request":
                self._rejected[lost.route].add(lost.form)
            else:
                self._ranking.leave_out(lost.route)
        return None

    def _nothing_left(self, failure: Failure, held: Partial) -> Fail:
        if _resumable(held) and self._policy.resume == "never":
            return Fail("Policy.resume is 'never'")
        hopeless = failure.verdict in (Verdict.CLIENT, Verdict.ELSEWHERE)
        if held.message is None and hopeless and failure.kind not in _RETRYABLE:
            return Fail("no route is left that could answer", failure.error)
        if failure.retry_after is not None and failure.retry_after > self._policy.max_retry_after:
            return Fail(f"the server asks to wait {failure.retry_after:g} s, longer than Policy.max_retry_after")
        return Fail("no route is left that could answer")

    # -- the next request

    def _soonest(self, step: Ask, held: Partial, now: float, ready: Sequence[Readiness]) -> Ask | Fail:
        """The request that is to be made, to the first route that is ready for it."""
        chosen = self._ranking.soonest(step.route, self._may_ask(held), now=now, ready=ready)
        if chosen is None:
            return Fail("no route may be asked within Policy.max_retry_after")
        route, wait = chosen
        if route != step.route:
            # It is the same request, and counted already.
            step = Ask(route, self._form_for(route, held), costs_retry=step.costs_retry)
        self._now = replace(step, wait=wait)
        return self._now

    def _ask(
        self, route: int, held: Partial, *, wait: float, brought: bool, whole: list[Form] | None = None
    ) -> Ask | Fail:
        step = self._request_for(route, held, wait=wait, brought=brought, whole=whole)
        if isinstance(step, Ask):
            self._count_resume(step, held)
            self._now = step
        return step

    def _request_for(
        self,
        route: int,
        held: Partial,
        *,
        brought: bool,
        wait: float = 0.0,
        whole: list[Form] | None = None,
        beside: bool = False,
    ) -> Ask | Fail:
        """The next request to a route, if the limits allow another; `beside` another, it is no resume of its own."""
        form = self._form_for(route, held) if whole is None else whole[0]
        if _resumable(held):
            if self._resumes >= self._policy.max_resumes and not beside:
                return Fail(f"the rest was asked for {self._resumes} times")
            limit = self._policy.max_extra_input_tokens
            if limit is not None and self._extra_input + _input_tokens(held) > limit:
                return Fail("another resume would cost more than Policy.max_extra_input_tokens")
        return Ask(route, form, wait=wait, costs_retry=not brought, whole=whole is not None)

    def _form_for(self, route: int, held: Partial) -> Form:
        """The form in which a route is asked next."""
        if not _resumable(held):
            return "request"
        form = self._forms(route, held)[0]
        if form.startswith("continue") and starts_over(held):
            # Too little, or nothing but repetition: no end of it would show where to join.
            return "restart"
        return form

    def _count_resume(self, step: Ask, held: Partial, *, beside: bool = False) -> None:
        """Count what a request for the rest costs; one that is made beside another is no resume of its own."""
        if step.form != "request":
            self._resumes += not beside
            self._extra_input += _input_tokens(held)

    def _may_ask(self, held: Partial) -> Callable[[int], bool]:
        """Whether a route can be asked for what is missing."""
        return lambda route: not _resumable(held) or bool(self._forms(route, held))

    def _forms(self, route: int, held: Partial) -> list[Form]:
        options = forms(
            self._requests[route],
            self._requests.model(route),
            held,
            self._policy.resume,
            own_thinking=self._own_thinking(route),
        )
        return [form for form in options if form not in self._rejected[route]]

    def _own_thinking(self, route: int) -> bool:
        """Whether the thinking that was delivered is this route's own."""
        return self._thinker is not None and self.is_same_model(route, self._thinker)


#: Kinds that a server asked not to retry here (`x-should-retry: false`); they are no reason to raise the SDK's error.
_RETRYABLE = frozenset({Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.RATE_LIMITED, Kind.TIMED_OUT, Kind.CONFLICT})


_UNMATCHED = "what was written does not join what was delivered"
_SILENT = "what was delivered looks unfinished, and nothing was added to it"


def _resumable(held: Partial) -> bool:
    return what_is_held(held) in (Held.TEXT, Held.RESULTS)


def _input_tokens(held: Partial) -> int:
    """What a resume costs in input: what the opening request did, as the API said, and the text that is sent back."""
    usage = held.usage
    return sum(usage.get(name) or 0 for name in INPUT_TOKENS) + estimate_tokens(held.text)
