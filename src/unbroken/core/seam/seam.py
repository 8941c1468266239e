"""Where a continuation joins what is held.

What a model writes when it is asked to go on, squeezed (see `anchor.py`), reads

    [lead-in] [reopened code fence] [a replay of some tail of what was sent] key, and then what is new

| it goes on                     | what it replays          | `kind`  |
|--------------------------------|--------------------------|---------|
| at the exact character         | nothing                  | exact   |
| with the words it was told     | the echo                 | echo    |
| from some word or sentence     | some tail                | overlap |
| from the very start            | all of what was sent     | replay  |
| from a prefill                 | nothing, nor the key     | prefill |

The output is held back until the key is complete, and everything up to there is cut. The key stands once in the held
text, so in a replay of any tail of it the key stands at the joint and nowhere before. Hence the law: for a model that
repeats what is held, from wherever, the joint is exact whatever the text is, and a text that honestly repeats itself
keeps every repetition. Tests and `make seams` hold it to that. Without a key only the echo is evidence.

What stands before the replay may be of any wording when all of what was asked for follows. It may then be taken for
text, and text for it; but a model that goes on writes the key first, so a match after a lead-in is the joint only if
the key stood nowhere in the lead-in.

Behind the joint the text is watched for what is not the answer's: the instruction (`instruction.py`), and an apology,
a refusal or talk of the request as the first sentence (`asides.py`). So it cannot matter how the text was cut into
deltas; once nothing is kept back any more, deltas pass as they are. The cost is that of `search.py` until the joint,
and behind it a few passes over the first 4,000 characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from .anchor import Anchor, DeliveredText
from .asides import Aside, aside_at_start, could_open_an_aside
from .evidence import Form
from .joint_edge import JointEdge
from .search import Search

if TYPE_CHECKING:
    from .instruction import Instruction

__all__ = ["Form", "Kind", "Seam", "SeamResult", "State"]

State = Literal["open", "joined", "unmatched"]
Kind = Literal["prefill", "exact", "echo", "overlap", "replay", "empty", "unverified", "unmatched", "open"]

_ENDS_A_SENTENCE: Final = frozenset(".!?…:。！？：\"'”’»)`*\n")


@dataclass(frozen=True, slots=True)
class SeamResult:
    """How a continuation was joined.

    Attributes:
        kind: How the model went on. "empty": it added nothing; "unverified": nothing matched, joined as it is, or it
            added nothing where something seems to be missing; "open" and "unmatched": not joined.
        verified: Whether the joint is known to be at the exact character.
        discarded: Characters of the continuation that were cut; all that were read, if it is not joined.
    """

    kind: Kind
    verified: bool
    discarded: int


class Seam:
    """One continuation, to be joined to what is held.

    Feed it each delta; what `feed`, `finish` and `give_up` return goes to the reader. Once `state` is "unmatched",
    nothing that may still come can match: ask again, or call `give_up` and go on feeding.

    Args:
        held: All of the text that was delivered before.
        anchor: What the request was built from; *prefill* does not look at it, *restart* at nothing of it.
        form: How the request was made.
        instruction: What the request asked, which is to stay out of the text. None: nothing that could come back.
        delivered: The held text with what is known of it already. None: it is looked at here.

    Attributes:
        instruction: As given.
        restarted: Whether the answer is written from its beginning.
    """

    def __init__(
        self,
        held: str,
        anchor: Anchor,
        *,
        form: Form,
        instruction: Instruction | None = None,
        delivered: DeliveredText | None = None,
    ) -> None:
        self.state: State = "open"
        self._kind: Kind = "unverified"
        self._cut = 0
        self._edge = JointEdge(held)
        self._output: list[str] = []  # what was read while undecided
        self._search = Search(delivered or DeliveredText(held), anchor, form)
        self.instruction: Instruction | None = instruction
        self._screen = instruction.screen() if instruction is not None else None
        self._ends_a_sentence = not held.rstrip() or held.rstrip()[-1] in _ENDS_A_SENTENCE
        self._opening: str | None = "" if instruction is not None else None  # the first sentence, while in doubt
        self._aside: Aside | None = None
        self._is_over = False  # the model has said that there is no more: nothing that follows is text
        self.restarted: bool = form == "restart"
        if form == "prefill":
            self._join("prefill", 0)
        elif not held.strip():
            self._join("replay", 0)

    @property
    def result(self) -> SeamResult:
        """How it was joined; final when text has followed the joint, or `finish` was called."""
        removed = self._screen.removed if self._screen is not None else 0
        if self.state == "joined":
            return SeamResult(self._kind, self._kind != "unverified", self._cut + self._edge.removed + removed)
        return SeamResult(self.state, False, self._search.read + removed)

    @property
    def is_joined(self) -> bool:
        """Whether it is known where it joins, and that what follows is the answer's."""
        return self.state == "joined" and self._edge.is_past and self._opening is None

    @property
    def settled(self) -> bool:
        """Whether it is joined, and keeps nothing back any more."""
        watching = self._opening is not None or (self._screen is not None and not self._screen.done)
        return self.state == "joined" and self._edge.is_past and not watching

    @property
    def repeats(self) -> bool:
        """Whether it is not joined, and all that was read repeats what is held."""
        return self.state != "joined" and self._search.repeats

    @property
    def is_blank(self) -> bool:
        """Whether it is not joined, and nothing but white space was read."""
        return self.state != "joined" and self._search.is_blank

    @property
    def aside(self) -> Aside | None:
        """What the model said of the request instead of going on; None where it is not known to have."""
        if self._aside is None and self.state == "unmatched":
            return aside_at_start("".join(self._output))
        return self._aside

    @property
    def recited(self) -> bool:
        """Whether the model has left the answer for the instruction: nothing that follows is text."""
        return self._screen is not None and self._screen.recited

    @property
    def echoed(self) -> bool:
        """Whether the model has shown where the text ends, or had nothing to show: its silence means the end."""
        return self.state == "joined" and (self._kind != "empty" or not self._search.has_key)

    def feed(self, text: str) -> str:
        """Take the next piece of the continuation; return what may be delivered, "" while that is undecided."""
        return self._feed(text if self._screen is None else self._screen.untagged(text))

    def _feed(self, text: str) -> str:
        if self.state == "joined":
            return self._watched(self._edge.pass_on(text))
        self._output.append(text)
        if self.state == "unmatched":
            return ""
        read = self._search.feed(text)
        if self._search.found is not None:
            self._join(self._search.found.kind, self._search.read, self._search.found.closer)
            return self._watched(self._edge.pass_on(text[read:]))
        if self._search.hopeless and not self._says_that_it_is_over(ended=False):
            self.state = "unmatched"
        return ""

    def finish(self) -> str:
        """The text has ended: decide with what is there; return what may be delivered.

        A text that ended before its key was complete is unmatched. No text at all is a fair answer to a request that
        carried everything: there was no more to say.
        """
        text = self._feed(self._screen.untagged("", ended=True)) if self._screen is not None else ""
        if self.state == "unmatched":
            return ""
        if self.state == "open":
            if self._search.is_blank and not self._search.has_key:
                self._join("empty", self._search.read)
            elif not self._says_that_it_is_over(ended=True):
                self.state = "unmatched"
                return ""
        return text + self._watched(self._edge.pass_on("", ended=True), ended=True)

    def pass_over(self) -> None:
        """The model has gone on with something else than text, and the text was finished: that is an answer."""
        self._join("empty", self._search.read)
        self._edge.skip()
        self._opening = None

    def doubt(self) -> None:
        """The model has added nothing, and something seems to be missing: the joint is not known to be right."""
        if self.state != "joined":
            self._join("unverified", self._search.read)
            self._edge.skip()
            self._opening = None
        self._kind = "unverified"

    def give_up(self) -> str:
        """Join as it is, unverified; return all that was held back, less a lead-in or a replay at its head."""
        if self.state == "joined":
            return self._watched(self._edge.pass_on("", ended=True), ended=True)
        output = "".join(self._output)
        self._join("unverified", self._search.known_head(output))
        self._opening = None
        return self._watched(self._edge.pass_on(output[self._cut :]))

    def _join(self, kind: Kind, at: int, closer: str = "") -> None:
        self.state, self._kind, self._cut = "joined", kind, at
        self._edge.begin(closer, is_echo=kind == "echo")

    def _says_that_it_is_over(self, *, ended: bool) -> bool:
        """Whether the model, instead of going on, says that nothing is missing; it is taken at its word."""
        said = None if self._opening is None else aside_at_start("".join(self._output), ended=ended)
        self._is_over = said == "done"
        if self._is_over:
            self._join("empty", self._search.read)
        return self._is_over

    def _watched(self, text: str, *, ended: bool = False) -> str:
        """The text behind the joint as far as it is the answer's."""
        if self._is_over:
            self._cut += len(text)
            return ""
        if self._opening is not None:
            text = self._opened(text, ended=ended)
        if self._screen is not None and self.state == "joined":
            text = self._screen.unrecited(text, ended=ended)
        return text

    def _opened(self, text: str, *, ended: bool) -> str:
        """The first sentence, once it is known to be no aside; an aside undoes the joint, before anything is out."""
        assert self._opening is not None
        self._opening = whole = self._opening + text
        begins = self._ends_a_sentence or whole[: len(whole) - len(whole.lstrip())].count("\n")
        if not whole.strip() and not ended:
            return ""
        if begins or "and ".startswith(whole.lstrip()[:4].casefold()):
            if (aside := aside_at_start(whole, ended=ended)) is not None:
                self._opening = None
                self._cut += len(whole)
                if aside == "done":
                    self._is_over = True
                else:
                    self._aside, self.state, self._output = aside, "unmatched", []
                return ""
            if not ended and could_open_an_aside(whole):
                return ""
        self._opening = None
        return whole
