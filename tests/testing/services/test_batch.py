"""What a batch is at each moment, by the clock alone."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from unbroken.testing.script.batches import LIFETIME, Batches
from unbroken.testing.services.batch import Batch, BatchedRequest


def batch(count: int, script: Batches, *, created_at: float = 100.0) -> Batch:
    """A batch of so many requests that succeed, one after another."""
    requests = [
        BatchedRequest(f"r{n}", {}, {"type": "succeeded"}, created_at + script.seconds * (n + 1) / count)
        for n in range(count)
    ]
    return Batch("b", created_at, requests, script)


def described(batch: Batch, now: float) -> dict[str, Any]:
    return batch.describe(now, url="http://x", date=str)


@pytest.mark.parametrize("cancelled_after", [None, 0.0, 3.0, 9.9])
@pytest.mark.parametrize("seconds", [0.0, 10.0, LIFETIME * 2, math.inf])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_counts_always_add_up(count: int, seconds: float, cancelled_after: float | None) -> None:
    """All are `processing` until the batch ends, and none is after that."""
    made = batch(count, Batches(seconds=seconds, canceling=1.5))
    if cancelled_after is not None and made.status(100 + cancelled_after) != "ended":
        made.cancel_initiated_at = 100 + cancelled_after
    for now in (100.0, 103.0, 105.0, 110.0, 111.4, 111.5, 100 + LIFETIME - 1, 100 + LIFETIME, 100 + 2 * LIFETIME):
        told = described(made, now)
        assert sum(told["request_counts"].values()) == count
        ended = told["processing_status"] == "ended"
        assert (told["request_counts"]["processing"] == 0) == ended
        assert (told["ended_at"] is not None) == (told["results_url"] is not None) == ended
        kinds = [line["result"]["type"] for line in made.results(Random(0))]
        if ended:
            assert {kind: kinds.count(kind) for kind in set(kinds)} == {
                kind: n for kind, n in told["request_counts"].items() if n
            }
    assert described(made, 100 + LIFETIME)["processing_status"] == "ended"


def test_a_batch_tells_what_it_was_when_it_was_just_made() -> None:
    """Whatever the clock says."""
    made = batch(2, Batches())
    assert made.status(100) == "ended"
    told = made.describe(100, url="http://x", date=str, status="in_progress")
    assert (told["processing_status"], told["ended_at"], told["results_url"]) == ("in_progress", None, None)
    assert told["request_counts"] == {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
