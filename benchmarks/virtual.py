"""Runs on trio's virtual clock, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio
import trio.testing

__all__ = ["run"]

T = TypeVar("T")


def run(function: Callable[..., Awaitable[T]], *arguments: Any, seed: int, clock: trio.abc.Clock | None = None) -> T:
    """Run an async function; waits take no time.

    Trio shuffles the tasks that are ready at the same time, so that nobody relies on their order. What pytest-trio and
    Hypothesis do about it is done here: it shuffles with a seed. It has no public name for that.

    Args:
        function: What is run.
        *arguments: Of it.
        seed: Of trio's dice and of the module `random`, which the engine's jitter is drawn from.
        clock: None: one that jumps whenever all are waiting.
    """
    random.seed(seed)
    internals: Any = trio._core._run  # noqa: SLF001
    internals._ALLOW_DETERMINISTIC_SCHEDULING = True  # noqa: SLF001
    internals._r.seed(seed)  # noqa: SLF001
    return trio.run(function, *arguments, clock=clock or trio.testing.MockClock(autojump_threshold=0))
