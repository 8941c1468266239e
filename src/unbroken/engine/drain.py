"""What is left of a response that was closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

__all__ = ["drain"]

#: How many chunks a closed response may still have; one that has no end, and never waits, is not drained.
_MOST_CHUNKS: Final = 1000


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """End the iterator over the chunks of a closed response: its generators are not left to the garbage collector."""
    try:
        for _ in range(_MOST_CHUNKS):
            await anext(chunks)
    except Exception as error:
        # aiohttp raises one and the same exception for every closed body: the frames that it has come through, and so
        # the responses in them, would be kept for ever.
        each: BaseException | None = error
        while each is not None:
            each.__traceback__ = None
            each = each.__cause__ or each.__context__
