"""Nobody waits for the exchange: a stream beside a server that is not there, or hangs."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from harness import read, serving
from unbroken import SharedHealth

pytestmark = pytest.mark.anyio


@pytest.fixture
def hanging() -> Iterator[str]:
    """Takes connections, and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_stream_does_not_wait_for_a_server_that_hangs(hanging: str) -> None:
    health = SharedHealth(hanging, timeout=3600)
    async with serving("An answer.") as (_, client):
        reading = await read(client, health=health)
    assert reading.text == "An answer."
    assert health.snapshot()["fleet"] == {"reached": False, "age": None, "processes": 1, "retries_left": 0.0}
    await health.aclose()
    await health.aclose()
