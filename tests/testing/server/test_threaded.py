"""The server in a thread, for synchronous code, and its fixture."""

from __future__ import annotations

import subprocess
import sys

import anthropic
import pytest
from serving import ask

from unbroken.testing import FaultServer, Script, Silence, Status, ThreadedFaultServer, after_characters


def client(server: ThreadedFaultServer) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url, api_key="test", max_retries=0)


def test_a_synchronous_client(fault_server: ThreadedFaultServer) -> None:
    """It is served by the fixture, as the script says."""
    fault_server.play(Script("Sync.", faults=[Status(529)]))
    with client(fault_server) as sdk:
        with pytest.raises(anthropic.OverloadedError):
            sdk.messages.create(**ask())
        with sdk.messages.stream(**ask()) as stream:
            assert stream.get_final_text() == "Sync."
    fault_server.all_closed()
    assert [request.status for request in fault_server.requests] == [529, 200]
    assert len(fault_server.connections) == 1
    assert fault_server.open_connections == []


@pytest.mark.asyncio
async def test_an_asyncio_test(fault_server: ThreadedFaultServer) -> None:
    """The fixture serves it too."""
    async with anthropic.AsyncAnthropic(base_url=fault_server.url, api_key="test") as sdk:
        assert (await sdk.messages.create(**ask())).stop_reason == "end_turn"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_a_trio_test(fault_server: ThreadedFaultServer, anyio_backend: str) -> None:
    """In real time, the fixture serves trio as well."""
    async with anthropic.AsyncAnthropic(base_url=fault_server.url, api_key="test") as sdk:
        assert (await sdk.messages.create(**ask())).stop_reason == "end_turn"


def test_listening_is_stopped_from_another_thread(fault_server: ThreadedFaultServer) -> None:
    """And taken up again."""
    with client(fault_server) as sdk:
        fault_server.stop_listening()
        with pytest.raises(anthropic.APIConnectionError):
            sdk.messages.create(**ask())
        fault_server.listen()
        assert sdk.messages.create(**ask()).stop_reason == "end_turn"


def test_a_connection_that_stays_open_is_told_of() -> None:
    """`all_closed` waits no longer than it is told to; leaving the block closes it."""
    with (
        FaultServer.in_thread(Script("Text.", faults=[Silence(at=after_characters(2))])) as server,
        client(server) as sdk,
    ):
        with sdk.messages.stream(**ask()) as stream:
            assert next(iter(stream.text_stream)) == "Te"
            with pytest.raises(TimeoutError):
                server.all_closed(timeout=0.01)
        server.all_closed()
    assert server.requests[0].abandoned


def test_the_plugin_is_light() -> None:
    """pytest imports it for every run, so it brings neither the server nor the SDK."""
    heavy = "'anthropic', 'h11', 'unbroken.testing.server.server'"
    code = f"import sys, unbroken.testing.plugin; print(*(name for name in ({heavy}) if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    brought = ran.stdout.split()
    if brought == ["anthropic"]:
        pytest.xfail("`import unbroken` itself brings the SDK")
    assert brought == []


def test_all_names_can_be_imported() -> None:
    """Lazily, and no others."""
    import unbroken.testing

    for name in unbroken.testing.__all__:
        assert getattr(unbroken.testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = unbroken.testing.nothing
