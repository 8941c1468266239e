"""Where the pings of a healthy stream fall; what a script's `Pings` sends is beside them.

After 624 recorded streams of the Claude API: 81 have none, 499 one, 44 up to seven; 511 pings stand after the first
block's start, 233 after a delta, 23 between two blocks. Vertex AI sends one right after `message_start`, Foundry after
the first delta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from unbroken.testing.wire.http import PING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from random import Random

__all__ = ["after_first", "anywhere"]

_COUNTS: Final = (0, 1, 2, 3, 4, 7)
_COUNT_WEIGHTS: Final = (81, 499, 20, 12, 10, 2)
_PLACES: Final = ("content_block_start", "content_block_delta", "content_block_stop")
_PLACE_WEIGHTS: Final = (511, 110, 10)


def after_first(kind: str) -> Callable[[Iterable[dict[str, Any]], Random], Iterator[dict[str, Any]]]:
    """One ping, after the first event of that type."""

    def placed(events: Iterable[dict[str, Any]], rng: Random) -> Iterator[dict[str, Any]]:
        del rng
        sent = False
        for event in events:
            yield event
            if event["type"] == kind and not sent:
                sent = True
                yield PING

    return placed


def anywhere(events: Iterable[dict[str, Any]], rng: Random) -> Iterator[dict[str, Any]]:
    """None, one or several, where the Claude API sends them."""
    told = list(events)
    (count,) = rng.choices(_COUNTS, _COUNT_WEIGHTS)
    places = [n for n, event in enumerate(told) if event["type"] == "content_block_delta" or _is_between(told, n)]
    first = [n for n, event in enumerate(told) if event["type"] == "content_block_start"][:1]
    chosen = set()
    if count:
        (kind,) = rng.choices(_PLACES, _PLACE_WEIGHTS)
        fitting = [n for n in places if told[n]["type"] == kind]
        chosen.update([rng.choice(fitting)] if fitting else first)
    left = [n for n in places if n not in chosen]
    chosen.update(rng.sample(left, min(len(left), max(0, count - 1))))
    for n, event in enumerate(told):
        yield event
        if n in chosen:
            yield PING


def _is_between(events: list[dict[str, Any]], n: int) -> bool:
    return [event["type"] for event in events[n : n + 2]] == ["content_block_stop", "content_block_start"]
