"""How much input a request has, roughly: no tokenizer is at hand, and none is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..models.table import ModelInfo, ascii_and_other

__all__ = ["input_size"]

#: What the model reads, of the arguments of `messages.stream`.
_READ: Final = ("system", "messages", "tools")
#: What an image has in tokens (vision page: at most about 1,600 after it was scaled down), and what a document has,
#: which is nothing but a guess: a page is 1,500 to 3,000, and nobody counts pages here.
_IMAGE: Final = 1_600
_DOCUMENT: Final = 6_000
#: What there is around the texts: roles, the kinds of blocks, in tokens for each message.
_AROUND: Final = 4


def input_size(request: Mapping[str, Any], model: ModelInfo) -> int:
    """Tokens that a request has at least, roughly.

    Args:
        request: As it is sent.
        model: By whose tokens it is counted.
    """
    counter = _Counter()
    for name in _READ:
        if (part := request.get(name)) is not None:
            counter.add(part)
    return model.least_tokens(counter.ascii_only, counter.other) + counter.tokens


class _Counter:
    __slots__ = ("ascii_only", "other", "tokens")

    def __init__(self) -> None:
        self.ascii_only = 0
        self.other = 0
        self.tokens = 0

    def add(self, root: Any) -> None:
        """A text, or what is made of texts, as deep as it goes."""
        parts = [root]
        while parts:
            part = parts.pop()
            if isinstance(part, str):
                if part.isascii():
                    self.ascii_only += len(part)
                else:
                    ascii_only, other = ascii_and_other(part)
                    self.ascii_only += ascii_only
                    self.other += other
            elif isinstance(part, Mapping):
                kind = part.get("type")
                if kind == "image":
                    self.tokens += _IMAGE
                elif kind == "document" and not _is_text(part.get("source")):
                    self.tokens += _DOCUMENT
                else:
                    self.tokens += _AROUND
                    parts.extend(part.values())
            elif isinstance(part, list | tuple):
                parts.extend(part)
            elif hasattr(part, "to_dict"):  # a block as the SDK gives it
                parts.append(part.to_dict())


def _is_text(source: Any) -> bool:
    return isinstance(source, Mapping) and source.get("type") in ("text", "content")
