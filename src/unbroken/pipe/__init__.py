"""Operators for a text that streams: words, sentences, lines, Markdown blocks, an even pace, several readers.

    async with resilient_stream(client, ...) as stream:
        async with (stream.text_stream | pipe.sentences()).stream() as sentences:
            async for sentence in sentences:
                await speak(sentence)

Any asynchronous iterable of `str` can be piped into them, and what comes out is a stream of aiostream's, which its own
operators take: `stream.text_stream | pipe.lines() | aiostream.pipe.take(3)`. Nothing is read before it is asked for,
but for `smooth` and `tee`, which read ahead within bounds. An error of the source comes behind all that came before it.
Leaving the context, or being cancelled in it, closes the source at once. A read that is cancelled by itself, as
`wait_for(anext(sentences), 15)` does it, loses nothing where the source loses nothing; `text_stream` does not.

This module alone needs aiostream, which is under the GPL, version 3 or later, and for asyncio only. It comes with the
extra `pipe`: `pip install 'unbroken[pipe]'`.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("aiostream") is None:
    message = "unbroken.pipe needs aiostream (GPL-3.0-or-later): pip install 'unbroken[pipe]'"
    raise ImportError(message, name="aiostream")

from .operators import Operator, Piped, PipedTee, blocks, lines, sentences, smooth, tee, words

__all__ = ["Operator", "Piped", "PipedTee", "blocks", "lines", "sentences", "smooth", "tee", "words"]
