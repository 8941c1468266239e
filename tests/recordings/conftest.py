"""How much of the recordings is played, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import pytest
from cuts import every_cut, sample

from corpus import every_recording

#: Cuts of one recording in one test: the longest has more than two thousand.
_IN_ONE: Final = 150
_PROPERTY: Final = "recordings"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each recording or, where all is played, for each run of its cuts."""
    if "cuts" in metafunc.fixturenames:
        every = metafunc.config.getoption("--recordings") == "all"
        cases = []
        for recording in every_recording():
            cuts = every_cut(recording) if every else sample(recording)
            cases += [
                pytest.param(recording, cuts[at : at + _IN_ONE], id=f"{recording.id}-{at}")
                for at in range(0, len(cuts), _IN_ONE)
            ]
        metafunc.parametrize(("recording", "cuts"), cases)
    elif "recording" in metafunc.fixturenames:
        metafunc.parametrize("recording", [pytest.param(each, id=each.id) for each in every_recording()])


@pytest.fixture
def tally(record_property: Any) -> dict[str, int]:
    """What was counted; it is added up over all tests, and told at the end. Plain, since it goes to another process."""
    counts: dict[str, int] = {}
    record_property(_PROPERTY, counts)
    return counts


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell what came of all that was played."""
    total: Counter[str] = Counter()
    reports: Sequence[Any] = [each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, ())]
    for report in reports:
        for name, counts in getattr(report, "user_properties", ()):
            if name == _PROPERTY:
                total.update(counts)
    if total:
        terminalreporter.section("recorded streams")
        width = max(map(len, total))
        for name in sorted(total):
            terminalreporter.line(f"{name:<{width}}  {total[name]:>7,}")
