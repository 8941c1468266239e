"""The request at hand, and the choice of the next one: in a form that its route takes, and within the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..requests.forms import Form
from ..requests.resume_state import ResumeState
from .limits import Limits
from .route_forms import RouteForms
from .steps import Ask, Fail

if TYPE_CHECKING:
    from ...policy import Policy
    from ..requests.routed import Requests

__all__ = ["ACTED", "Choice"]

#: What becomes of a stream whose only next request could make a tool act a second time.
ACTED: Final = Fail("its tools may have acted, and Policy.allow_replay is False")


class Choice:
    """What one stream asks for.

    Args:
        policy: The limits.
        requests: The original request as each route sends it.

    Attributes:
        now: The request that is being made, or was made last.
        forms: In which form each route is asked.
        limits: What was asked for so far, and how much more may be.
    """

    def __init__(self, policy: Policy, requests: Requests) -> None:
        self._allow_replay = policy.allow_replay
        self.now: Ask = Ask(route=0, form="request")
        self.forms: RouteForms = RouteForms(policy, requests)
        self.limits: Limits = Limits(policy)

    def ask(
        self,
        route: int,
        state: ResumeState,
        *,
        brought: bool,
        wait: float = 0.0,
        form: Form | None = None,
        whole: bool = False,
    ) -> Ask | Fail:
        """The next request, which is the one at hand from now on, and is counted."""
        step = self.request_for(route, state, form=form, wait=wait, brought=brought, whole=whole)
        if isinstance(step, Ask):
            self.limits.count(step, state)
            self.now = step
        return step

    def request_for(
        self,
        route: int,
        state: ResumeState,
        *,
        brought: bool,
        wait: float = 0.0,
        form: Form | None = None,
        whole: bool = False,
        beside: bool = False,
    ) -> Ask | Fail:
        """The next request to a route, if the limits allow another; `beside` another, it is no resume of its own."""
        form = form or self.forms.next(route, state)
        refused = self.limits.refuse_resume(state, beside=beside)
        if refused is None and not self.may_be_made(form, state):
            refused = ACTED
        return refused or Ask(route, form, wait=wait, costs_retry=not brought, whole=whole)

    def may_be_made(self, form: Form, state: ResumeState) -> bool:
        """Whether a request in this form cannot make a tool act a second time, or may."""
        afresh = form in ("request", "restart")
        return not (afresh and state.acted) or self._allow_replay
