"""Many attempts -> one message's events.

The first attempt passes through; every later one is fitted in. What is delivered is never taken back, so whatever might
have to be is held, each by a stage of its own, through which the events of an attempt go in this order:

| stage           | what it holds                                                                                    |
|-----------------|--------------------------------------------------------------------------------------------------|
| `grammar`       | the stop of half a call, until the message has ended                                             |
| `block_order`   | a block, until those that began before it are closed                                             |
| `document_gate` | what goes on with a document, until it is known to be the document that was asked for            |
| `pairing`       | a server-side tool's call, until its result is there                                             |
| `joining`       | a block that is not live, until it is whole; the head of a continuation, until its seam is joined |
| `held_tail`     | text that could be the head of a stop sequence, or half a word, until that is decided            |
| `visible_text`  | a text block, until its first visible character                                                  |
| `delivery`      | `message_start`, until there is content                                                          |

Each attempt has new ones; what was delivered is all that stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Final, Literal

from ..message.blocks import THINKING, is_known
from ..message.effects import Effects
from ..message.grammar import Grammar
from ..message.partial import Partial
from ..requests.tokens import spent_tokens
from ..seam.ending import Ending
from ..seam.half_word import half_word
from ..wire.decoded import Event
from ..wire.deltas import Delta, as_delta
from .block_order import BlockOrder
from .block_role import Flow
from .delivery import Delivery
from .document_gate import DocumentGate
from .held_tail import HeldTail, Reason
from .joining import Joining, Obstacle
from .pairing import Pairing
from .stop_sequences import StopSequences
from .visible_text import VisibleText

if TYPE_CHECKING:
    from ..seam.seam import Seam

__all__ = ["Splicer", "Trouble"]

#: Why the splicer cannot go on with this attempt by itself.
Trouble = Literal[Obstacle, "malformed", "invalid"]

#: Of an attempt in such trouble nothing more is taken.
_FINAL: Final = ("malformed", "invalid")


class Splicer:
    """Joins the attempts of one stream. Call `begin` before each, `feed` its events, `abort` when it dies.

    Args:
        live: The block types that are delivered as they grow.
        stop_sequences: Of the request.
        whole_words: Whether a word at the end of what has arrived waits until something stands behind it.
        effects: What the requests may do. None: anything.
        partial: What was delivered before; what is delivered is added to it. None: nothing.

    Attributes:
        partial: Everything that was delivered.
        trouble: Why the attempt at hand cannot be joined; None while it can.
        acted: Whether any attempt has begun to use a server-side tool that may change something.
        unknown: Whether any attempt has brought a block of a type that this version does not know.
        abandoned: Types of the blocks that were given up unfinished, in order.
    """

    def __init__(
        self,
        *,
        live: Collection[str],
        stop_sequences: Sequence[str] = (),
        whole_words: bool = False,
        effects: Effects | None = None,
        partial: Partial | None = None,
    ) -> None:
        self.partial: Partial = Partial() if partial is None else partial
        self.abandoned: list[str] = []
        self.acted: bool = False
        self.unknown: bool = False
        self._live = frozenset(live)
        self._holds_back: list[Reason] = [StopSequences(stop_sequences).begun_by] if stop_sequences else []
        if whole_words:
            self._holds_back.append(half_word)
        self._effects = effects or Effects()
        self._begin_attempt(None)

    def _begin_attempt(
        self, seam: Seam | None, *, own: bool = True, is_document: Callable[[str], bool] | None = None
    ) -> None:
        self.trouble: Trouble | None = None
        self._seam = seam
        self._drops_thinking = not own or seam is not None or bool(self.partial.whole(*THINKING))
        self._grammar = Grammar()
        self._order = BlockOrder()
        self._gate = DocumentGate(is_document, self._text_with)
        self._pairing = Pairing(self._live)
        self._delivery = Delivery(self.partial)
        self._joining = self._joined_to(self.partial, seam, self._delivery)
        self._flow: Flow | None = None

    def _joined_to(self, partial: Partial, seam: Seam | None, delivery: Delivery) -> Joining:
        text = VisibleText(partial, delivery, HeldTail(self._holds_back), is_live="text" in self._live)
        return Joining(partial, seam, text, delivery, live=self._live, drops_thinking=self._drops_thinking)

    def begin(
        self, seam: Seam | None, *, own: bool = True, is_document: Callable[[str], bool] | None = None
    ) -> list[Event]:
        """Start an attempt.

        Args:
            seam: By which its text is joined; None where nothing is to be joined.
            own: Whether its thinking may stand in the message: it is the caller's own request that was made, to the
                model that is named in the message. A resume's thinking has seen another prompt, and another model's
                cannot be read by the one that is named.
            is_document: Whether the whole text is the document that was asked for. Such an attempt is held until its
                end: it was made without the constraint, and has to be thrown away if it breaks it. None: anything is.
        """
        self._begin_attempt(seam, own=own, is_document=is_document)
        self._abandon_open_block(keep_text=seam is not None)
        self.abandon_orphans()
        return self._delivery.take()

    def abort(self) -> None:
        """The attempt died: what it had not delivered is forgotten, and will be written again."""
        self._begin_attempt(None)

    @property
    def joint(self) -> Seam | None:
        """The seam of the attempt at hand; None when it started from nothing."""
        return self._seam

    @property
    def broken(self) -> str | None:
        """Why the attempt's events make no message, in a clause; None while they do."""
        return self._grammar.broken

    @property
    def ending(self) -> Ending:
        """How the text that was delivered looks at its end, but for white space that this attempt has added."""
        return self._joining.continuation.ending

    @property
    def may_join_as_it_is(self) -> bool:
        """Whether a continuation that matched nothing may be text: it neither repeats the answer nor speaks of it."""
        return self._joining.continuation.may_be_text

    def feed(self, event: Event) -> list[Event]:
        """Take one event of the attempt at hand; return what may be delivered. Look at `trouble` afterwards."""
        flow = self._flow
        if flow is not None and isinstance(event, Delta) and event.index == flow.came_as and event.kind == flow.kind:
            flowing = event if flow.goes_as == event.index else as_delta({**event, "index": flow.goes_as})
            self.partial.apply(flowing)
            return [flowing]
        return self._feed(self._grammar.push(event))

    def end(self) -> list[Event]:
        """The attempt died: deliver what was only waiting to see what the next event would be."""
        return self._feed(self._grammar.end())

    def join_unverified(self) -> list[Event]:
        """Go on with a continuation that matched nothing as it is, or with one that added nothing as the end."""
        self._joining.join_unverified()
        self.trouble = self._joining.obstacle
        self._flow = self._joining.flow
        return self._delivery.take()

    def finish(self, *, as_tool_use: bool = False) -> list[Event]:
        """End the message by ourselves: after a `stop_reason`, or because whole tool calls end the turn."""
        if as_tool_use:
            self._abandon_open_block(keep_text=False)
            usage = {"output_tokens": spent_tokens(self.partial)}
            delta = {"stop_reason": "tool_use", "stop_sequence": None}
            self._delivery.push({"type": "message_delta", "delta": delta, "usage": usage})
        self._delivery.push({"type": "message_stop"})
        return self._delivery.take()

    # -- the way of an event

    def _feed(self, events: Iterable[Event]) -> list[Event]:
        self._flow = None
        if self.trouble in _FINAL:
            return []
        joining = self._joining
        joining.flow = None
        for event in events:
            self._note(event)  # what has begun has begun, whatever is held
            for ordered in self._order.push(event):
                for passed in self._gate.push(ordered):
                    for ready in self._pairing.push(passed):
                        joining.push(ready)
        self.trouble = self._trouble()
        self._flow = joining.flow
        return self._delivery.take()

    def _note(self, event: Event) -> None:
        self.acted = self.acted or self._effects.begun_by(event)
        if event.get("type") == "content_block_start":
            self.unknown = self.unknown or not is_known(str(event["content_block"].get("type")))

    def _trouble(self) -> Trouble | None:
        if self._joining.obstacle is not None:
            return self._joining.obstacle
        if self._gate.refused:
            return "invalid"
        return "malformed" if self._grammar.broken is not None else None

    def _text_with(self, events: Iterable[Event]) -> str | None:
        """The text that the message will have with these events, if they are all of the attempt at hand."""
        partial = self.partial.copy()
        pairing, joining = Pairing(self._live), self._joined_to(partial, deepcopy(self._seam), Delivery(partial))
        for event in events:
            for ready in pairing.push(event):
                joining.push(ready)
        return partial.trailing_text if joining.obstacle in (None, "silent") else None

    # -- what is given up

    def abandon_orphans(self) -> None:
        """Give up calls of server-side tools that were delivered live and whose results will not come.

        Not where the caller's own calls are whole: their results go on with the tool's run.
        """
        if self.partial.complete or self.partial.whole_calls:
            return
        for block in self.partial.orphans:
            block.abandoned = True
            self.abandoned.append(block.type)

    def _abandon_open_block(self, *, keep_text: bool) -> None:
        block = self.partial.open_block
        # A text of which nothing but its sources was delivered is written anew, and they come again with it. Only a log
        # that breaks off inside of what is delivered at once leaves such a one.
        is_empty = block is not None and block.type == "text" and not block.text
        if block is None or (keep_text and block.type == "text" and not is_empty):
            return
        index = len(self.partial.blocks) - 1
        if block.type != "text" or is_empty or self.partial.whole_calls:
            # Half a text behind a whole call could not be sent back: its result has to follow at once.
            block.abandoned = True
            self.abandoned.append(block.type)
        # A tool call never gets its stop: nobody may take it for a whole one.
        if block.type in ("text", "thinking"):
            self._delivery.push({"type": "content_block_stop", "index": index})
        else:
            block.closed = True
