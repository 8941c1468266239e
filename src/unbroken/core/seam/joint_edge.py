"""What stands right behind the joint: what closes the echo, and white space that was delivered already."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["JointEdge"]

_PAGE: Final = 2_000  # in characters: how far back a quotation may have begun
_LONGEST_PREFIX: Final = 2  # of a string in code: f"", rb""


_NO_WORD: Final = re.compile(r"\W+")


class JointEdge:
    """Takes from what follows a joint what is not to be delivered.

    Args:
        held: All of the text that was delivered before.

    Attributes:
        is_past: Whether what follows passes as it is.
        removed: How many characters it has taken out since the joint was found.
    """

    def __init__(self, held: str) -> None:
        self.is_past: bool = False
        self.removed: int = 0
        self._held_space = held[len(held.rstrip()) :]
        self._pending = ""  # what follows the joint, while its first characters are not decided
        self._closer = ""
        self._is_echo = False
        ending = held[-_PAGE:].rstrip()
        self._last_word = _NO_WORD.split(ending[-_PAGE // 10 :])[-1]
        self._may_be_stray = '"' not in ending and not (ending[-1:].isdigit() or ending.endswith("\\"))

    def begin(self, closer: str, *, is_echo: bool) -> None:
        """A joint was found.

        Args:
            closer: What closes the quotation that the model put the echo in; "" for none.
            is_echo: Whether the model has repeated what it was told to.
        """
        self._closer, self._is_echo = closer, is_echo
        self.is_past, self.removed, self._pending = False, 0, ""

    def skip(self) -> None:
        """Nothing follows the joint that would have to be looked at."""
        self.is_past = True

    def pass_on(self, text: str, *, ended: bool = False) -> str:
        """Take what follows the joint; return what may be delivered of it, "" while that is undecided."""
        if self.is_past:
            return text
        self._pending += text
        if not self._closer and self._is_echo and self._may_be_stray and self._pending[:1] in ("", '"'):
            # The model has closed a quotation that it did not open; what follows the mark tells it from the text's own.
            after = self._pending[1:2]
            if not (after or ended):
                return ""
            if self._pending and self._closes_nothing(after):
                self._pending = self._pending[1:]
                self.removed += 1
            self._may_be_stray = False
        inner = self._pending.lstrip() if self._closer == "»" else self._pending  # in French with a space before it
        if not ended and self._closer.startswith(inner) and self._closer != inner:
            return ""
        text = inner.removeprefix(self._closer) if inner.startswith(self._closer) else self._pending
        body = text.lstrip()
        space = text[: len(text) - len(body)]
        if not (body or ended or space.startswith(self._held_space)):
            return ""
        kept = _more_space(self._held_space, space) + body
        self.removed += len(self._pending) - len(kept)
        self.is_past = True
        return kept

    def _closes_nothing(self, after: str) -> bool:
        """Whether a quotation mark right behind the echo, before that character, can only be the model's own."""
        if after.isalnum():
            return len(self._last_word) > _LONGEST_PREFIX and self._last_word.isalpha()
        return not after or after.isspace() or after in ".,;:!?"


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
