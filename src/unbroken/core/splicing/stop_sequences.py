"""Which end of a text may be the head of a stop sequence.

The API sends nothing of a stop sequence that is whole, but its head may arrive before that is known. Once delivered it
could not be taken back; and a resume would go on behind it, so that the API never saw the whole.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["StopSequences"]


class StopSequences:
    """The `stop_sequences` of a request."""

    def __init__(self, sequences: Iterable[str]) -> None:
        self._sequences = tuple(sequences)
        self._characters = frozenset("".join(sequence[:-1] for sequence in self._sequences))

    def begun_by(self, text: str) -> int:
        """How many characters at the end of the text are the beginning of a stop sequence: the most; 0 for none."""
        if text[-1:] not in self._characters:  # as most often
            return 0
        most = 0
        for sequence in self._sequences:
            for length in range(min(len(sequence) - 1, len(text)), most, -1):
                if text.endswith(sequence[:length]):
                    most = length
                    break
        return most
