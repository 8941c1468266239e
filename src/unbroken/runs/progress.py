"""How far a run is: plain numbers, without ids and without content."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from ..report import AttemptReport, Report, input_told
from .answer import RunAnswer

__all__ = ["RunProgress", "Tally"]

#: Over how many seconds what comes in a minute is measured.
_WINDOW: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run is.

    Attributes:
        total: How many requests there are, those that are broken too; None: that is not known, as of a generator.
        answered_before: How many had a result in the file when the run began, and were passed over.
        succeeded: How many were answered since.
        failed: How many could not be.
        broken: How many could not be asked as they stand.
        deferred: How many are in message batches that have not ended.
        running: How many are being asked, or read along with another process.
        requests: How many HTTP requests have ended that were made here: each can be one of several for an answer.
        rate_limited: How many of them were answered with 429.
        overloaded: How many with 529, or broke off with that error.
        resumes: How many asked for the rest of an answer.
        input_tokens: What they have spent, caches included.
        output_tokens: Likewise, estimated where the API did not say.
        requests_per_minute: Over the last minute.
        tokens_per_minute: Likewise, input and output.
        spent: What they have cost, in USD.
        unpriced: How many of them had no price, and are not in `spent`.
        projected: What all will have cost in the end, in USD, if the rest is like those that have ended; None: not
            known yet.
        seconds: Since the run began.
        seconds_left: Likewise until its end, at the present pace; None: not known yet.
    """

    total: int | None
    answered_before: int
    succeeded: int
    failed: int
    broken: int
    deferred: int
    running: int
    requests: int
    rate_limited: int
    overloaded: int
    resumes: int
    input_tokens: int
    output_tokens: int
    requests_per_minute: float
    tokens_per_minute: float
    spent: float
    unpriced: int
    projected: float | None
    seconds: float
    seconds_left: float | None

    @property
    def done(self) -> int:
        """How many have a result by now, those of earlier processes too."""
        return self.answered_before + self.succeeded + self.failed

    @property
    def waiting(self) -> int | None:
        """How many were not begun yet; None: that is not known."""
        return (
            None if self.total is None else max(0, self.total - self.done - self.running - self.broken - self.deferred)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "done": self.done, "waiting": self.waiting}


class Tally:
    """Counts what comes of requests.

    Args:
        now: When the run began, in monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self.answered_before: int = 0
        self.broken: int = 0
        self.deferred: int = 0
        self.succeeded: int = 0
        self.failed: int = 0
        #: How often each code of a diagnosis was met.
        self.diagnoses: Counter[str] = Counter()
        #: How each HTTP request has ended.
        self.outcomes: Counter[str] = Counter()
        #: How often each was asked.
        self.models: Counter[str] = Counter()
        self._began = now
        self._resumes = 0
        self._input = 0
        self._output = 0
        self._lately: deque[tuple[float, int, int]] = deque()

    def attempts(self, attempts: Iterable[AttemptReport], now: float) -> None:
        """These requests were made here, and have ended."""
        requests = tokens = 0
        for attempt in attempts:
            output = (attempt.output_tokens or 0) + (attempt.estimated_output_tokens or 0)
            given = input_told(attempt) + (attempt.estimated_input_tokens or 0)
            self.outcomes[attempt.outcome] += 1
            self.models[attempt.model] += 1
            self._resumes += attempt.form != "request"
            self._input += given
            self._output += output
            requests, tokens = requests + 1, tokens + given + output
        self._lately.append((now, requests, tokens))

    def answer(self, answer: RunAnswer[Any]) -> None:
        """A request has its result."""
        if answer.message is not None:
            self.succeeded += 1
        else:
            self.failed += 1
            if answer.diagnosis is not None:
                self.diagnoses[answer.diagnosis.code] += 1

    def progress(
        self, now: float, *, total: int | None, running: Iterable[Report], spent: float, unpriced: int
    ) -> RunProgress:
        """How far the run is; `running` has the reports of what is open, and what was met there is counted too."""
        seconds = now - self._began
        while self._lately and now - self._lately[0][0] > _WINDOW:
            self._lately.popleft()
        window = min(_WINDOW, seconds) or 1.0
        outcomes, open_ = self.outcomes.copy(), 0
        for report in running:
            open_ += 1
            outcomes.update(attempt.outcome for attempt in report.attempts)
        ended = self.succeeded + self.failed
        left = None if total is None else max(0, total - self.answered_before - self.broken - self.deferred - ended)
        known = ended > 0 and left is not None
        return RunProgress(
            total=total,
            answered_before=self.answered_before,
            succeeded=self.succeeded,
            failed=self.failed,
            broken=self.broken,
            deferred=self.deferred,
            running=open_,
            requests=sum(self.outcomes.values()),
            rate_limited=outcomes["rate_limited"],
            overloaded=outcomes["overloaded"],
            resumes=self._resumes,
            input_tokens=self._input,
            output_tokens=self._output,
            requests_per_minute=60 * sum(requests for _, requests, _ in self._lately) / window,
            tokens_per_minute=60 * sum(tokens for *_, tokens in self._lately) / window,
            spent=spent,
            unpriced=unpriced,
            projected=spent + spent / ended * (left or 0) if known else None,
            seconds=seconds,
            seconds_left=seconds / ended * (left or 0) if known else None,
        )
