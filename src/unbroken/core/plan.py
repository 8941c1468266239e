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
    TEXT             the rest, here or on    the rest from the    the rest from another   the rest in another form,
                     the next route          next route           client                  then from the next route
    STUCK            nothing can be asked that would not do or say something twice: `StreamFailed`

A request whose server-side tools may have acted is not sent afresh (`allow_replay`).

A prefill that is refused as unsupported turns its model to the *continue* form, and is no attempt lost. Where nothing
is left to ask, `StreamFailed` comes with the partial; before any content, an error that no route can mend (a wrong
key, an unknown model) comes as the SDK raised it.

Limits: `max_attempts` requests in a row that brought nothing, `max_attempts_per_route` of them before the next
route's turn, `max_resumes` and `max_extra_input_tokens` in all. Waits: full jitter when the same route is asked again,
none when another is; a `retry-after` is obeyed on its route up to `max_retry_after`, and above it the route is passed
over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from .anchor import choose_anchor
from .failure import Failure, Kind, Verdict
from .models import lookup
from .partial import THINKING, Partial
from .resume import Form, estimate_tokens, forms

if TYPE_CHECKING:
    from ..policy import Policy
    from ..routes import Route

__all__ = ["Ask", "Fail", "Finish", "Held", "JoinAsItIs", "Plan", "Step", "what_is_held"]


class Held(Enum):
    """What was delivered, as far as it decides."""

    COMPLETE = "complete"
    CALLS = "calls"
    NOTHING = "nothing"
    TEXT = "text"
    STUCK = "stuck"


def what_is_held(partial: Partial) -> Held:
    """Only finished blocks and the open text count (DESIGN, section 3)."""
    if partial.complete:
        return Held.COMPLETE
    if partial.whole_calls:
        return Held.CALLS
    if partial.trailing_text.strip():
        return Held.TEXT
    if all(block["type"] in (*THINKING, "text") for block in partial.content):
        return Held.NOTHING
    return Held.STUCK


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request.

    Attributes:
        route: The rank of the route.
        form: The caller's own request, or the form of the resume.
        wait: Seconds to wait first.
        costs_retry: Whether it has to be paid from the retry budget.
        whole: Whether all of the text is sent back, so that nothing but the echo tells where to join.
    """

    route: int
    form: Form
    wait: float = 0.0
    costs_retry: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The message is done; supply what is missing of its end."""

    message_stop: bool
    as_tool_use: bool = False


@dataclass(frozen=True, slots=True)
class JoinAsItIs:
    """The continuation matches nothing, and is joined without having been verified."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Nothing more is asked.

    Attributes:
        why: One clause for the error's message.
        error: The SDK's error to raise unchanged; None for `StreamFailed`.
    """

    why: str
    error: Exception | None = None


Step = Ask | Finish | Fail


@dataclass(slots=True)
class _RouteState:
    """What is known of a route."""

    prefill: bool
    failures: int = 0  # in a row, since the last content
    turn: int = 0  # of those, in its present turn
    left_out: bool = False
    not_before: float = 0.0  # seconds, on the caller's clock
    rejected: set[Form] = field(default_factory=set)


