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
keeps every repetition. Tests and `make seams` hold it to that.

What stands before the replay may be of any wording when all of what was asked for follows. It may then be taken for
text, and text for it; but whoever goes on writes the key first, so a match after a lead-in is the joint only if the
key stood nowhere in the lead-in.

While undecided the work goes by the character, so that it cannot matter how the text was cut into deltas; after the
joint deltas pass as they are. The cost grows with what is read until then, and with the held text once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .anchor import STRAIGHT, Anchor, squeeze, unique_tail
from .leadin import HEAD_ENDS, LONGEST_HEAD, ends_in_a_fence, find_any_head, find_head, is_one_lead_in

__all__ = ["Form", "Kind", "Seam", "SeamResult", "State"]

Form = Literal["prefill", "continue", "restart"]
State = Literal["open", "joined", "unmatched"]
Kind = Literal["prefill", "exact", "echo", "overlap", "replay", "empty", "unverified", "unmatched", "open"]

# In squeezed characters.
_TAIL: Final = 12  # without a key: the shortest replay that is told from an honest repetition
_LONG: Final = 24  # a tail as long as this, found nowhere else in the held text, is no accident where it is expected
_SLIP: Final = 8  # how much longer or shorter an echo may come out that was not copied faithfully
_PATIENCE: Final = 100  # how long to wait for a lead-in to end: a line of 80, and a fence line


@dataclass(frozen=True, slots=True)
class SeamResult:
    """How a continuation was joined.

    Attributes:
        kind: How the model went on. "empty": it added nothing; "unverified": nothing matched, joined as it is;
            "open" and "unmatched": not joined.
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
    """

    def __init__(self, held: str, anchor: Anchor, *, form: Form) -> None:
        self.state: State = "open"
        self._kind: Kind = "unverified"
        self._cut = 0
        self._held_space = held[len(held.rstrip()) :]
        self._pending: str | None = None  # what follows the joint, while its first characters are not settled
        self._closer = ""
        self._output: list[str] = []  # what was read while undecided
        self._search = _Search(held, anchor, form)
        if form == "prefill":
            self._join("prefill", 0)
        elif not held.strip():
            self._join("replay", 0)

    @property
    def result(self) -> SeamResult:
        """How it was joined; final when text has followed the joint, or `finish` was called."""
        if self.state == "joined":
            return SeamResult(self._kind, self._kind != "unverified", self._cut)
        return SeamResult(self.state, False, self._search.read)

    @property
    def settled(self) -> bool:
        """Whether it is joined, and keeps nothing back any more."""
        return self.state == "joined" and self._pending is None

    @property
    def repeats(self) -> bool:
        """Whether it is undecided, and all that was read repeats what is held."""
        return self.state == "open" and self._search.repeats

    def feed(self, text: str) -> str:
        """Take the next piece of the continuation; return what may be delivered, "" while that is undecided."""
        if self.state == "joined":
            return self._settle(text)
        self._output.append(text)
        if self.state == "unmatched":
            return ""
        for at, character in enumerate(text, 1):
            self._search.step(character)
            if self._search.found:
                self._join(self._search.found, self._search.read, self._search.closer)
                return self._settle(text[at:])
            if self._search.hopeless:
                self.state = "unmatched"
                break
        return ""

    def finish(self) -> str:
        """The text has ended: decide with what is there; return what may be delivered.

        A text that ended before its key was complete is unmatched. No text at all is a fair answer to a request that
        carried everything: there was no more to say.
        """
        if self.state == "unmatched":
            return ""
        if self.state == "open":
            if not self._search.may_be_empty:
                self.state = "unmatched"
                return ""
            self._join("empty", self._search.read)
        return self._settle("", ended=True)

    def give_up(self) -> str:
        """Join as it is, unverified; return all that was held back, less a lead-in or a replay at its head."""
        if self.state == "joined":
            return self._settle("", ended=True)
        output = "".join(self._output)
        self._join("unverified", self._search.known_head(output))
        return self._settle(output[self._cut :])

    def _join(self, kind: Kind, at: int, closer: str = "") -> None:
        self.state, self._kind, self._cut, self._closer = "joined", kind, at, closer
        self._pending = ""

    def _settle(self, text: str, *, ended: bool = False) -> str:
        """Return what follows the joint, less what closes the echo and the white space that is held already."""
        if self._pending is None:
            return text
        self._pending += text
        inner = self._pending.lstrip() if self._closer == "»" else self._pending  # in French with a space before it
        if not ended and self._closer.startswith(inner) and self._closer != inner:
            return ""
        text = inner.removeprefix(self._closer) if inner.startswith(self._closer) else self._pending
        body = text.lstrip()
        space = text[: len(text) - len(body)]
        if not (body or ended or space.startswith(self._held_space)):
            return ""
        kept = _more_space(self._held_space, space) + body
        self._cut += len(self._pending) - len(kept)
        self._pending = None
        return kept


