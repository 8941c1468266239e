"""The usage of a message that several requests have written: the input of the one that opened it, the output of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..message.partial import Partial
from ..requests.tokens import spent_tokens
from ..wire.counters import INPUT_TOKENS
from ..wire.decoded import Event

if TYPE_CHECKING:
    from ..seam.seam import Seam

__all__ = ["MessageUsage"]

#: An estimate, for what was written twice.
_CHARACTERS_PER_TOKEN: Final = 4


class MessageUsage:
    """Turns the usage of one attempt into the usage of the message.

    Args:
        partial: Everything that was delivered before the attempt.
        seam: Which cuts what the attempt writes again; None where nothing is joined.
    """

    def __init__(self, partial: Partial, seam: Seam | None) -> None:
        self._opens_message = partial.message is None
        self._tokens_before = spent_tokens(partial)
        self._seam = seam

    def push(self, event: Event) -> Event:
        """Take a `message_delta`; return it as it is where the attempt is the first, else as the message has it.

        That is without the counts of input, and with one token of output at least: the SDK's types want a number.
        """
        if self._opens_message:
            return event
        usage = event.get("usage") or {}
        cut = self._seam.result.discarded if self._seam is not None else 0
        output = self._tokens_before + (usage.get("output_tokens") or 0) - cut // _CHARACTERS_PER_TOKEN
        # The input of a later request is another prompt than that of the one that opened the message.
        kept = {name: value for name, value in usage.items() if name not in INPUT_TOKENS}
        return {**event, "usage": {**kept, "output_tokens": max(output, 1)}}
