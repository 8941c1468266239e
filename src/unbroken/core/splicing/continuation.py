"""Judges a continuation: by how its seam was joined, and by what it has added to the text.

A model that was asked to go on and adds nothing may mean that there was nothing to add, or may not have understood. It
is taken for the end only where the text looks whole, or the turn says itself why it stops there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..message.citations import is_cited
from ..message.partial import Partial
from ..seam.ending import Ending, ending_of

if TYPE_CHECKING:
    from ..seam.seam import Seam

__all__ = ["Continuation"]

#: Of a word that was cut, as much as this may still be to come, in characters.
_REST_OF_A_WORD: Final = 15

#: How a turn ends that is not over, or was stopped right where it was cut.
_NO_SILENCE: Final = ("stop_sequence", "pause_turn", "refusal")


class Continuation:
    """One attempt, judged by what has come of it so far. Asking changes nothing.

    Args:
        partial: Everything that was delivered; what is added to it from now on is the attempt's.
        seam: By which its text is joined. None: it starts from nothing, and is no continuation.
    """

    def __init__(self, partial: Partial, seam: Seam | None) -> None:
        self._partial = partial
        self._seam = seam
        self._text_before = len(partial.trailing_text)
        self._blocks_before = len(partial.blocks)

    @property
    def ending(self) -> Ending:
        """How the text that was delivered looks at its end, but for white space that this attempt has added."""
        text = self._partial.trailing_text
        return ending_of(text if self._text_added.strip() else text[: self._text_before])

    @property
    def adds_nothing(self) -> bool:
        """Whether it has brought no word."""
        return not self._is_more_than_a_word(self._text_added) and not self._has_added_other_blocks

    @property
    def may_be_text(self) -> bool:
        """Whether it may be text though it matches nothing: it neither repeats the answer nor speaks of it."""
        seam = self._seam
        return seam is not None and seam.aside is None and not seam.recited and not seam.repeats

    @property
    def repeats(self) -> bool:
        """Whether it has only repeated what was delivered so far: what is cited there is cited again."""
        return self._seam is not None and self._seam.repeats

    def has_cited(self, citation: object) -> bool:
        """Whether the text that is gone on with has this citation: a model that repeats its end cites again."""
        return is_cited(citation, (each for block in self._partial.blocks[-1:] for each in block.citations))

    @property
    def has_left_the_answer(self) -> bool:
        """Whether the attempt writes something else than the answer's text, so that the rest has to be asked for again.

        Where the text was finished before the model began to recite what it was asked, that was its end.
        """
        seam = self._seam
        if seam is None or not seam.recited:
            return seam is not None and seam.state == "unmatched"
        return not self._text_added or ending_of(self._partial.trailing_text) is not Ending.FINISHED

    @property
    def may_begin_with_a_call(self) -> bool:
        """Whether a call without a word before it is an answer where the rest of the text was asked for.

        It may be where that was finished: an agent's model says what it will do, and does it.
        """
        return self.is_blank and ending_of(self._partial.trailing_text, before_call=True) is Ending.FINISHED

    @property
    def is_blank(self) -> bool:
        """Whether it is not joined, and has brought no text but white space."""
        return self._seam is not None and self._seam.is_blank

    @property
    def leaves_a_gap(self) -> bool:
        """Whether a block of another type, if it began now, would follow a text that is not finished."""
        return self.is_blank and self._seam is not None and not self._seam.restarted

    def is_refused(self, stop_reason: str) -> bool:
        """Whether this `stop_reason` says that the model refused to go on. After new text it ends the answer."""
        has_added = bool(self._text_added.strip()) or self._has_added_other_blocks
        return self._seam is not None and stop_reason == "refusal" and not has_added

    def is_silent(self, stop_reason: str | None) -> bool:
        """Whether it ends having added no word, and what was delivered is not known to be all.

        An answer that was written from its beginning to its end says itself that it is whole.

        Args:
            stop_reason: With which it ends; None where it gives none.
        """
        seam = self._seam
        if seam is None or seam.restarted or stop_reason in _NO_SILENCE or not self.adds_nothing:
            return False
        says_so = stop_reason in ("end_turn", None) and seam.echoed
        # A turn that adds the last letters and ends says more than one that adds none.
        looks = (Ending.FINISHED, Ending.UNCLEAR) if self._text_added.strip() else (Ending.FINISHED,)
        return not (says_so and self.ending in looks)

    @property
    def _has_added_other_blocks(self) -> bool:
        return any(block.type != "text" for block in self._partial.blocks[self._blocks_before :])

    @property
    def _text_added(self) -> str:
        """The text that this attempt has added behind the last block of another kind."""
        return self._partial.trailing_text[self._text_before :]

    def _is_more_than_a_word(self, added: str) -> bool:
        """Whether it is more than white space, and more than the rest of the word that was cut."""
        if not added.isalnum() or len(added) > _REST_OF_A_WORD:
            return bool(added.strip())
        return not self._partial.trailing_text[: -len(added)][-1:].isalnum()
