"""What the short run leaves out: no case of a test on several event loops, and no value of a sample; and what the whole
run does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import short_run

LOOPS = ("asyncio", "uvloop", "trio")


@dataclass(eq=False)
class Case:
    """A test as pytest has collected it."""

    originalname: str
    params: dict[str, Any]
    sample: tuple[Any, ...] | None = None
    thinned: tuple[Any, ...] | None = None
    path: Path = Path("test_it.py")
    parent: Any = None
    callspec: Any = field(init=False)

    def __post_init__(self) -> None:
        self.callspec = SimpleNamespace(params=self.params)

    def get_closest_marker(self, name: str) -> Any:
        args = {"sample": self.sample, "thinned": self.thinned}.get(name)
        return None if args is None else SimpleNamespace(args=args)


def kept(cases: list[Case]) -> list[dict[str, Any]]:
    """The parameters of what the short run runs."""
    out = list(short_run.left_out(cases))  # type: ignore[arg-type]
    return [case.params for case in cases if case not in out]


def test_what_has_no_loops_and_no_mark_is_run() -> None:
    """Every case of it."""
    cases = [Case("test_a", {"n": n}) for n in range(9)]
    assert kept(cases) == [{"n": n} for n in range(9)]


def test_each_case_runs_on_one_loop_and_the_loops_take_turns() -> None:
    """Also from one test of a file to the next."""
    cases = [Case(f"test_{n}", {"n": case, "anyio_backend": loop}) for n in range(3) for loop in LOOPS for case in "ab"]
    run = kept(cases)
    assert len(run) == 6
    assert Counter(params["anyio_backend"] for params in run) == dict.fromkeys(LOOPS, 2)
    assert Counter(params["n"] for params in run) == {"a": 3, "b": 3}


def test_a_sample_has_every_value_and_no_more_than_that_takes() -> None:
    """Event loops too; values need not have a hash, and parameters may be a list of their product."""
    values = {"fault": [[1], [2], [3], [4]], "place": list("abcdefg"), "anyio_backend": LOOPS}
    cases = [Case("test_it", dict(zip(values, each, strict=True)), ()) for each in product(*values.values())]
    run = kept(cases)
    for name, each in values.items():
        assert [value for value in each if value not in [params[name] for params in run]] == []
    assert len(run) <= 9


def test_one_in_so_many() -> None:
    """The first of them."""
    cases = [Case("test_it", {"n": n}, (20,)) for n in range(45)]
    assert [params["n"] for params in kept(cases)] == [0, 20, 40]


def test_of_a_product_that_is_too_long_one_case_in_so_many_is_not_exhaustive() -> None:
    """And all of what is no such product."""
    thinned = [Case("test_it", {"n": n}, thinned=(20,)) for n in range(45)]
    others = [Case("test_other", {"n": n}, (20,)) for n in range(45)]
    left = list(short_run.exhaustive([*thinned, *others]))  # type: ignore[list-item]
    assert [case.params["n"] for case in thinned if case not in left] == [0, 20, 40]
    assert not [case for case in others if case in left]
