"""What is sent, and a client that does not take it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import anyio
import pytest

from unbroken.web.body import Body, Gone
from unbroken.web.errors import BrokenOff

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]


async def test_a_client_that_takes_nothing() -> None:
    """It is waited for, and no longer than that."""

    async def send(message: MutableMapping[str, Any]) -> None:
        await anyio.sleep(29 if message["type"] == "http.response.start" else 31)

    body = Body(send, 30)
    await body.start()
    with pytest.raises(BrokenOff, match="taken nothing for 30 seconds"):
        await body.write(b"data: {}\n\n")
    assert body.started


async def test_as_long_as_it_likes() -> None:
    """Where the caller has said so."""

    async def send(message: MutableMapping[str, Any]) -> None:
        await anyio.sleep(10_000)

    body = Body(send, None)
    await body.start()
    await body.write(b"", more=False)


async def test_a_server_that_says_that_the_client_is_gone() -> None:
    """ASGI 2.4 has `send` raise it."""

    async def send(message: MutableMapping[str, Any]) -> None:
        raise BrokenPipeError

    with pytest.raises(Gone):
        await Body(send, 30).start()


async def test_a_response_without_a_body_has_no_type() -> None:
    """The other headers stay."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    for status in (204, 200):
        body = Body(send, 30)
        body.headers = [(b"content-type", b"text/event-stream"), (b"set-cookie", b"a=1")]
        await body.start(status)
    assert [len(message["headers"]) for message in sent] == [1, 2]


async def test_what_is_large_is_sent_in_pieces() -> None:
    """So that a server can wait for the client between them; only the last one ends the body."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    data = bytes(range(256)) * 1000
    for more in (True, False):
        sent.clear()
        await Body(send, 30).write(data, more=more)
        assert b"".join(message["body"] for message in sent) == data
        assert max(len(message["body"]) for message in sent) == 65536
        assert [message["more_body"] for message in sent] == [True, True, True, more]
    sent.clear()
    await Body(send, 30).write(b"", more=False)
    assert [message["more_body"] for message in sent] == [False]
