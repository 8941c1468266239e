"""What a rule is: a function that looks at a request, and what is said where it objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..core.finding import Severity
from .request import Request

__all__ = ["Complaint", "Judge", "Rule", "rule"]

#: Where in the request, and what is wrong there, in one sentence.
Complaint: TypeAlias = tuple[str, str]
Judge: TypeAlias = Callable[[Request], Iterator[Complaint]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: Of its findings.
        fix: Of its findings.
        severity: Of its findings.
        on: The parameters and types of blocks that it is about; without any of them it has nothing to say. Empty: it is
            about every request.
        judge: Yields its complaints of a request. Its docstring has what it objects to and, after `Source:`, who says
            that the API does.
    """

    code: str
    fix: str
    severity: Severity
    on: frozenset[str]
    judge: Judge

    @property
    def meaning(self) -> str:
        """What it objects to, in one sentence."""
        return _paragraphs(self.judge)[0]

    @property
    def source(self) -> str:
        """Who says that the API objects."""
        return _paragraphs(self.judge)[-1].removeprefix("Source: ")


def rule(code: str, fix: str, *on: str, severity: Severity = "error") -> Callable[[Judge], Rule]:
    """Make a rule of the function that judges."""
    return lambda judge: Rule(code, fix, severity, frozenset(on), judge)


def _paragraphs(judge: Judge) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in (judge.__doc__ or "").split("\n\n")]
