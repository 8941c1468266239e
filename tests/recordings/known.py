"""What is known to be broken, by the number of its finding (`../shared/recordings/README.md`), until it is mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from corpus import Recording, every_recording
from playback import Cut

__all__ = ["DIFFERENT", "KNOWN", "Known"]

#: Streams of which we make something else than the SDK does, on purpose.
DIFFERENT: Final[Mapping[str, str]] = {
    "rec-101": "a call that max_tokens cut: the SDK hands the half over, we do not",
    "rec-105": "the same",
    "rec-230": "an unknown event before message_start: the SDK gives it the type of message_start",
    "rec-346": "`data: [DONE]` at the end: the SDK fails on it",
}


@dataclass(frozen=True)
class Known:
    """A recording whose cuts break a promise.

    Attributes:
        id: The recording.
        finding: Its number.
        promises: The promises that are broken.
        cut: A cut that breaks one.
    """

    id: str
    finding: str
    promises: frozenset[str]
    cut: Cut

    def recording(self) -> Recording:
        """The recording itself."""
        return next(each for each in every_recording() if each.id == self.id)


def _known(id: str, finding: str, promise: str, cut: Cut) -> Known:
    return Known(id, finding, frozenset({promise}), cut)


_EVERY: Final[tuple[Known, ...]] = (
    # White space between blocks is lost on a resume.
    _known("rec-207", "F1", "lost", Cut(38)),
    # A compaction that was delivered and sent back comes again.
    _known("rec-088", "F7", "blocks", Cut(5)),
)
KNOWN: Final[Mapping[str, Known]] = {each.id: each for each in _EVERY}
