"""Pages of a list, as the API's lists have them: `limit`, `after_id` and `before_id`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from unbroken.testing.script.faults import Status

__all__ = ["page"]

#: The SDK, 2.12.0: "Defaults to `20`. Ranges from `1` to `1000`."
_LIMIT: Final = "20"
_MOST: Final = 1000


def page(items: Sequence[Mapping[str, Any]], query: Mapping[str, Sequence[str]]) -> dict[str, Any] | Status:
    """The page that a query asks for, or the error with which the API answers it.

    Args:
        items: All of them, each with an `id`, in the order in which they are listed.
        query: The decoded query string.
    """
    given = {name: query[name][-1] for name in ("limit", "after_id", "before_id") if query.get(name)}
    limit = given.get("limit", _LIMIT)
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        return Status(400, message=f"limit: Input should be between 1 and {_MOST}")
    ids = [item["id"] for item in items]
    for name in ("after_id", "before_id"):
        if name in given and given[name] not in ids:
            return Status(400, message=f"{name}: Invalid cursor")
    first = ids.index(given["after_id"]) + 1 if "after_id" in given else 0
    last = ids.index(given["before_id"]) if "before_id" in given else len(ids)
    if "before_id" in given:
        found, more = items[max(first, last - int(limit)) : last], last - int(limit) > first
    else:
        found, more = items[first : first + int(limit)], first + int(limit) < last
    return {
        "data": [dict(item) for item in found],
        "has_more": more,
        "first_id": found[0]["id"] if found else None,
        "last_id": found[-1]["id"] if found else None,
    }
