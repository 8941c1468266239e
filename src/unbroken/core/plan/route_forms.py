"""In which form each route is asked for what is missing: what was found out in this stream, and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..requests.forms import Form, forms
from ..requests.resume_state import ResumeState

if TYPE_CHECKING:
    from ...policy import Policy
    from ..requests.routed import Requests

__all__ = ["RouteForms", "starts_over"]


def starts_over(state: ResumeState) -> bool:
    """Whether the answer is written anew, and has to replay what was delivered: nothing shows where to join.

    Not where something else than text and thinking was delivered, such as a tool's result: that would come twice.
    """
    return state.is_written and not state.has_anchor


class RouteForms:
    """The forms that are left to each route of one stream.

    Args:
        policy: Which forms the caller prefers.
        requests: The original request as each route sends it.

    Attributes:
        thinker: The rank of the route that has written the last whole thinking; None: none is known.
    """

    def __init__(self, policy: Policy, requests: Requests) -> None:
        self._preference = policy.resume
        self._requests = requests
        self._rejected: list[set[Form]] = [set() for _ in range(len(requests))]
        self.thinker: int | None = None

    def reject(self, route: int, form: Form) -> None:
        """A route's API does not take this form."""
        self._rejected[route].add(form)

    def of(self, route: int, state: ResumeState) -> list[Form]:
        """The forms in which a route can be asked for the rest, best first."""
        own = self.thinker is not None and self._requests.is_same_model(route, self.thinker)
        options = forms(self._requests[route], self._requests.model(route), state, self._preference, own_thinking=own)
        return [form for form in options if form not in self._rejected[route]]

    def can_ask(self, route: int, state: ResumeState) -> bool:
        """Whether a route can be asked for what is missing."""
        return not state.is_resumable or bool(self.of(route, state))

    def askable(self, state: ResumeState) -> frozenset[int]:
        """The ranks of the routes that can be asked for what is missing."""
        return frozenset(rank for rank in range(len(self._requests)) if self.can_ask(rank, state))

    def next(self, route: int, state: ResumeState) -> Form:
        """The form in which a route is asked next, which has one."""
        if not state.is_resumable:
            return "request"
        form = self.of(route, state)[0]
        return "restart" if form.startswith("continue") and starts_over(state) else form