class _Search:
    """Reads a continuation by the character and looks for the joint.

    Attributes:
        read: Characters read so far.
        found: How the model went on, when the character just read was the last before the joint.
        closer: What closes the quotation that the model put the echo in; "" for none.
        hopeless: Whether nothing that may still come can match.
    """

    def __init__(self, held: str, anchor: Anchor, form: Form) -> None:
        self.read = 0
        self.found: Kind | None = None
        self.closer = ""
        self.hopeless = False
        self._target = target = squeeze(held)
        self._sent = 0 if form == "restart" else len(squeeze(anchor.sent))
        self._echo = len(squeeze(anchor.echo))
        self._quote = len(squeeze(anchor.quote))
        self._fenced = ends_in_a_fence(anchor.sent)
        self._key = target[self._sent :]
        unique = unique_tail(target, len(target))
        self._tail = target[-max(_LONG, unique) :] if self._sent and self._key and len(target) >= _LONG else ""
        self._latest = self._sent if self._key else self._sent - min(max(_TAIL, unique), self._echo)
        self._echo_start = max(0, self._sent - self._echo)
        self._patience = max(_PATIENCE, self._quote + _SLIP)
        self._squeezed: list[str] = []  # what was read
        self._head = ""  # the same with its white space, up to `LONGEST_HEAD`
        self._echoed = 0  # where a replay of all that was sent ended, the key not following so far
        self._replays = [_Replay(target, self._latest)]

    @property
    def may_be_empty(self) -> bool:
        """Whether the model, having said nothing, has said that there is no more."""
        return not self._key and not self._squeezed

    @property
    def repeats(self) -> bool:
        """Whether something was read, and all of it stands in what is held."""
        return bool(self._squeezed and self._replays)

    def known_head(self, output: str) -> int:
        """Return how much of an output that did not match is known to be no continuation, in characters."""
        return max(self._echoed, find_head(output, fenced=self._fenced, sure=True).length)

    def step(self, character: str) -> None:
        """Read one character: each reading of the text so far goes on, ends, or finds the joint."""
        self.read += 1
        if not character.isspace():
            self._match(STRAIGHT.get(character, character))
        if self.read <= LONGEST_HEAD:
            self._head += character
            if character in HEAD_ENDS:
                self._look_for_a_head()
        self.hopeless = not self._replays and len(self._squeezed) >= self._patience

    def _look_for_a_head(self) -> None:
        """Open another reading if all that was read can stand before the continuation."""
        known = find_head(self._head, fenced=self._fenced, sure=False)
        if known.length == self.read:
            sure = bool(self._key) or (
                find_head(self._head, fenced=self._fenced, sure=True) == known
                and is_one_lead_in("".join(self._squeezed))
            )
            latest = self._latest if sure else self._echo_start
            self._replays.append(_Replay(self._target, latest, len(self._squeezed), known.closer, sure=sure))
        elif head := find_any_head(self._head, fenced=self._fenced):
            self._replays.append(_Replay(self._target, self._echo_start, len(self._squeezed), head.closer, sure=False))

    def _match(self, character: str) -> None:
        self._squeezed.append(character)
        self._replays = [replay for replay in self._replays if replay.step(character)]
        whole = [replay for replay in self._replays if replay.end == len(self._target)]
        if whole:
            self._replays = [replay for replay in self._replays if replay not in whole]
            whole = [replay for replay in whole if self._marks_the_joint(replay)]
        if whole:
            # What was asked for, put in quotation marks, may also be read as a tail that begins with such a mark.
            quoted = (replay for replay in whole if replay.closer and replay.length == self._quote)
            replay = next(quoted, whole[0])
            self.found, self.closer = self._kind_of(replay.length), replay.closer
            return
        if any(replay.end == self._sent and replay.length >= _TAIL for replay in self._replays):
            self._echoed = self.read
        where_expected = self._tail and abs(len(self._squeezed) - self._quote) <= _SLIP
        if where_expected and "".join(self._squeezed).endswith(self._tail) and self._key_is_new():
            self.found = "echo"

    def _marks_the_joint(self, replay: _Replay) -> bool:
        """Whether the replay that is whole now is known to end at the joint, and not to repeat it later on."""
        if not replay.after:
            return True
        if self._key:
            return self._key_is_new()
        if not replay.sure and "".join(self._squeezed[: replay.after]) not in self._target:
            self._echoed = self.read  # an echo, or a title and a text that comes again: not to be told without a key
        return replay.sure

    def _key_is_new(self) -> bool:
        """Whether the key that has just been read is the first: text that goes on begins with it."""
        return "".join(self._squeezed).find(self._key) == len(self._squeezed) - len(self._key)

    def _kind_of(self, replayed: int) -> Kind:
        beyond = replayed - (len(self._target) - self._sent)
        if self._sent and beyond == 0:
            return "exact"
        if self._sent and beyond == self._echo:
            return "echo"
        return "replay" if replayed == len(self._target) else "overlap"


class _Replay:
    """Follows the output as a replay of some tail of the held text: of the shortest that fits so far.

    Attributes:
        after: Squeezed characters that stand before it.
        length: Squeezed characters that were followed.
        closer: See `_Search`.
        sure: Whether what stands before it is certain to be no text.
    """

    __slots__ = ("_begin", "_text", "after", "closer", "length", "sure")

    def __init__(self, text: str, latest: int, after: int = 0, closer: str = "", *, sure: bool = True) -> None:
        self._text = text
        self._begin = latest
        self.after = after
        self.length = 0
        self.closer = closer
        self.sure = sure

    @property
    def end(self) -> int:
        """How far the replay has come in the held text."""
        return self._begin + self.length

    def step(self, character: str) -> bool:
        """Take one squeezed character; return whether some tail still fits."""
        if self._text[self.end] != character:
            seen = self._text[self._begin : self.end] + character
            self._begin = self._text.rfind(seen, 0, self.end)  # further to the left each time: once over the text
        self.length += 1
        return self._begin >= 0


def _more_space(had: str, came: str) -> str:
    """Return the white space still to be delivered where `had` was and the continuation has `came`.

    No word is glued to another and no line break is lost, whichever of the two is right.
    """
    if came.startswith(had) or had.startswith(came):
        return came[len(had) :]
    breaks = came.count("\n") - had.count("\n")
    indent, came_indent = had.rpartition("\n")[2], came.rpartition("\n")[2]
    if breaks > 0:
        return "\n" * breaks + came_indent
    return came_indent[len(indent) :] if "\n" in came and came_indent.startswith(indent) else ""
