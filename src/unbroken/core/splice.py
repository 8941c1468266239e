"""Many attempts -> one message's events.

The first attempt passes through. Every later one is fitted in: its `message_start` is dropped, its blocks get the
next free indices, its text goes through the seam into the block that was open, its own thinking is left out, and its
usage is made that of the whole message. What is delivered is never taken back; whatever might have to be is held:

- `message_start` until there is content, so that a retry before it is invisible;
- a text block until its first visible character, since white space alone cannot be resumed from;
- a block that is not `live` until it is whole;
- a server-side tool's call until its result is there (`pairing.py`);
- the rest of a document that was gone on with until it is known to be the document that was asked for;
- text that could be the head of a stop sequence until that is decided;
- the head of a continuation until the seam is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from .blocks import THINKING, is_known
from .effects import Effects
from .ending import Ending, ending_of
from .events import is_delta
from .grammar import Grammar
from .pairing import Pairing
from .partial import Event, Partial
from .resume import spent_tokens

if TYPE_CHECKING:
    from .seam import Seam

__all__ = ["Splicer", "Trouble"]

#: Why the splicer cannot go on with this attempt by itself.
Trouble = Literal["unmatched", "silent", "refused", "malformed", "invalid"]

#: Of a word that was cut, as much as this may still be to come, in characters.
_REST_OF_A_WORD: Final = 15

#: How a turn ends that is not over, or was stopped right where it was cut.
_NO_SILENCE: Final = ("stop_sequence", "pause_turn", "refusal")

# Of a later attempt's usage these describe another request than the one that opened the message.
_USAGE_OF_INPUT: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(slots=True)
class _Incoming:
    """A block of the attempt at hand: what becomes of it."""

    role: Literal["pass", "text", "seam", "hold", "drop"]
    index: int = -1
    joined: bool = False  # its text comes through the seam
    held: list[Event] = field(default_factory=list)


class _Flow(NamedTuple):
    """Deltas that go on as they are, until anything else comes."""

    came_as: int  # the index of their block in the attempt
    goes_as: int  # its index in the message
    type: str  # of the deltas


class Splicer:
    """Joins the attempts of one stream. Call `begin` before each, `feed` its events, `abort` when it dies.

    Attributes:
        held: Everything that was delivered.
        trouble: Why the attempt at hand cannot be joined; None while it can.
        acted: Whether this attempt has begun to use a server-side tool that may change something.
        unknown: Whether this attempt has brought a block of a type that this version does not know.
        abandoned: Types of the blocks that were given up unfinished, in order.
    """

    def __init__(
        self, *, live: Collection[str], stop_sequences: Sequence[str] = (), effects: Effects | None = None
    ) -> None:
        self.held: Partial = Partial()
        self.trouble: Trouble | None = None
        self.acted: bool = False
        self.unknown: bool = False
        self.abandoned: list[str] = []
        self._live = frozenset(live)
        self._stops = tuple(stop_sequences)
        self._effects = effects or Effects()
        self._out: list[Event] = []
        self._begin_attempt(None)

    def _begin_attempt(self, seam: Seam | None, *, drops_thinking: bool = False) -> None:
        self._seam = seam
        self._grammar = Grammar()
        self._pairing = Pairing(self._live)
        self._incoming: dict[int, _Incoming] = {}
        self._before_content: list[Event] = []
        self._unseen: list[Event] = []
        self._joining = seam is not None  # until the seam's text has found its block
        self._opened_by_seam = False
        self._tail = ""
        self._stuck: list[Event] = []
        self._opens_message = self.held.message is None
        self._text_before = len(self.held.trailing_text)
        self._blocks_before = len(self.held.blocks)
        self._accepts_silence = False
        self._prior_tokens = spent_tokens(self.held)
        self._drops_thinking = drops_thinking or seam is not None or bool(self.held.whole(*THINKING))
        self.trouble = None
        self.acted = False
        self.unknown = False
        self._is_document: Callable[[str], bool] | None = None
        self._unchecked: list[Event] = []
        self._flow: _Flow | None = None

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
        self._begin_attempt(seam, drops_thinking=not own)
        self._abandon_open_block(keep_text=seam is not None)
        self.abandon_orphans()
        self._is_document = is_document
        return self._take()

    def abort(self) -> None:
        """The attempt died: what it had not delivered is forgotten, and will be written again."""
        self._begin_attempt(None)

    @property
    def joint(self) -> Seam | None:
        """The seam of the attempt at hand; None when it started from nothing."""
        return self._seam

    def feed(self, event: Event) -> list[Event]:
        """Take one event of the attempt at hand; return what may be delivered. Look at `trouble` afterwards."""
        flow = self._flow
        if flow is not None and is_delta(event, flow.came_as, flow.type):
            flowing = event if flow.goes_as == flow.came_as else {**event, "index": flow.goes_as}
            self.held.apply(flowing)
            return [flowing]
        return self._feed(self._grammar.push(event))

    def end(self) -> list[Event]:
        """The attempt died: what had waited for no more than the next event may be delivered."""
        return self._feed(self._grammar.end())

    def _feed(self, events: Iterable[Event]) -> list[Event]:
        self._flow = None
        for event in events:
            for checked in self._checked(event):
                self.take_in(checked)
        if self._grammar.broken is not None and self.trouble is None:
            self.trouble = "malformed"
        return self._take()

    @property
    def broken(self) -> str | None:
        """What of the grammar of one message the attempt has broken, in a clause; None where it holds."""
        return self._grammar.broken

    @property
    def may_join_as_it_is(self) -> bool:
        """Whether a continuation that matched nothing may be text: it neither repeats the answer nor speaks of it."""
        seam = self._seam
        return seam is not None and seam.aside is None and not seam.recited and not seam.repeats

    def join_unverified(self) -> list[Event]:
        """Go on with a continuation that matched nothing as it is, or with one that added nothing as the end."""
        assert self._seam is not None
        if self.trouble == "silent":
            self._seam.doubt()
            self._accepts_silence = True
        self.trouble = None
        self._joining = False
        self._seam_text(self._seam.give_up())
        stuck, self._stuck = self._stuck, []
        for event in stuck:
            self._feed_ready(event)
        return self._take()

    def finish(self, *, as_tool_use: bool = False) -> list[Event]:
        """End the message by ourselves: after a `stop_reason`, or because whole tool calls end the turn."""
        if as_tool_use:
            self._abandon_open_block(keep_text=False)
            usage = {"output_tokens": spent_tokens(self.held)}
            delta = {"stop_reason": "tool_use", "stop_sequence": None}
            self._deliver({"type": "message_delta", "delta": delta, "usage": usage})
        self._deliver({"type": "message_stop"})
        return self._take()

    # -- a document

    def _checked(self, event: Event) -> list[Event]:
        """The events that may go on now: all of them, but for a document that is not whole yet."""
        is_document = self._is_document
        if is_document is None:
            return [event]
        self._unchecked.append(event)
        stop_reason = event["delta"].get("stop_reason") if event.get("type") == "message_delta" else None
        if stop_reason is None and event.get("type") != "message_stop":
            return []
        events, self._unchecked, self._is_document = self._unchecked, [], None
        if stop_reason in ("end_turn", "stop_sequence"):
            trial = deepcopy(self)
            for each in events:
                trial.take_in(each)
            if trial.trouble in (None, "silent") and not is_document(trial.held.trailing_text):
                self.trouble = "invalid"
                return []
        elif stop_reason not in (None, "refusal"):
            # It was made without the constraint, so where it ended is its own doing, and half a document is none.
            self.trouble = "invalid"
            return []
        return events

    # -- one event

    def _take(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    def take_in(self, event: Event) -> None:
        """Splice in an event that keeps the grammar of the message."""
        self.acted = self.acted or self._effects.begun_by(event)
        if event.get("type") == "content_block_start":
            self.unknown = self.unknown or not is_known(str(event["content_block"].get("type")))
        for ready in self._pairing.push(event):
            self._feed_ready(ready)

    def _feed_ready(self, event: Event) -> None:
        self._flow = None
        if self.trouble:
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
                if self._opens_message:
                    self._before_content.append(event)
                    if event["message"].get("content") or event["message"].get("stop_reason"):
                        self._show_waiting()  # it may be all of the message
            case "message_delta":
                self._message_delta(event)
            case "message_stop":
                if self.held.complete or self._may_end(event, None):
                    self._close_text()
                    self._deliver(event)
            case _:
                # A type that this version does not know keeps its place.
                if self._unseen:
                    self._unseen.append(event)
                elif self.held.message is None:
                    self._before_content.append(event)
                else:
                    self._deliver(event)

    def _show_waiting(self) -> None:
        """Deliver what has waited for content: the beginning of the message, and blocks of white space alone."""
        waiting, self._before_content = self._before_content, []
        for earlier in waiting:
            self.held.apply(earlier)
        self._out += waiting

    @property
    def _next_index(self) -> int:
        """The index that the next block of the message gets."""
        waiting = [each for each in self._before_content if each.get("type") == "content_block_start"]
        return len(self.held.blocks) + len(waiting)

    def _deliver(self, event: Event) -> None:
        if self._before_content:
            self._show_waiting()
        self.held.apply(event)
        self._out.append(event)

    def _start(self, event: Event) -> None:
        type_ = event["content_block"].get("type")
        if self._joining and type_ != "text" and type_ not in THINKING:
            # The model goes on with something else: the text is over, and the seam has to say what it was.
            if not self._goes_straight_on() and (self._leaves_a_gap(event) or not self._settle(event)):
                return
            self._close_text()
        incoming = _Incoming(self._role(type_))
        self._incoming[event["index"]] = incoming
        match incoming.role:
            case "hold":
                incoming.held.append(event)
            case "seam":
                self._seam_delta(event["content_block"].get("text") or "", event)
            case "text":
                self._close_text()
                incoming.index = self._unseen_start(event["content_block"])
            case "pass":
                self._close_text()
                incoming.index = self._next_index
                self._deliver({**event, "index": incoming.index})

    def _role(self, type_: str) -> Literal["pass", "text", "seam", "hold", "drop"]:
        if type_ in THINKING and self._drops_thinking:
            return "drop"
        if self._joining:
            return "seam"
        if type_ not in self._live:
            return "hold"
        return "text" if type_ == "text" else "pass"

    def _delta(self, event: Event) -> None:
        incoming = self._incoming[event["index"]]
        match incoming.role:
            case "text":
                delta = event["delta"]
                if delta.get("type") == "text_delta":
                    text = self._through_seam(delta["text"]) if incoming.joined else delta["text"]
                    self._text(incoming.index, text, event if text == delta["text"] else None)
                    if incoming.joined and self._has_left_the_answer():
                        return
                    if self._text_flows(incoming):
                        self._flow = _Flow(event["index"], incoming.index, "text_delta")
                elif not (incoming.joined and self._is_cited(delta)):
                    self._deliver_beside_text({**event, "index": incoming.index})
            case "pass":
                self._deliver({**event, "index": incoming.index})
                self._flow = _Flow(event["index"], incoming.index, str(event["delta"].get("type")))
            case "seam" if event["delta"].get("type") == "text_delta":
                self._seam_delta(event["delta"]["text"], event)
            case "hold" | "seam":
                incoming.held.append(event)

    def _text_flows(self, incoming: _Incoming) -> bool:
        """Whether nothing more of this block's text is to be kept back or changed."""
        if self._stops or self._unseen or self._before_content:
            return False
        return not incoming.joined or self._seam is None or self._seam.settled

    def _stop(self, event: Event) -> None:
        incoming = self._incoming[event["index"]]
        if incoming.role == "seam" and incoming.held and not self._repeats() and self._settle(event):
            # What is cited and new is the answer's own text, and that is over.
            incoming = self._joined(event["index"])
        if incoming.joined:
            self._text(incoming.index, self._last_of_seam())
            if self._has_left_the_answer():
                self._stuck.append(event)
                return
        match incoming.role:
            case "text" if not self._drop_blank():
                # What adds nothing may have to be asked for again, and that goes on in the same block. If it is the
                # end, or anything else begins, the block is closed then.
                if incoming.joined and self._adds_nothing:
                    self._flush_text(incoming.index)
                else:
                    self._end_text({**event, "index": incoming.index})
            case "pass":
                self._deliver({**event, "index": incoming.index})
            case "hold":
                self._close_text()
                index = self._next_index
                for held in [*incoming.held, event]:
                    self._deliver({**held, "index": index})

    def _message_delta(self, event: Event) -> None:
        if event["delta"].get("stop_reason") is None:
            # No end, only counts on the way.
            if not self._joining:
                self._deliver(self._with_usage(event))
            return
        if self._seam is not None and not self._has_added and event["delta"].get("stop_reason") == "refusal":
            self.trouble = "refused"
            return
        if not self._may_end(event, str(event["delta"]["stop_reason"])):
            return
        self._close_text()
        self._deliver(self._with_usage(event))

    def _may_end(self, event: Event, stop_reason: str | None) -> bool:
        """Whether the attempt may end the message with this event; else `trouble` says why not, and it waits."""
        if self._joining and not self._settle(event):
            if self._seam is not None and self._seam.is_blank:
                self.trouble = "silent"
            return False
        if self._is_silent(stop_reason):
            self.trouble = "silent"
            self._stuck.append(event)
            return False
        return True

    def _is_silent(self, stop_reason: str | None) -> bool:
        """Whether it ends having added no word, and what was delivered is not known to be all.

        An answer that was written from its beginning to its end says itself that it is whole.
        """
        seam = self._seam
        if seam is None or seam.restarted or self._accepts_silence or stop_reason in _NO_SILENCE:
            return False
        if not self._adds_nothing:
            return False
        says_so = stop_reason in ("end_turn", None) and seam.echoed
        # Who has added the last letters and ends says more than who has added none.
        looks = (Ending.FINISHED, Ending.UNCLEAR) if self._text_added.strip() else (Ending.FINISHED,)
        return not (says_so and self.ending in looks)

    @property
    def ending(self) -> Ending:
        """How the text that was delivered looks at its end, but for white space that this attempt has added."""
        text = self.held.trailing_text
        return ending_of(text if self._text_added.strip() else text[: self._text_before])

    @property
    def _has_added(self) -> bool:
        """Whether this attempt has brought something new."""
        return bool(self._text_added) or self._has_added_other_blocks

    @property
    def _adds_nothing(self) -> bool:
        """Whether it has brought no word."""
        return not self._is_more_than_a_word(self._text_added) and not self._has_added_other_blocks

    @property
    def _has_added_other_blocks(self) -> bool:
        return any(block.type != "text" for block in self.held.blocks[self._blocks_before :])

    @property
    def _text_added(self) -> str:
        """The text that this attempt has added behind the last block of another kind."""
        return self.held.trailing_text[self._text_before :]

    def _is_more_than_a_word(self, added: str) -> bool:
        """Whether it is more than white space, and more than the rest of the word that was cut."""
        if not added.isalnum() or len(added) > _REST_OF_A_WORD:
            return bool(added.strip())
        return not self.held.trailing_text[: -len(added)][-1:].isalnum()

    def _goes_straight_on(self) -> bool:
        """Whether the model, asked for the rest of a text, makes a call instead, as it may where that was finished."""
        seam = self._seam
        if seam is None or not seam.is_blank:
            return False
        if ending_of(self.held.trailing_text, before_call=True) is not Ending.FINISHED:
            return False
        seam.pass_over()
        self._joining = False
        return True

    def _leaves_a_gap(self, event: Event) -> bool:
        """Whether the model makes its call without a word, and what was delivered ends in mid-air."""
        seam = self._seam
        if seam is None or seam.restarted or not seam.is_blank:
            return False
        self.trouble = "silent"
        self._stuck.append(event)
        return True

    def _has_left_the_answer(self) -> bool:
        """Whether what follows the joint is no text of the answer's, so that it has to be asked for again.

        Where the text was finished before the model began to recite what it was asked, that was its end.
        """
        seam = self._seam
        assert seam is not None
        left = seam.state == "unmatched"
        if seam.recited:
            left = not self._text_added or ending_of(self.held.trailing_text) is not Ending.FINISHED
        if left:
            self.trouble = "unmatched"
        return left

    def _with_usage(self, event: Event) -> Event:
        return event if self._opens_message else {**event, "usage": self._usage(event.get("usage") or {})}

    def _usage(self, usage: dict[str, Any]) -> dict[str, Any]:
        """A later attempt's usage, made that of the message: its opener's input, and all of the output."""
        cut = self._seam.result.discarded if self._seam is not None else 0
        output = self._prior_tokens + (usage.get("output_tokens") or 0) - cut // 4
        kept = {name: value for name, value in usage.items() if name not in _USAGE_OF_INPUT}
        return {**kept, "output_tokens": max(output, 1)}

    # -- text

    def _unseen_start(self, block: dict[str, Any]) -> int:
        """Open a text block, but keep it back until something of it can be seen."""
        index = self._next_index
        self._unseen = [{"type": "content_block_start", "index": index, "content_block": block}]
        if str(block.get("text") or "").strip():
            self._show()
        return index

    def _show(self) -> None:
        unseen, self._unseen = self._unseen, []
        self._opened_by_seam = False
        for event in unseen:
            self._deliver(event)

    def _text(self, index: int, text: str, event: Event | None = None) -> None:
        """Text for a block, in the given event when it goes on unchanged."""
        if self._stops:
            whole = self._tail + text
            self._tail = _possible_stop(whole, self._stops)
            settled = whole[: len(whole) - len(self._tail)]
            if settled != text:
                event = None
            text = settled
        if not text and (self._stops or event is None):
            return
        delta: Event = (
            event
            if event is not None and event["index"] == index
            else {
                "type": "content_block_delta",
                "index": index,
                "delta": {"type": "text_delta", "text": text},
            }
        )
        if self._unseen:
            self._unseen.append(delta)
            if text.strip() and "text" in self._live:
                self._show()
            return
        self._deliver(delta)

    def _flush_text(self, index: int) -> None:
        """The block is over: what was kept back of it is text after all."""
        for held in self._tail_events(index):
            if self._unseen:
                self._unseen.append(held)
            else:
                self._deliver(held)
        self._show()

    def _end_text(self, stop: Event) -> None:
        """A text block is over. One of white space alone waits for what follows it: it cannot be resumed from."""
        if self._unseen and not self._tail.strip() and not self._is_visible(self._unseen):
            self._before_content += [*self._unseen, *self._tail_events(stop["index"]), stop]
            self._unseen = []
            return
        self._flush_text(stop["index"])
        self._deliver(stop)

    @staticmethod
    def _is_visible(events: Sequence[Event]) -> bool:
        """Whether something of a block of text can be seen; what is no text counts."""
        brought = (event.get("content_block") or event.get("delta") or {} for event in events)
        return any(
            each.get("type") not in ("text", "text_delta") or str(each.get("text") or "").strip() for each in brought
        )

    def _tail_events(self, index: int) -> list[Event]:
        """What was kept back of a text as a possible stop sequence, as an event."""
        if not self._tail:
            return []
        tail, self._tail = self._tail, ""
        return [{"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": tail}}]

    # -- the seam

    def _seam_delta(self, text: str, event: Event) -> None:
        assert self._seam is not None
        joined = self._seam.feed(text)
        if self._seam.state == "joined":
            self._joining = False
            self._seam_text(joined)
            self._joined(event["index"])
        self._has_left_the_answer()

    def _joined(self, index: int) -> _Incoming:
        """The seam has found its block: what it kept back of it, but for its text, goes on."""
        held = self._incoming[index].held if index in self._incoming else []
        incoming = self._incoming[index] = _Incoming("text", self._seam_index(), joined=True)
        for event in held:
            self._delta(event)
        return incoming

    def _repeats(self) -> bool:
        """Whether the continuation has only repeated what was delivered so far: whoever repeats may cite again."""
        return self._seam is not None and self._seam.repeats

    def _is_cited(self, delta: Event) -> bool:
        """Whether the text that was gone on with has this citation: who writes its end again cites again."""
        cited = [_readable(each) for block in self.held.blocks[-1:] for each in block.citations]
        return _readable(delta.get("citation")) in cited

    def _deliver_beside_text(self, event: Event) -> None:
        """Something else than text of a text block: after what was kept back of it, and not before it can be seen."""
        if self._unseen:
            self._unseen.append(event)
        else:
            self._flush_text(event["index"])
            self._deliver(event)

    def _through_seam(self, text: str) -> str:
        return text if self._seam is None else self._seam.feed(text)

    def _last_of_seam(self) -> str:
        """What the seam still keeps back at the end of its block: it waits for the first that follows the joint."""
        return "" if self._seam is None else self._seam.finish()

    def _seam_index(self) -> int:
        """The delivered block that the joined text goes on in: the open one, or a new one."""
        if self.held.open_block is not None:
            return len(self.held.blocks) - 1
        if not self._unseen:
            self._opened_by_seam = True
            self._unseen_start({"type": "text", "text": ""})
        return len(self.held.blocks)

    def _seam_text(self, text: str) -> None:
        if text:
            self._text(self._seam_index(), text)

    def _settle(self, event: Event) -> bool:
        """The continuation's text is over: join it, or say that it cannot be, and come back to `event` later."""
        assert self._seam is not None
        rest = self._seam.finish()
        if self._has_left_the_answer():
            self._stuck.append(event)
            return False
        self._joining = False
        self._seam_text(rest)
        return True

    def _close_text(self) -> None:
        """Close the text block that was left open by an earlier attempt, before anything else begins."""
        if self.held.open_block is not None and self.held.open_block.type == "text":
            index = len(self.held.blocks) - 1
            self._flush_text(index)
            self._deliver({"type": "content_block_stop", "index": index})
        else:
            self._drop_blank()

    def _drop_blank(self) -> bool:
        """Forget a block that only the seam opened and that stayed blank: the turn had nothing to add."""
        if not (self._opened_by_seam and self._unseen) or self._tail.strip():
            return False
        self._unseen, self._tail, self._opened_by_seam = [], "", False
        return True

    def abandon_orphans(self) -> None:
        """Give up calls of server-side tools that were delivered live and whose results will not come.

        Not where the caller's own calls are whole: their results go on with the tool's run.
        """
        if self.held.complete or self.held.whole_calls:
            return
        for block in self.held.orphans:
            block.abandoned = True
            self.abandoned.append(block.type)

    def _abandon_open_block(self, *, keep_text: bool) -> None:
        block = self.held.open_block
        if block is None or (keep_text and block.type == "text"):
            return
        index = len(self.held.blocks) - 1
        if block.type != "text" or self.held.whole_calls:
            # Half a text behind a whole call could not be sent back: its result has to follow at once.
            block.abandoned = True
            self.abandoned.append(block.type)
        # A tool call never gets its stop: nobody may take it for a whole one.
        if block.type in ("text", "thinking"):
            self._deliver({"type": "content_block_stop", "index": index})
        else:
            block.closed = True


def _readable(citation: object) -> object:
    """A citation without what is new each time that the same place is cited: `encrypted_index`."""
    fields = citation.items() if isinstance(citation, dict) else ()
    return {name: value for name, value in fields if not name.startswith("encrypted")} or citation


def _possible_stop(text: str, stops: Iterable[str]) -> str:
    """The longest end of the text that one of the stop sequences begins with."""
    best = ""
    for stop in stops:
        for length in range(min(len(stop) - 1, len(text)), len(best), -1):
            if text.endswith(stop[:length]):
                best = text[-length:]
                break
    return best
