"""Fits the events of one attempt into the message.

Its `message_start` is dropped where there is one already, its blocks get the next free indices, its text goes through
the seam into the block that was open, thinking that is not the message's own is left out, and a block that is not live
is held until it is whole. What becomes of a block is its role (`block_role.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Literal, assert_never

from ..message.blocks import THINKING
from ..message.partial import Partial
from ..wire.decoded import Event
from .block_role import Flow, Incoming, role_of
from .continuation import Continuation
from .delivery import Delivery
from .usage import MessageUsage
from .visible_text import VisibleText

if TYPE_CHECKING:
    from ..seam.seam import Seam

__all__ = ["Joining", "Obstacle"]

#: Why an attempt cannot be fitted in.
Obstacle = Literal["unmatched", "silent", "refused"]

#: Where one of these meets an obstacle, all of the text has come.
_BEHIND_TEXT: Final = ("content_block_start", "message_delta", "message_stop")


class Joining:
    """Takes the events of one attempt, which keep the grammar, and delivers what they are in the message.

    Args:
        partial: Everything that was delivered, as `delivery` adds to it.
        seam: By which the attempt's text is joined; None where nothing is to be joined.
        text: Where its text goes.
        delivery: Where everything else goes.
        live: The block types that are delivered as they grow.
        drops_thinking: Whether its thinking is left out.

    Attributes:
        continuation: What the attempt has made of the text that was delivered.
        obstacle: Why it cannot be fitted in as it is; None while it can. Every event waits from then on.
        flow: The deltas that may go on without coming here; None: there are no such.
    """

    def __init__(
        self,
        partial: Partial,
        seam: Seam | None,
        text: VisibleText,
        delivery: Delivery,
        *,
        live: Collection[str],
        drops_thinking: bool,
    ) -> None:
        self.continuation: Continuation = Continuation(partial, seam)
        self.obstacle: Obstacle | None = None
        self.flow: Flow | None = None
        self._partial = partial
        self._seam = seam
        self._text = text
        self._delivery = delivery
        self._live = live
        self._drops_thinking = drops_thinking
        self._incoming: dict[int, Incoming] = {}
        self._seeks_joint = seam is not None  # until the seam's text has found its block
        self._stuck: list[Event] = []  # from the event on that has met the obstacle
        self._accepts_silence = False
        self._usage = MessageUsage(partial, seam)

    def push(self, event: Event) -> None:
        """Take the next event."""
        self.flow = None
        if self.obstacle is not None:
            self._stuck.append(event)
            return
        match event.get("type"):
            case "content_block_delta":
                self._delta(event)
            case "content_block_start":
                self._start(event)
            case "content_block_stop":
                self._stop(event)
            case "message_start":
                if self._partial.message is None:
                    self._delivery.begin(event)
            case "message_delta":
                self._message_delta(event)
            case "message_stop":
                if self._partial.complete or self._may_end(event, None):
                    self._text.finish()
                    self._delivery.push(event)
            case _:
                # A type that this version does not know keeps its place.
                self._text.keep_place(event)

    def join_unverified(self) -> None:
        """Go on in spite of the obstacle: join an unmatched text as it is, or take a silent turn for the end."""
        assert self._seam is not None
        if self.obstacle == "silent":
            self._seam.doubt()
            self._accepts_silence = True
        self.obstacle = None
        self._seeks_joint = False
        stuck, self._stuck = self._stuck, []
        self._text.go_on_with(self._seam.give_up())
        if stuck and stuck[0]["type"] in _BEHIND_TEXT:
            self._text.go_on_with(self._seam.finish())
        for event in stuck:
            self.push(event)

    def _stop_at(self, event: Event, obstacle: Obstacle) -> None:
        """Note the obstacle, and keep the event that has met it for `join_unverified`."""
        self.obstacle = obstacle
        self._stuck.append(event)

    # -- one event

    def _start(self, event: Event) -> None:
        type_ = event["content_block"].get("type")
        if self._seeks_joint and type_ != "text" and type_ not in THINKING:
            if not self._may_be_followed_by(event):
                return
            self._text.close()
        role = role_of(type_, live=self._live, drops_thinking=self._drops_thinking, seeks_joint=self._seeks_joint)
        incoming = self._incoming[event["index"]] = Incoming(role)
        match incoming.role:
            case "hold":
                incoming.partial.append(event)
            case "seam":
                self._seek_joint(event["content_block"].get("text") or "", event)
            case "text":
                self._text.close()
                incoming.index = self._text.begin(event["content_block"])
            case "pass":
                self._text.close()
                incoming.index = self._delivery.next_index
                self._delivery.push({**event, "index": incoming.index})
            case "drop":
                pass
            case _:
                assert_never(incoming.role)

    def _delta(self, event: Event) -> None:
        incoming = self._incoming[event["index"]]
        match incoming.role:
            case "text":
                self._text_block_delta(incoming, event)
            case "pass":
                self._delivery.push({**event, "index": incoming.index})
                # A call's input is read on the way: whether it is whole when the call is closed depends on it.
                if event["delta"].get("type") != "input_json_delta":
                    self.flow = Flow(event["index"], incoming.index, str(event["delta"].get("type")))
            case "seam" if event["delta"].get("type") == "text_delta":
                self._seek_joint(event["delta"]["text"], event)
            case "hold" | "seam":
                incoming.partial.append(event)
            case "drop":
                pass
            case _:
                assert_never(incoming.role)

    def _text_block_delta(self, incoming: Incoming, event: Event) -> None:
        delta, seam = event["delta"], incoming.seam
        if delta.get("type") != "text_delta":
            if seam is None or not self.continuation.has_cited(delta.get("citation")):
                self._text.push_other({**event, "index": incoming.index})
            return
        text = delta["text"] if seam is None else seam.feed(delta["text"])
        self._text.push(incoming.index, text, event if text == delta["text"] else None)
        if seam is not None and self._leaves_the_answer():
            return
        if self._text.passes and (seam is None or seam.settled):
            self.flow = Flow(event["index"], incoming.index, "text_delta")

    def _stop(self, event: Event) -> None:
        incoming = self._incoming[event["index"]]
        if incoming.role == "seam" and self._is_found(incoming, event):
            incoming = self._find_block(event["index"])
        if incoming.seam is not None:
            # What the seam has kept back to the end of its block had waited for what follows the joint.
            self._text.push(incoming.index, incoming.seam.finish())
            if self._leaves_the_answer():
                self._stuck.append(event)
                return
        match incoming.role:
            case "text":
                # What adds nothing may have to be asked for again, and that goes on in the same block. If it is the
                # end, or anything else begins, the block is closed then.
                if incoming.seam is not None and self.continuation.adds_nothing and not self._text.is_blank:
                    self._text.flush(incoming.index)
                else:
                    self._text.end({**event, "index": incoming.index})
            case "pass":
                self._delivery.push({**event, "index": incoming.index})
            case "hold" if incoming.partial[0]["content_block"].get("type") == "text":
                self._text.deliver_whole([*incoming.partial, event])
            case "hold":
                self._text.close()
                index = self._delivery.next_index
                for partial in [*incoming.partial, event]:
                    self._delivery.push({**partial, "index": index})
            case "seam" | "drop":
                pass
            case _:
                assert_never(incoming.role)

    def _message_delta(self, event: Event) -> None:
        stop_reason = event["delta"].get("stop_reason")
        if stop_reason is None:
            # No end, only counts on the way.
            if not self._seeks_joint:
                self._delivery.push(self._usage.push(event))
        elif self.continuation.is_refused(stop_reason):
            self.obstacle = "refused"
        elif self._may_end(event, str(stop_reason)):
            self._text.finish()
            self._delivery.push(self._usage.push(event))

    def _may_end(self, event: Event, stop_reason: str | None) -> bool:
        """Whether the attempt may end the message with this event; else there is an obstacle, and it waits."""
        if self._seeks_joint and not self._settle(event):
            if self.continuation.is_blank:
                self.obstacle = "silent"
            return False
        self._text.settle()
        if not self._accepts_silence and self.continuation.is_silent(stop_reason):
            self._stop_at(event, "silent")
            return False
        return True

    # -- the seam

    def _may_be_followed_by(self, event: Event) -> bool:
        """Whether a block of another type may begin. With it the text is over, so the seam has to decide."""
        assert self._seam is not None
        if self.continuation.may_begin_with_a_call:
            self._seam.pass_over()
            self._seeks_joint = False
            return True
        if self.continuation.leaves_a_gap:
            self._stop_at(event, "silent")
            return False
        return self._settle(event)

    def _seek_joint(self, text: str, event: Event) -> None:
        assert self._seam is not None
        joined = self._seam.feed(text)
        if self._seam.state == "joined":
            self._seeks_joint = False
            self._text.go_on_with(joined)
            self._find_block(event["index"])
        self._leaves_the_answer()

    def _settle(self, event: Event) -> bool:
        """The continuation's text is over: join it; or return False, and come back to the event later."""
        assert self._seam is not None
        rest = self._seam.finish()
        if self._leaves_the_answer():
            self._stuck.append(event)
            return False
        self._seeks_joint = False
        self._text.go_on_with(rest)
        return True

    def _is_found(self, incoming: Incoming, stop: Event) -> bool:
        """Whether a block that has ended has its place in the message: joined as it is, or citing and new."""
        if not self._seeks_joint:
            return True
        return bool(incoming.partial) and not self.continuation.repeats and self._settle(stop)

    def _find_block(self, index: int) -> Incoming:
        """The seam has found its block: what was kept back of the attempt's, but for its text, goes on."""
        partial = self._incoming[index].partial if index in self._incoming else []
        incoming = self._incoming[index] = Incoming("text", self._text.go_on(), self._seam)
        for event in partial:
            self._delta(event)
        return incoming

    def _leaves_the_answer(self) -> bool:
        if self.continuation.has_left_the_answer:
            self.obstacle = "unmatched"
            return True
        return False
