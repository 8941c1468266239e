"""The same bytes into the bare SDK and into `resilient_stream`: the reader gets what the SDK gives, or a named failure.

`UNBROKEN_ORACLE=20000` reads more bodies; so does `python -m tests.e2e.sdk_oracle 20000`, which prints what it finds.
"""

from __future__ import annotations

import os
import warnings
from typing import Final

import anyio
import pytest

from e2e.sdk_oracle import MUTATIONS, Readers, judge, make, run

#: Bodies that were read wrongly once.
FOUND: Final = {
    5585: "text in a thinking block was progress, and asked for without an end",
    8542: "the same in a block without a signature",
    13424: "the same before a cut",
    6409: "a stop reason in the start of a message that goes on made half of it a whole",
    7802: "the same without a cut",
    17048: "halves of a character around an event of a gateway's own stayed halves",
}


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_read_wrongly_once_is_not_again(seed: int) -> None:
    async def read() -> str | None:
        readers = Readers()
        wrong = await judge(readers, make(seed))
        await readers.aclose()
        return wrong

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert anyio.run(read) is None


@pytest.mark.slow
def test_the_sdk_has_the_same_or_the_failure_has_a_name() -> None:
    """Each body is of a seed of its own, and comes again by it."""
    with warnings.catch_warnings():
        # Pydantic's, when the SDK takes a value of a type that it does not expect.
        warnings.simplefilter("ignore")
        tried, problems, _ = anyio.run(run, int(os.environ.get("UNBROKEN_ORACLE", "300")))
    assert [(body.seed, body.mutations, wrong) for body, wrong in problems] == []
    assert {mutation.__name__ for mutation in MUTATIONS} <= set(tried)
