"""What a run is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..journal import Journal
from .asking import Ask
from .batched import Batched
from .costs import Estimate
from .errors import BrokenRequest
from .request import RunRequest
from .result_file import ResultFile
from .source import Source

__all__ = ["RunOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is told.

    Attributes:
        source: The requests.
        journal: Where their streams are.
        owns_journal: Whether the run opens and closes it, and clears away what the file of results has.
        make_stream: Makes the stream of a request.
        estimate: What a request may cost.
        open_results: Opens the file of results; None: there is none.
        concurrency: How many are asked at a time.
        max_cost: What may be spent, in USD; None: any amount.
        max_failures: How many may fail; None: all of them.
        retry_failed: Whether what has failed before is asked once more.
        batched: The message batches of the file of results; None: there are none.
        on_broken: Told of each request that cannot be asked as it stands; None: the log is.
        total: How many requests there are; None: that is not known.
    """

    source: Source
    journal: Journal
    owns_journal: bool
    make_stream: Ask
    estimate: Callable[[RunRequest], Estimate]
    open_results: Callable[[], ResultFile] | None = None
    concurrency: int = 16
    max_cost: float | None = None
    max_failures: int | None = None
    retry_failed: bool = False
    batched: Batched | None = None
    on_broken: Callable[[BrokenRequest], object] | None = None
    total: int | None = None
