"""What the Messages API rejects of cache marks: what they are, how many, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from unbroken.testing.rules.incoming import Incoming

__all__ = ["automatic", "marks"]

_MOST: Final = 4
_TTLS: Final = ("5m", "1h")


def marks(request: Incoming) -> Iterator[str]:
    """Marks that are none, too many of them, and one of an hour after one of five minutes.

    What stands inside a tool's result is not looked at: nothing says how such marks count. Sources: the SDK's
    types/cache_control_ephemeral_param.py, 2.12.0, and the prompt-caching page, in its words:
    github.com/vellum-ai/vellum-assistant/pull/22191.
    """
    given = list(_marks(request))
    top = request.body.get("cache_control")
    for path, mark in [("cache_control", top), *given] if top is not None else given:
        yield from _mark(path, mark)
    if len(given) > _MOST:
        yield f"A maximum of {_MOST} blocks with cache_control may be provided. Found {len(given)}."
    shorter = False
    for path, mark in given:
        if _ttl(mark) == "1h" and shorter:
            yield (
                f"{path}.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note "
                "that blocks are processed in the following order: `tools`, `system`, `messages`."
            )
        shorter = shorter or _ttl(mark) == "5m"


def automatic(request: Incoming) -> Iterator[str]:
    """Automatic caching where four blocks are marked already, or the last one for another time.

    Nothing says in which words the first is refused; the page has "no slots left for automatic caching". The words of
    the second: github.com/vellum-ai/vellum-assistant/pull/23414.
    """
    top = request.body.get("cache_control")
    if top is None:
        return
    content = request.messages[-1]["content"]
    own = content[-1].get("cache_control") if content and isinstance(content, list) else None
    if own is None and len(list(_marks(request))) == _MOST:
        yield f"A maximum of {_MOST} blocks with cache_control may be provided: no slots left for automatic caching."
    if own is not None and _ttl(own) != _ttl(top):
        yield (
            f"Top-level cache_control has ttl='{_ttl(top)}' but the target block already has cache_control with "
            f"ttl='{_ttl(own)}'"
        )


def _marks(request: Incoming) -> Iterator[tuple[str, Any]]:
    """The marks and their paths, in the order in which the API reads them."""
    places: list[tuple[str, Any]] = []
    for name in ("tools", "system"):
        items = request.body.get(name)
        places += [(f"{name}.{i}", item) for i, item in enumerate(items if isinstance(items, list) else ())]
    places += [(path, block) for path, _, block in request.parts()]
    for path, item in places:
        if item.get("cache_control") is not None:
            yield f"{path}.cache_control", item["cache_control"]


def _mark(path: str, mark: object) -> Iterator[str]:
    if not isinstance(mark, dict):
        yield f"{path}: Input should be a valid dictionary"
    elif mark.get("type") != "ephemeral":
        yield (
            f"{path}: Input tag '{mark.get('type')}' found using 'type' does not match any of the expected tags: "
            "'ephemeral'"
        )
    elif mark.get("ttl") not in (None, *_TTLS):
        yield f"{path}.ephemeral.ttl: Input should be '5m' or '1h'"


def _ttl(mark: dict[str, Any]) -> Any:
    return mark.get("ttl") or _TTLS[0]
