"""Who has wrapped a stream sees what the engine has read: the same events, and the same end."""

from __future__ import annotations

from typing import Any, Final

import pytest
from anthropic import AsyncAnthropic

from harness import CONTINUE, ask, assert_unbroken, read, serving
from unbroken import resilient_stream
from unbroken.sdk.tracers import watched
from unbroken.testing import Reset, Script, after_characters

pytestmark = pytest.mark.anyio

TEXT: Final = "Who watches an answer sees all of it, whichever attempt has brought which part."


class Tracer:
    """Wraps a client's `messages.stream`, as tracers do, and keeps what each of its streams has brought."""

    def __init__(self, client: AsyncAnthropic, *, raises: bool = False) -> None:
        self.seen: list[tuple[str, str]] = []
        self._original = client.messages.stream
        self._raises = raises
        client.messages.stream = self._stream  # type: ignore[method-assign, assignment]

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Manager(self, self._original(*args, **kwargs))

    async def texts(self, stream: Any) -> Any:
        """The texts of a stream, which are noted with what they end with."""
        text, ended = "", "whole"
        try:
            async for piece in stream.text_stream:
                text += piece
                yield piece
        except Exception as error:
            ended = type(error).__name__
            raise
        finally:
            self.seen.append((text, ended))
        if self._raises:
            raise LookupError("a tracer's own trouble")


class _Manager:
    def __init__(self, tracer: Tracer, manager: Any) -> None:
        self._tracer = tracer
        self._manager = manager

    async def __aenter__(self) -> _Stream:
        return _Stream(self._tracer, await self._manager.__aenter__())

    async def __aexit__(self, *error: object) -> None:
        await self._manager.__aexit__(*error)


class _Stream:
    def __init__(self, tracer: Tracer, stream: Any) -> None:
        self.response = stream.response
        self.text_stream = tracer.texts(stream)

    def __aiter__(self) -> Any:
        return self.text_stream


@pytest.mark.parametrize("raises", [False, True])
async def test_each_attempt_is_seen_as_it_was(raises: bool) -> None:
    """What it has brought, and what it died of; a tracer's own trouble is not the stream's."""
    async with serving(Script(TEXT, faults=[Reset(at=after_characters(40))]), max_retries=0) as (server, client):
        tracer = Tracer(client, raises=raises)
        assert_unbroken(await read(client), TEXT)
        assert len(server.requests) == 2
        (cut, died), (rest, ended) = tracer.seen
        assert (died, ended) == ("ReadError", "whole")
        assert TEXT.startswith(cut)
        assert TEXT.endswith(rest[-20:])


async def test_a_stream_that_is_left_is_seen_as_far_as_it_was_read() -> None:
    """And no further."""
    async with serving(TEXT, max_retries=0) as (_, client):
        tracer = Tracer(client)
        async with resilient_stream(client, **ask()) as stream:
            await anext(stream.text_stream)
        ((text, _),) = tracer.seen
        assert text
        assert TEXT.startswith(text)


async def test_nothing_is_kept_where_nobody_watches() -> None:
    """The SDK's own stream is read as it is; so is what is no stream of events."""
    async with serving(TEXT, max_retries=0) as (_, client):
        manager = client.messages.stream(model=CONTINUE, max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
        async with manager as stream:
            assert watched(manager, stream) is None
            assert watched(manager, object()) is None
