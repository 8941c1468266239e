"""All that is around a request, looked at at the same time: the way to the API, the key, the models, the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anthropic
import anyio
import httpx2

from .checks import Check, Limits, hello, key, no_key, source
from .network import Resolve, network, status_page, unresolved

__all__ = ["look_around"]

Step = Callable[[], Awaitable[Check]]


async def look_around(
    url: httpx2.URL,
    client: anthropic.AsyncAnthropic | str,
    models: Sequence[str],
    *,
    status_url: str | None,
    limits: Limits,
    resolve: Resolve,
    tell: Callable[[Check], None],
) -> None:
    """Take every step at once, and tell each as soon as those before it are told.

    Args:
        url: Where the API is.
        client: With `max_retries=0`; or why there is none.
        models: The models that are tried.
        status_url: Where the status page is; None: its usual place.
        limits: Seconds for each step.
        resolve: How names are resolved.
        tell: Is told of each step.
    """
    in_order = _InOrder(tell)

    async def take(number: int, step: Step) -> None:
        in_order.put(number, await step())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take, len(models) + 2, partial(status_page, status_url, limits, resolve))
        # What nobody can find is not asked: each request would have a thread wait for the resolver once more.
        if lost := await unresolved(url, limits, resolve):
            steps: list[Check | Step] = [lost]
        else:
            steps = [partial(network, url, limits)]
        if isinstance(client, str):
            steps += [no_key(client), *(_not_asked(model) for model in models)]
        elif lost:
            not_tried = Check(name="key", outcome="skipped", summary=f"{source(client)}: not tried")
            steps += [not_tried, *(_not_asked(model) for model in models)]
        else:
            steps += [partial(key, client, limits), *(partial(hello, client, model, limits) for model in models)]
        for number, step in enumerate(steps):
            if isinstance(step, Check):
                in_order.put(number, step)
            else:
                tasks.start_soon(take, number, step)


def _not_asked(model: str) -> Check:
    return Check(name="hello", outcome="skipped", summary=f"{model}: not asked", data={"model": model})


class _InOrder:
    def __init__(self, tell: Callable[[Check], None]) -> None:
        self._tell = tell
        self._waiting: dict[int, Check] = {}
        self._next = 0

    def put(self, number: int, check: Check) -> None:
        self._waiting[number] = check
        while self._next in self._waiting:
            self._tell(self._waiting.pop(self._next))
            self._next += 1
