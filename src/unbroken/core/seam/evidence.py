"""What a replay of a held text has to have to be told from an accident: found out before a word of it was read.

Just before the joint stands the *mark*: the key, or without one a tail of the echo. Where it stands once in the held
text, its first place in the output decides; else a reading has to be long enough to be evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .anchor import Anchor, DeliveredText, is_what_comes_next
from .squeezed import squeeze

__all__ = ["Evidence", "Form"]

Form = Literal["prefill", "continue", "restart"]

# In squeezed characters.
_LONG: Final = 24  # a tail as long as this, found nowhere else in the held text, is no accident where it is expected
_TELLING: Final = 12  # a text that is shorter comes again by accident: it is an echo only where the output begins
_ECHOED: Final = 12  # of an echo whose key did not follow, as much as this is cut when all is joined as it is
_LONGEST_MARK: Final = 2_000
_MOST_COMPARISONS: Final = 64


@dataclass(frozen=True, slots=True)
class Evidence:
    """All lengths are in squeezed characters.

    Attributes:
        target: The held text, squeezed.
        sent: How much of it was sent back.
        key: The rest of it, which the model has to write again. Empty: all was sent.
        echo: The length of what was to be repeated first.
        quote: The length of what the instruction quoted.
        mark: What stands before the joint in any reading.
        least: What a reading from the beginning has to have at least.
        decisive: Whether the mark stands once in the held text, and is a key.
        alone: What a reading has to have where only its length makes it evidence.
        telling: The length of an echo that is evidence by itself; 0: it is none.
        after_unsure: What a reading has to have behind words that may be text.
        tail: A tail of the held text that is no accident behind an echo that was not copied faithfully; empty: none.
        follows_no_head: Whether the held text is so short that behind other words it proves nothing.
    """

    target: str
    sent: int
    key: str
    echo: int
    quote: int
    mark: str
    least: int
    decisive: bool
    alone: int
    telling: int
    after_unsure: int
    tail: str
    follows_no_head: bool

    @classmethod
    def of(cls, delivered: DeliveredText, anchor: Anchor, form: Form) -> Evidence:
        """What proves a joint to this text, when it was asked for by that anchor and in that form."""
        target, unique = delivered.squeezed, delivered.unique
        sent = 0 if form == "restart" else len(target) - len(squeeze(delivered.text[len(anchor.sent) :]))
        key, echo = target[sent:], len(squeeze(anchor.echo))
        wordless = not any(map(str.isalnum, target))
        bare = not (sent and key)  # nothing but the text itself marks the joint
        mark, least = _mark(target, key, echo, unique)
        tells = not key and bool(echo) and not is_what_comes_next(target, target[-echo:])
        return cls(
            target=target,
            sent=sent,
            key=key,
            echo=echo,
            quote=len(squeeze(anchor.quote)),
            mark=mark,
            least=least,
            decisive=bool(key) and unique <= len(mark),
            # Without a key, a tail that stands twice can be what comes next. Then only the echo is evidence, if that
            # could not come next itself, and else all of the text.
            alone=least if key else unique if unique <= _LONGEST_MARK else len(target),
            telling=echo if tells else 0,
            after_unsure=len(target) - max(0, sent - echo),
            tail=target[-max(_LONG, unique) :] if sent and key and len(target) >= _LONG else "",
            follows_no_head=wordless or (bare and len(target) < _TELLING),
        )

    def end_of_replay(self, output: str, after: int) -> int:
        """Where a replay of the end of what was sent ends, in a squeezed output that did not match.

        Args:
            output: All of it.
            after: Where the replay begins in it.

        Returns:
            How much of the output is no continuation; 0: none is known to be.
        """
        least = _ECHOED if self.key else self.echo
        if not self.key and (not after or output[:after] in self.target):
            return 0  # a title and a text that comes again: not to be told without a key
        begun = output[after : after + least]
        if len(begun) < least or not begun:
            return 0
        sent = self.target[: self.sent]
        at = sent.find(begun, max(0, self.sent - (len(output) - after)))
        for _ in range(_MOST_COMPARISONS):
            if at < 0 or self.sent - at < least:
                return 0
            if output.startswith(sent[at:], after):
                return after + self.sent - at
            at = sent.find(begun, at + 1)
        return 0


def _mark(target: str, key: str, echo: int, unique: int) -> tuple[str, int]:
    """What stands before the joint in any reading, and the least that a reading from the beginning has to have."""
    if key:
        return key[-_LONGEST_MARK:], len(key)
    # Without a key nothing but the echo is evidence, or so much of it that it can be no accident: a tail that stands
    # nowhere else. Rows that are equal have no such tail, and there it is the whole echo.
    least = min(max(_LONG, unique), echo)
    return target[len(target) - least :], least
