"""Never run: what type checkers make of `unbroken.pipe`, which needs the extra of that name. `make lint` reads it."""

from __future__ import annotations

from typing import assert_type

from aiostream.core import Stream
from anthropic import AsyncAnthropic

from unbroken import pipe, resilient_stream


async def the_operators() -> None:
    async with resilient_stream(
        AsyncAnthropic(), model="claude-opus-5-5", max_tokens=1024, messages=[{"role": "user", "content": "Hello"}]
    ) as stream:
        text = stream.text_stream
        assert_type(text | pipe.words(), Stream[str])
        assert_type(text | pipe.sentences.pipe(), Stream[str])
        assert_type(text | pipe.lines(), Stream[str])
        assert_type(text | pipe.blocks(), Stream[str])
        assert_type(text | pipe.smooth(40, max_lag=0.5) | pipe.lines(), Stream[str])
        assert_type(text | pipe.tee(2, buffer=16), tuple[Stream[str], ...])
        async with (text | pipe.sentences()).stream() as sentences:
            async for sentence in sentences:
                assert_type(sentence, str)
