"""Which cases `make test` leaves out, so that it takes minutes, and which `make test-all`.

A test that is `slow` is left out. Beside those:

- Of a test on several event loops each case runs once; the loops take turns, case by case, file by file.
- Of a test that is marked `sample` as many cases run as bring every value of every parameter once, event loops too.
- Of one that is marked `sample(20)`, which is for long lists, one case in twenty runs. Of a product, the number should
  share no divisor with the length of any list.

`make test-all` runs all of these, but for what is `thinned(20)`: products that wait for processes for an hour, of which
it runs one case in twenty. `make exhaustive` runs the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby
from typing import Any

import pytest

#: A parameter's name, and its value.
Value = tuple[str, Hashable]


def left_out(items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """Those of the tests that are collected, in the order of collection, that a short run can do without."""
    for _, in_file in groupby(items, key=lambda item: item.path):
        turn = 0
        for _, cases in groupby(in_file, key=_function):
            of_one = list(cases)
            if sample := of_one[0].get_closest_marker("sample"):
                chosen = {id(item) for item in of_one[:: sample.args[0]]} if sample.args else _each_value_once(of_one)
            else:
                chosen, turn = _each_case_once(of_one, turn)
            yield from (item for item in of_one if id(item) not in chosen)


def exhaustive(items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """Those that `make test-all` can do without."""
    for _, cases in groupby(items, key=_function):
        of_one = list(cases)
        if thinned := of_one[0].get_closest_marker("thinned"):
            chosen = {id(item) for item in of_one[:: thinned.args[0]]}
            yield from (item for item in of_one if id(item) not in chosen)


def _function(item: pytest.Item) -> tuple[Any, str]:
    return item.parent, getattr(item, "originalname", None) or item.name


def _values(item: pytest.Item) -> frozenset[Value]:
    """What this case is made of; a value that has no hash is told by its identity."""
    callspec = getattr(item, "callspec", None)
    params = {} if callspec is None else callspec.params
    return frozenset((name, value if _has_hash(value) else id(value)) for name, value in params.items())


def _has_hash(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _each_case_once(items: list[pytest.Item], turn: int) -> tuple[set[int], int]:
    """One event loop for each case, and whose turn is next."""
    loops: dict[frozenset[Value], list[pytest.Item]] = {}
    for item in items:
        case = frozenset(value for value in _values(item) if value[0] != "anyio_backend")
        loops.setdefault(case, []).append(item)
    chosen = {id(of_one[(turn + n) % len(of_one)]) for n, of_one in enumerate(loops.values())}
    return chosen, turn + len(loops)


def _each_value_once(items: list[pytest.Item]) -> set[int]:
    """First the cases that have only new values, then those that have any."""
    seen: set[Value] = set()
    chosen: set[int] = set()
    for only_new in (True, False):
        for item in items:
            values = _values(item)
            if values.isdisjoint(seen) if only_new else not values <= seen:
                chosen.add(id(item))
                seen |= values
    return chosen or {id(items[0])}
