"""What a stream begins with that others have begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.message.effects import Effects
from ..core.message.partial import Partial
from ..core.plan.plan import Plan
from ..core.requests.routed import Requests
from ..core.splicing.splicer import Splicer
from ..core.wire.counters import INPUT_TOKENS
from ..policy import Policy
from ..report import AttemptReport, Notice
from ..routes import Route

__all__ = ["Begun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A message that was begun, and how.

    Attributes:
        partial: What was delivered of it. It grows from now on.
        acted: Whether any attempt has begun to use a server-side tool that may change something.
        unknown: Whether any attempt has brought a block of a type that this version does not know.
        cut: Whether a request was out whose end nobody has seen: where its tools may act, it may have acted.
        thinker: The model that has written the last whole thinking; None: none is known.
        attempts: Every request that was made, in order.
        failed_after: The number of the last of them that counts for no limit any more: after it the stream had failed,
            and was asked for once more.
        notices: What was told on the way.
    """

    partial: Partial = field(default_factory=Partial)
    acted: bool = False
    unknown: bool = False
    cut: bool = False
    thinker: str | None = None
    attempts: Sequence[AttemptReport] = ()
    failed_after: int = 0
    notices: Sequence[Notice] = ()

    @property
    def resumes(self) -> int:
        """How often the rest was asked for; a race counts once."""
        return sum(not attempt.hedge for attempt in self._counted)

    @property
    def extra_input(self) -> int:
        """What that has cost in input, in tokens: as the API said, and else as it was estimated."""
        asked = self._counted
        told = [[getattr(attempt, name) or 0 for name in INPUT_TOKENS] for attempt in asked]
        return sum(sum(each) or attempt.estimated_input_tokens or 0 for each, attempt in zip(told, asked, strict=True))

    @property
    def _counted(self) -> Sequence[AttemptReport]:
        """Those that asked for the rest, since the stream has failed last."""
        return [each for each in self.attempts if each.form != "request" and each.number > self.failed_after]

    def splicer(self, policy: Policy, requests: Sequence[Mapping[str, Any]]) -> Splicer:
        """What joins the attempts that are made from now on to what was delivered.

        Args:
            policy: What is delivered as it grows.
            requests: The original request as each route sends it, in rank order.
        """
        effects = Effects(requests)
        splicer = Splicer(
            live=policy.live,
            stop_sequences=requests[0].get("stop_sequences") or (),
            whole_words=policy.whole_words,
            effects=effects,
            partial=self.partial,
        )
        splicer.acted = self.acted or (self.cut and effects.possible)
        splicer.unknown = self.unknown
        return splicer

    def plan(self, policy: Policy, routes: Sequence[Route], requests: Requests) -> Plan:
        """What is asked from now on; arguments as for `Plan`."""
        models = [route.model for route in routes]
        plan = Plan(policy, routes, requests)
        thinker = models.index(self.thinker) if self.thinker in models else None
        plan.go_on(resumes=self.resumes, extra_input=self.extra_input, thinker=thinker)
        return plan
