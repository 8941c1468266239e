"""What one stream has asked for, counted, and how much more `Policy` allows. The deadline is the engine's to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..failure import Failure, Kind, Verdict
from ..requests.resume_state import ResumeState
from .steps import Ask, Fail

if TYPE_CHECKING:
    from ...policy import Policy

__all__ = ["RATE_LIMIT_PATIENCE", "Limits"]

#: How long one stream obeys rate limits before it gives up, until content comes again: the sum of what each 429 has
#: asked for, in seconds, and at least one for each. Ours: the limits refill by the minute, so an hour of them is a
#: quota that waiting does not mend, and a server that answers with nothing else must end some day.
RATE_LIMIT_PATIENCE: Final = 3600.0


class Limits:
    """The counts of one stream.

    Args:
        policy: The limits.

    Attributes:
        fruitless: Requests in a row that brought nothing.
        asked_again: How often in a row one route was asked again for a continuation that did not join.
        unjoined: The ranks of the routes whose continuations did not join, since the last content.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.fruitless: int = 0
        self.asked_again: int = 0
        self.unjoined: set[int] = set()
        self._resumes = 0
        self._extra_input = 0  # tokens
        self._limited = 0.0  # seconds

    def go_on(self, resumes: int, extra_input: int) -> None:
        """Count what others have asked for: the resumes, and what they have cost in input, in tokens."""
        self._resumes += resumes
        self._extra_input += extra_input

    def content(self) -> None:
        """Something was brought that is kept: what is counted in a row starts again."""
        self.fruitless = self.asked_again = 0
        self._limited = 0.0
        self.unjoined.clear()

    def lost(self) -> None:
        """A request has brought nothing."""
        self.fruitless += 1

    def is_honoured(self, failure: Failure) -> bool:
        """Whether it is a rate limit that says when to come back, and is obeyed: no illness, and no request in vain.

        One that says "at once" is backed off like one that says nothing, as in the SDK. And with one attempt there is
        no other, whatever the first died of, as in gRPC.
        """
        if failure.kind is not Kind.RATE_LIMITED or failure.verdict is not Verdict.RETRY:
            return False
        if self._policy.max_attempts == 1:
            return False
        return failure.retry_after is not None and 0 < failure.retry_after <= self._policy.max_retry_after

    def limited(self, seconds: float) -> None:
        """A rate limit is obeyed for so many seconds."""
        self._limited += max(1.0, seconds)

    def refuse_limited(self) -> Fail | None:
        """Why rate limits are obeyed no longer; None: they are."""
        if self._limited <= RATE_LIMIT_PATIENCE:
            return None
        return Fail(f"rate limits have held it up for more than {RATE_LIMIT_PATIENCE:g} s, and nothing has come")

    @property
    def attempts_left(self) -> int:
        """How many more requests in a row may bring nothing."""
        return max(0, self._policy.max_attempts - self.fruitless)

    @property
    def may_ask_again(self) -> bool:
        """Whether the route at hand may be asked again for a continuation that does not join."""
        return self.asked_again < self._policy.verify_seam

    def count(self, ask: Ask, state: ResumeState, *, beside: bool = False) -> None:
        """Count what a request for the rest costs; one that is made beside another is no resume of its own."""
        if ask.form != "request":
            self._resumes += not beside
            self._extra_input += state.input_tokens

    def refuse_resume(self, state: ResumeState, *, beside: bool = False) -> Fail | None:
        """Why the rest may not be asked for once more, or once more beside another request; None: it may."""
        if state.is_resumable and self._resumes >= self._policy.max_resumes and not beside:
            return Fail(f"the rest was asked for {self._resumes} times")
        return self.refuse_cost(state)

    def refuse_cost(self, state: ResumeState) -> Fail | None:
        """Why the rest may not be asked for at the price of another resume; None: it may."""
        limit = self._policy.max_extra_input_tokens
        if state.is_resumable and limit is not None and self._extra_input + state.input_tokens > limit:
            return Fail("another resume would cost more than Policy.max_extra_input_tokens")
        return None
