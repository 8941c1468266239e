"""One request that was sent, and what has come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from ..core.failure import Failure
from ..core.plan.steps import Ask
from ..core.wire.decoded import Event
from ..health.permit import Permit
from ..reporting.attempt_recorder import AttemptRecorder
from ..reporting.sdk_span import SdkSpan
from ..sdk.call_site import CallSite
from ..sdk.typed_events import Api
from .attempt import Attempt

if TYPE_CHECKING:
    from ..core.seam.seam import Seam
    from ..health.limits.limiter import Place

__all__ = ["Exchange"]

#: How long the loser of a race may keep the winner waiting while it is closed, in seconds.
_PATIENCE: Final = 0.05


@dataclass(slots=True)
class Exchange:
    """One request that was sent, and what has come of it.

    Attributes:
        step: What the plan said.
        attempt: The request itself.
        recorder: Keeps its entry in the report.
        permit: What `Health` is told of it.
        seam: How its text will be joined; None for one that starts from nothing.
        messages: The client's `messages`.
        request: The arguments of `messages.stream`.
        call_site: The line that the SDK's warnings are about.
        events: What has arrived and was not taken yet.
        failure: What it died of, after those events; None while it lives.
        counted: Whether the plan was told already that it has died, as one of several.
        brought: Whether it has brought something that is kept.
        api: Which of the client's resources `messages` is.
        sdk_span: What keeps the SDK's own span of it; None: it has none.
    """

    step: Ask
    attempt: Attempt
    recorder: AttemptRecorder
    permit: Permit
    seam: Seam | None
    messages: Any
    request: Mapping[str, Any]
    call_site: CallSite
    events: list[Event] = field(default_factory=list)
    failure: Failure | None = None
    counted: bool = False
    brought: bool = False
    api: Api = "messages"
    sdk_span: SdkSpan | None = None

    async def open(self) -> bool:
        """Send it and wait for its headers; `failure` says why none came."""
        with self.recorder.current():
            self.failure = await self.attempt.open(self.messages, self.request, self.call_site)
        if self.permit.place is not None:
            self._tell_limits(self.permit.place)
        if self.failure is not None:
            return False
        response = self.attempt.response
        self.recorder.headers(self.attempt.request_id, 200 if response is None else response.status_code, self.seam)
        self.sdk_span = SdkSpan.of(response, self.api)
        return True

    def _tell_limits(self, place: Place) -> None:
        """What is left stands in the headers of every response, of a refusal too."""
        response = self.attempt.response
        if self.failure is not None:
            response = getattr(self.failure.error, "response", None)
        if response is not None:
            place.told(response.headers.raw)

    async def receive(self) -> None:
        """Add what arrives next to `events`, or say in `failure` why nothing will."""
        events, self.failure = await self.attempt.receive()
        self.events += events
        if self.sdk_span is not None:
            self.sdk_span.take(events, self.failure)
        if (seconds := self.recorder.receive(events)) is not None:
            self.permit.content(seconds)

    async def until_content(self) -> bool:
        """Receive until there is content: a 200, a `message_start` and pings are not health. False: it died before.

        An answer that is whole without content, such as a refusal, is an answer all the same.
        """
        while self.failure is None and not self._has_answered:
            await self.receive()
        return self._has_answered

    @property
    def _has_answered(self) -> bool:
        return self.attempt.content or any(_ends(event) for event in self.events)

    # -- the end; the first one counts

    def completed(self) -> None:
        """The message is whole."""
        self.recorder.end("complete")
        self.permit.succeeded()

    def failed(self, failure: Failure) -> None:
        """It died."""
        self.recorder.end(failure.kind, failure)
        self.permit.failed(failure, cut=self.attempt.content)

    def lost(self, input_tokens: int) -> None:
        """Another route was faster. The API may bill it, and does not say: its input is assumed to be the winner's."""
        if self.is_open:
            self.recorder.assume_input(input_tokens)
        self.recorder.end("lost")
        self.permit.lost(self.recorder.since_sent())

    def cancelled(self) -> None:
        """The caller has left, or the deadline has passed."""
        self.recorder.end("cancelled")
        self.permit.cancelled()

    @property
    def is_open(self) -> bool:
        """Whether it is still being waited for, or read."""
        return self.recorder.entry.ended is None

    async def discard(self) -> bool:
        """Close a loser. False: it takes too long; it goes on by itself, and `attempt.aclose` waits for its end."""
        with anyio.move_on_after(_PATIENCE, shield=True) as scope:
            await self.attempt.aclose(shield=False)
        return not scope.cancelled_caught


def _ends(event: Event) -> bool:
    """Whether the message is whole with this event."""
    type_ = event.get("type")
    return type_ == "message_stop" or (type_ == "message_delta" and event["delta"].get("stop_reason") is not None)
