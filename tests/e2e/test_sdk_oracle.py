"""The same bytes into the bare SDK and into `resilient_stream`: the reader gets what the SDK gives, or a named failure.

`UNBROKEN_ORACLE=20000` reads more bodies; so does `python -m tests.e2e.sdk_oracle 20000`, which prints what it finds.
"""

from __future__ import annotations

import os
import warnings

import anyio
import pytest

from e2e.sdk_oracle import MUTATIONS, run


@pytest.mark.slow
def test_the_sdk_has_the_same_or_the_failure_has_a_name() -> None:
    """Each body is of a seed of its own, and comes again by it."""
    with warnings.catch_warnings():
        # Pydantic's, when the SDK takes a value of a type that it does not expect.
        warnings.simplefilter("ignore")
        tried, problems, _ = anyio.run(run, int(os.environ.get("UNBROKEN_ORACLE", "300")))
    assert [(body.seed, body.mutations, wrong) for body, wrong in problems] == []
    assert {mutation.__name__ for mutation in MUTATIONS} <= set(tried)
