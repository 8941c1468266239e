"""A fault server for the Messages API, to test what an application does when Claude's streams break.

    from unbroken.testing import FaultServer, Reset, Script, after_characters

    async with FaultServer(Script("A long answer.", faults=[Reset(at=after_characters(6))])) as server:
        client = AsyncAnthropic(base_url=server.url, api_key="test")

With pytest there is a fixture, `fault_server`. The server needs `h11`, which the anthropic SDK brings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbroken.testing.names import *  # noqa: F403


def __getattr__(name: str) -> Any:
    # Late, because pytest imports this package for its plugin even where no test wants a server.
    if not name.startswith("_") or name == "__all__":
        names = import_module(f"{__name__}.names")
        public = [each for each in vars(names) if each[0].isalpha()]  # nor what pytest has put there
        if name == "__all__":
            return public
        if name in public:
            return getattr(names, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__getattr__("__all__")])
