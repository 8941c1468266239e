"""Models that do not do as they are asked: the answer or an honest failure, in a sample of what `make seams` tries."""

from __future__ import annotations

import pytest
from tests.corpus.texts import TEXTS

from benchmarks import seams


@pytest.mark.slow
def test_what_can_be_known_is_never_wrong() -> None:
    """Every text in every such manner, at other places than those of the table."""
    tally = seams.measure_unfaithful(TEXTS, seed=7, stride=97)
    assert seams.wrong(tally) == []
    assert sum(counts["cuts"] for counts in tally.values()) > 1_200
