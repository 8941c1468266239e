"""Takes in what the attempts of one stream bring: splices it into one message, hands it over, and sees them die."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

import anthropic
import anyio

from ..core.failure import Failure, Kind, of_kind
from ..core.message.blocks import THINKING
from ..core.message.partial import Partial
from ..core.plan.plan import Plan
from ..core.plan.steps import JoinAsItIs, Step
from ..core.requests.resume_state import ResumeState
from ..core.splicing.splicer import Splicer, Trouble
from ..core.wire.decoded import Event, Malformed
from ..core.wire.deltas import Delta
from ..reporting.notifier import Notifier
from ..routes import Route
from .admission import Admission
from .exchange import Exchange
from .feed import EventFeed
from .preflight import UntoldFindings

__all__ = ["Death", "Intake"]

#: How long a response may stay open after `message_stop`, in seconds, whatever comes meanwhile; a body that ends is a
#: connection to use again.
_LINGER: Final = 2.0


@dataclass(frozen=True, slots=True)
class Death:
    """An attempt has died.

    Attributes:
        failure: What it died of.
        step: What the plan has said already; None: it is to be asked.
        state: What it said that of.
    """

    failure: Failure
    step: Step | None = None
    state: ResumeState | None = None


class Intake:
    """One message of many attempts.

    Args:
        splicer: Joins them.
        plan: Says what becomes of a continuation that does not join.
        routes: In rank order.
        admission: Knows how ready the routes are, and what died.
        notifier: Tells of what is joined unverified, and of what is given up.
        findings: What preflight finds in the request; it is told once there is content, which does not wait for it.
        is_document: Whether a text is the one document that the answer has to be. None: any answer will do.
        feed: Takes the events to whoever reads them.

    Attributes:
        out: Takes the events to the reader.
        partial: Everything that was delivered.
        exchange: The attempt at hand; None while there is none.
        death: What it died of, while that is not seen to: the reader is to have taken first what it brought.
        origin: The rank of the route that opened the message; None where it was not opened, or by none of these.
    """

    def __init__(
        self,
        splicer: Splicer,
        plan: Plan,
        routes: Sequence[Route],
        admission: Admission,
        notifier: Notifier,
        findings: UntoldFindings,
        *,
        is_document: Callable[[str], bool] | None,
        feed: EventFeed,
    ) -> None:
        self.out: EventFeed = feed
        self.exchange: Exchange | None = None
        self.death: Death | None = None
        # Of what was delivered before this stream it is known by the name of the model alone.
        models = [route.model for route in routes]
        name = (splicer.partial.message or {}).get("model")
        self.origin: int | None = models.index(name) if name in models else None
        self.partial: Partial = splicer.partial
        self._splicer = splicer
        self._plan = plan
        self._admission = admission
        self._notifier = notifier
        self._findings = findings
        self._is_document = is_document
        self._lingers_until: float | None = None
        # Of what others have begun, what waits for a result that will not come now is given up as after any cut.
        splicer.abandon_orphans()

    def hand_over_again(self) -> None:
        """Hand over what was delivered before this stream: its reader gets the message from its beginning."""
        self._deliver(list(self.partial.events()))

    def state(self) -> ResumeState:
        """What was delivered up to now, as far as it decides what is asked."""
        return ResumeState.of(self.partial, acted=self._splicer.acted, unknown=self._splicer.unknown)

    # -- one attempt after another

    def begin(self, exchange: Exchange, *, own: bool) -> None:
        """Read this attempt from now on; `own` as for `Splicer.begin`."""
        self.exchange = exchange
        # A restart is made under the constraint; a resume is made without it.
        is_document = self._is_document if exchange.step.form.startswith("continue") else None
        self._deliver(self._splicer.begin(exchange.seam, own=own, is_document=is_document), is_new=False)
        self.out.begin()
        self._notify_abandoned()

    def end(self) -> bool:
        """The attempt has died: hand over what had waited for no more than its next event.

        Returns:
            Whether what was delivered has changed by that.
        """
        given_up, last = len(self._splicer.abandoned), self._splicer.end()
        self._deliver(last)
        self._splicer.abandon_orphans()
        return bool(last) or len(self._splicer.abandoned) > given_up

    def forget(self) -> None:
        """What the attempt had not delivered will be written again, or nothing more is asked."""
        self._splicer.abort()

    def finish(self, *, as_tool_use: bool) -> None:
        """Supply what is missing of the message's end."""
        self._deliver(self._splicer.finish(as_tool_use=as_tool_use), is_new=False)
        self._notify_abandoned()

    # -- reading

    async def read(self) -> None:
        """Read until the message has stopped, or until `death` says of what the attempt at hand has died.

        It may die of its failure, or of an event that cannot be spliced in.
        """
        splicer = self._splicer
        while self.death is None and not self.partial.stopped:
            exchange = self.exchange
            assert exchange is not None
            if not exchange.events:
                await exchange.receive()
            events, exchange.events = exchange.events, []
            spliced: list[Event] = []
            for event in events:
                spliced += splicer.feed(event)
                if splicer.trouble is not None:
                    # What has arrived is delivered before that is seen to.
                    self._deliver(spliced)
                    spliced = []
                    self._see_to(splicer.trouble)
                    if self.death is not None:
                        break
            else:
                self._deliver(spliced)
                if exchange.failure is not None:
                    self.death = Death(exchange.failure)
            await self.out.room()
            if self._findings.untold and self.partial.message is not None:
                self._findings.tell()

    async def linger(self) -> bool:
        """The message is whole; read on, for what may follow and to free the connection. Whether the body has ended."""
        exchange, now = self.exchange, anyio.current_time()
        assert exchange is not None
        self._lingers_until = until = self._lingers_until or now + _LINGER
        with anyio.CancelScope(deadline=until) as scope:
            if exchange.failure is None:
                await exchange.receive()
        events, exchange.events = exchange.events, []
        for event in events:
            self._deliver(self._splicer.feed(event))
        return exchange.failure is not None or scope.cancelled_caught or now >= until

    def _see_to(self, trouble: Trouble) -> None:
        """The splicer cannot go on by itself; the attempt may die of it."""
        match trouble:
            case "unmatched":
                self._unmatched()
            case "silent":
                self._silent()
            case "refused":
                self._die(Kind.REFUSED, "The model refused to go on.")
            case "invalid":
                self._die(Kind.INVALID_DOCUMENT, "The continuation does not make the document that was asked for.")
            case "malformed":
                assert self.exchange is not None
                self.death = Death(self.exchange.attempt.malformed(Malformed(self._splicer.broken or "")))
            case _:
                assert_never(trouble)

    def _die(self, kind: Kind, message: str, step: Step | None = None, state: ResumeState | None = None) -> None:
        assert self.exchange is not None
        response = self.exchange.attempt.response
        assert response is not None
        error = anthropic.APIError(message, response.request, body=None)
        self.death = Death(of_kind(kind, error, status=200), step, state)

    def _deliver(self, events: Sequence[Event], *, is_new: bool = True) -> None:
        """Hand events over to the reader. Every event that a reader gets goes through here, in this order.

        Args:
            events: What may be delivered.
            is_new: Whether the attempt at hand has brought it; then it may be progress.
        """
        if not events:
            return
        self.out.put(events)
        exchange = self.exchange
        if exchange is None:
            return
        exchange.recorder.deliver(events)
        if self.origin is None:
            self.origin = exchange.step.route
        for event in events if is_new else ():
            if not isinstance(event, Delta):
                self._note_block(event, exchange)
            elif not exchange.brought and event.kind == "text_delta" and self._is_kept(event):
                exchange.brought = True
                self._plan.content()

    def _is_kept(self, delta: Delta) -> bool:
        """Only what is kept is new: what is dropped and written again, such as half a thought, could go on for ever."""
        blocks = self.partial.blocks
        return delta.index < len(blocks) and blocks[delta.index].type == "text" and bool(delta.piece.strip())

    def _note_block(self, event: Event, exchange: Exchange) -> None:
        match event:
            case {"type": "content_block_stop", "index": index} if index < len(self.partial.blocks):
                block = self.partial.blocks[index]
                if not block.abandoned and (block.type != "text" or block.text.strip()):
                    exchange.brought = True
                    self._plan.content(thinking=block.type in THINKING)

    def _unmatched(self) -> None:
        """The continuation's head matches nothing: see to it that it is asked for again, or join it as it is."""
        state = self.state()
        step = self._plan.unjoined.after_unmatched(
            state,
            joinable=self._splicer.may_join_as_it_is,
            now=anyio.current_time(),
            ready=self._admission.readiness(),
        )
        if not isinstance(step, JoinAsItIs):
            self._die(Kind.SEAM_UNMATCHED, "The continuation does not join what was delivered.", step, state)
            return
        if self._is_document is not None:
            # Two documents are never glued: what comes next is to be the whole one, begun anew.
            self._die(Kind.INVALID_DOCUMENT, "The continuation is not of the document that was begun.")
            return
        self._notifier.notice("seam_unverified", "the continuation matches nothing that was delivered; joined as it is")
        self._deliver(self._splicer.join_unverified())

    def _silent(self) -> None:
        """The continuation adds nothing to a text that looks unfinished: ask again, or take that for the end."""
        state = self.state()
        step = self._plan.unjoined.after_silence(
            state, ending=self._splicer.ending, now=anyio.current_time(), ready=self._admission.readiness()
        )
        if not isinstance(step, JoinAsItIs):
            self._die(Kind.NOTHING_ADDED, "The continuation adds nothing to what was delivered.", step, state)
            return
        self._notifier.notice("seam_unverified", "the continuation adds nothing; what was delivered is taken for all")
        self._deliver(self._splicer.join_unverified())

    def _notify_abandoned(self) -> None:
        for type_ in self._splicer.abandoned:
            self._notifier.notice("block_abandoned", f"an unfinished {type_} block was given up")
        self._splicer.abandoned.clear()
