"""What all tests share: the event loops they run on, a clean environment, and nothing left behind.

`@pytest.mark.anyio` runs a test on asyncio, on uvloop and on trio. `@pytest.mark.backends("virtual")` beside it chooses
others: any of `asyncio`, `uvloop`, `trio` and `virtual`, which is trio on a clock that jumps, so that a wait takes no
time and times are exact.

`make test` runs what is not `slow`. Of a test on several event loops it runs each case once, the loops taking turns; of
one that is marked `sample`, as many cases as bring every value of every parameter once. `short_run.py` has the rest
marked `slow`.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio.testing
from hypothesis import HealthCheck, settings

import short_run

pytest.register_assert_rewrite("harness")

# A machine that is busy with others draws slowly.
settings.register_profile("unbroken", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("unbroken"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "unbroken")
# For `make test`: a third of the examples. A test that says a number of its own gets that.
settings.register_profile("short", max_examples=settings.default.max_examples // 3)

#: The files of which a test has run.
_BEGUN: set[Path] = set()

# What clients read from the environment, beside `ANTHROPIC_*`; a proxy would stand between a test and its server.
_AMBIENT = frozenset(
    {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "cloud_ml_region"}
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--recordings", choices=["some", "all"], default="some", help="how many cuts of the recorded streams are played"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "backends(*names): the event loops of an anyio test, instead of the usual three")
    # Otherwise pytest-asyncio's first look for the current event loop makes one that nobody closes.
    asyncio.set_event_loop(None)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Turn `backends(...)` into parameters of `anyio_backend`."""
    chosen = metafunc.definition.get_closest_marker("backends")
    if chosen and "anyio_backend" in metafunc.fixturenames:
        metafunc.definition.add_marker(pytest.mark.parametrize("anyio_backend", chosen.args, indirect=True))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` and `make test-all` leave out, before `-m` chooses."""
    for item in short_run.left_out(items):
        item.add_marker(pytest.mark.slow)
    for item in short_run.exhaustive(items):
        item.add_marker(pytest.mark.exhaustive)


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage meanwhile: a finalizer that formats a traceback parses a line, and when it comes in the middle
    of the parsing of a test file, CPython 3.11 raises "AST constructor recursion depth mismatch" for that.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep what was imported out of the collections after each test: each would take 0.15 s with it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop of an `anyio` test: a name and its options."""
    match request.param:
        case "uvloop":
            pytest.importorskip("uvloop", reason="there is no uvloop for this platform")
            return "asyncio", {"use_uvloop": True}
        case "virtual":
            return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}
        case "asyncio" | "trio" as name:
            return name, {}
        case other:
            raise pytest.UsageError(f"there is no backend {other!r}; backends are asyncio, uvloop, trio and virtual")


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> Iterator[None]:
    """No variable of this machine changes what a client does."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("ANTHROPIC_", "AWS_", "GOOGLE_", "OTEL_")) or name.lower() in _AMBIENT:
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def sdk_without_threads() -> Iterator[None]:
    """The SDK looks its platform up in a thread, and a clock that jumps does not wait for threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anthropic._base_client.asyncify", _in_place)
        yield


@pytest.fixture(autouse=True, scope="session")
def certificates_read_once() -> Iterator[None]:
    """Every client reads the certificates of this machine, 20 ms of CPU each time, and no test has a use for them."""

    @functools.cache
    def made(*args: Any, **options: Any) -> Any:
        return make(*args, **options)

    make = httpx2.create_ssl_context
    with pytest.MonkeyPatch.context() as patch:
        for module in (httpx2, httpx2._transports.default):
            patch.setattr(module, "create_ssl_context", made)
        yield


def _in_place(function: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def call() -> Any:
        return function()

    return call


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """What an async test forgets to close or await warns while that test, and no later one, can be blamed."""
    yield
    if "anyio_backend" in request.fixturenames or request.node.get_closest_marker("asyncio"):
        gc.collect()
        if request.path not in _BEGUN:  # the SDK imports most of itself when it is first used
            _BEGUN.add(request.path)
            gc.freeze()
