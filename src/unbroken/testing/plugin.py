"""The pytest plugin: one fixture, `fault_server`.

Importing it imports neither the server nor the anthropic SDK; the fixture does, when a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unbroken.testing.server.threaded import ThreadedFaultServer

__all__ = ["fault_server"]


@pytest.fixture
def fault_server() -> Iterator[ThreadedFaultServer]:
    """A fault server in a thread of its own, which answers well until the test tells it a script.

    It serves synchronous, asyncio and trio tests alike:

        def test_my_app_survives_an_overload(fault_server):
            fault_server.play(Script("The answer.", faults=[Status(529)]))
            app = MyApp(base_url=fault_server.url)

    Its time is real time. Under a virtual clock, use `unbroken.testing.FaultServer` in the test's own event
    loop.
    """
    from unbroken.testing.server.server import FaultServer

    with FaultServer.in_thread() as server:
        yield server
