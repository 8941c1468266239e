"""What is raised of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..diagnosis.diagnosis import Diagnosis

__all__ = ["BrokenRequest", "RunStopped", "StopCode"]

StopCode = Literal["max_cost", "max_failures", "all_fail"]


class BrokenRequest(ValueError):
    """A request of a run that cannot be asked as it stands. Its text has nothing of what stands there.

    Attributes:
        number: Its line in the file, or its place in what was given, from 1.
        why: One clause.
    """

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"request {number} is broken: {why}")
        self.number: int = number
        self.why: str = why


class RunStopped(Exception):
    """A run has ended before all of its requests were asked. It can be started again, and then goes on.

    Attributes:
        code: `"max_cost"`: its budget is spent; `"max_failures"`: so many requests have failed; `"all_fail"`: one has
            failed for a reason that no other can get past, such as a wrong key or an account without credit.
        diagnosis: Of the request that has failed last; None where none has.
    """

    def __init__(self, code: StopCode, message: str, diagnosis: Diagnosis | None = None) -> None:
        super().__init__(message)
        self.code: StopCode = code
        self.diagnosis: Diagnosis | None = diagnosis