class Plan:
    """Decides for one stream. It keeps the counts; the clock and the dice are the caller's.

    Args:
        policy: The limits.
        routes: In rank order.
        requests: The original request as each route sends it; None for a route whose model cannot take it.
        prefill: For each route, whether its model is believed to accept a prefill.
    """

    def __init__(
        self,
        policy: Policy,
        routes: Sequence[Route],
        requests: Sequence[Mapping[str, Any] | None],
        prefill: Sequence[bool],
    ) -> None:
        self._policy = policy
        self._routes = routes
        self._requests = [request or {} for request in requests]
        self._states = [
            _RouteState(prefill=accepts, left_out=request is None)
            for accepts, request in zip(prefill, requests, strict=True)
        ]
        self._now = Ask(route=0, form="request")
        self._fruitless = 0
        self._resumes = 0
        self._extra_input = 0
        self._asked_again = 0
        self._thinker: int | None = None
        self._acted = False

    @property
    def asking(self) -> Ask:
        """The request that is being made, or was made last."""
        return self._now

    @property
    def left_out(self) -> list[int]:
        """The ranks of the routes that are not asked any more."""
        return [rank for rank, state in enumerate(self._states) if state.left_out]

    def content(self, *, thinking: bool = False) -> None:
        """The attempt at hand brought something that is kept: the counts start again.

        Args:
            thinking: Whether it was a whole thinking block.
        """
        self._fruitless = 0
        self._asked_again = 0
        for state in self._states:
            state.failures = state.turn = 0
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
    ) -> Step:
        """What to do now that the attempt at hand has died.

        Args:
            failure: What it died of.
            held: What was delivered, by all attempts.
            brought: Whether this attempt brought something new.
            now: Monotonic seconds.
            jitter: A random number between 0 and 1.
            acted: Whether it had begun to use a server-side tool that changes things.
        """
        self._acted = self._acted or acted
        situation = what_is_held(held)
        if situation is Held.COMPLETE:
            return Finish(message_stop=not failure.clean_end and not held.stopped)
        if situation is Held.CALLS:
            return Finish(message_stop=True, as_tool_use=True)
        if situation is Held.STUCK:
            return Fail("what was delivered cannot be gone on from")
        state = self._states[self._now.route]
        if failure.kind is Kind.PREFILL_UNSUPPORTED and state.prefill and self._now.form == "prefill":
            state.prefill = False
            state.rejected.add("prefill")
            if self._forms(self._now.route, held):
                # No attempt lost, so none counted.
                self._resumes -= 1
                self._extra_input -= _input_tokens(held)
                return self._ask(self._now.route, held, wait=0.0, brought=True)
        step = self._after_loss(failure, held, situation, brought=brought, now=now, jitter=jitter)
        afresh = isinstance(step, Ask) and step.form in ("request", "restart")
        if afresh and self._acted and not self._policy.allow_replay:
            return Fail("its tools may have acted, and Policy.allow_replay is False")
        return step

    def after_unmatched(self, held: Partial) -> Step | JoinAsItIs:
        """What to do with a continuation whose head matches nothing that was delivered."""
        restarted = self._now.form == "restart"
        if self._asked_again >= self._policy.verify_seam and not restarted:
            return JoinAsItIs()
        options: list[Form] = [form for form in self._forms(self._now.route, held) if form != "prefill"]
        if restarted and (options in ([], ["restart"]) or self._fruitless + 1 >= self._policy.max_attempts):
            # A document that was begun anew and goes another way can only be glued, and is not.
            return Fail("the new answer does not replay what was delivered")
        self._asked_again += not restarted
        self._fruitless += 1
        step = self._ask(self._now.route, held, wait=0.0, brought=True, whole=options)
        return JoinAsItIs() if isinstance(step, Fail) and not restarted else step

    # -- a request was lost

    def _after_loss(
        self, failure: Failure, held: Partial, situation: Held, *, brought: bool, now: float, jitter: float
    ) -> Step:
        if not brought:
            self._fruitless += 1
        state = self._states[self._now.route]
        state.failures += 1
        state.turn += 1
        if failure.retry_after is not None:
            state.not_before = now + failure.retry_after
        if held.message is None and failure.verdict is Verdict.REJECTED and self._now.route == 0:
            return Fail("the API rejected the request", failure.error)
        self._rule_out(failure, situation)
        if self._fruitless >= self._policy.max_attempts:
            return Fail(f"{self._fruitless} requests in a row brought nothing")
        route = self._next_route(held, now)
        if route is None:
            return self._nothing_left(failure, held)
        ask_again = route == self._now.route
        wait = self._policy.backoff(state.failures, jitter) if ask_again else 0.0
        if failure.verdict is Verdict.REJECTED:
            wait = 0.0
        if route != self._now.route:
            self._states[route].turn = 0
        wait = max(wait, self._states[route].not_before - now)
        return self._ask(route, held, wait=wait, brought=brought)

    def _rule_out(self, failure: Failure, situation: Held) -> None:
        """Leave out what this failure says can never work."""
        here = self._routes[self._now.route]
        match failure.verdict:
            case Verdict.CLIENT:
                for route, state in zip(self._routes, self._states, strict=True):
                    state.left_out = state.left_out or route.client is here.client
            case Verdict.ELSEWHERE:
                self._states[self._now.route].left_out = True
            case Verdict.REJECTED if situation is Held.TEXT and self._now.form != "request":
                self._states[self._now.route].rejected.add(self._now.form)
            case Verdict.REJECTED:
                self._states[self._now.route].left_out = True

    def _next_route(self, held: Partial, now: float) -> int | None:
        """The same route until its turn is over, then the next one that can be asked; None when there is none."""
        ranks = [(self._now.route + step) % len(self._routes) for step in range(len(self._routes))]
        if self._states[self._now.route].turn >= self._policy.max_attempts_per_route:
            ranks = [*ranks[1:], ranks[0]]
        for rank in ranks:
            state = self._states[rank]
            too_long = state.not_before - now > self._policy.max_retry_after
            if not state.left_out and not too_long and (self._forms(rank, held) or not _resumable(held)):
                if rank == self._now.route and state.turn >= self._policy.max_attempts_per_route:
                    state.turn = 0
                return rank
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

    def _ask(
        self, route: int, held: Partial, *, wait: float, brought: bool, whole: list[Form] | None = None
    ) -> Ask | Fail:
        form: Form = "request"
        if _resumable(held):
            options = self._forms(route, held) if whole is None else whole
            form = options[0]
            if form.startswith("continue") and whole is None and not choose_anchor(held.trailing_text).sent:
                # Too little, or nothing but repetition: no end of it would show where to join.
                form = "restart"
            if self._resumes >= self._policy.max_resumes:
                return Fail(f"the rest was asked for {self._resumes} times")
            limit = self._policy.max_extra_input_tokens
            cost = _input_tokens(held)
            if limit is not None and self._extra_input + cost > limit:
                return Fail("another resume would cost more than Policy.max_extra_input_tokens")
            self._resumes += 1
            self._extra_input += cost
        self._now = Ask(route, form, wait=max(0.0, wait), costs_retry=not brought, whole=whole is not None)
        return self._now

    def _forms(self, route: int, held: Partial) -> list[Form]:
        state = self._states[route]
        options = forms(
            self._requests[route],
            lookup(self._routes[route].model),
            held,
            self._policy.resume,
            prefill=state.prefill,
            own_thinking=self._own_thinking(route),
        )
        return [form for form in options if form not in state.rejected]

    def _own_thinking(self, route: int) -> bool:
        """Whether the thinking that was delivered is this route's own."""
        if self._thinker is None:
            return False
        mine, theirs = self._routes[route], self._routes[self._thinker]
        return mine.model == theirs.model and mine.client is theirs.client


#: Kinds that a server asked not to retry here (`x-should-retry: false`); they are no reason to raise the SDK's error.
_RETRYABLE = frozenset({Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.RATE_LIMITED, Kind.TIMED_OUT, Kind.CONFLICT})


def _resumable(held: Partial) -> bool:
    return what_is_held(held) is Held.TEXT


def _input_tokens(held: Partial) -> int:
    """What a resume costs in input: what the opening request did, as the API said, and the text that is sent back."""
    usage = held.usage
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(usage.get(name) or 0 for name in names) + estimate_tokens(held.text)
