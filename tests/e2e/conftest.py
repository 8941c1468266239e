"""What holds for all tests of this folder: shared asserts explain themselves, and the SDK uses no threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("harness")


@pytest.fixture(autouse=True, scope="session")
def sdk_without_threads() -> Iterator[None]:
    """The SDK looks its platform up in a thread, and a clock that jumps does not wait for threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anthropic._base_client.asyncify", _in_place)
        yield


def _in_place(function: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def call() -> Any:
        return function()

    return call
