"""What is told of a request that was looked at before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Finding", "PreflightFailed", "Severity"]

#: `"error"`: the API answers with a 4xx. `"warning"`: likely a 500, or a surprise.
Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a request that will not work. It never quotes content; names of tools and parameters it does.

    Attributes:
        code: What it is, stable: `"prefill_unsupported"`, `"tool_name_duplicate"`, ...
        path: Where in the request: `"messages[3].content[0].text"`, `"tools[2].input_schema.properties.size"`.
        message: One sentence for people; its wording may change.
        fix: One sentence: what to do about it.
        severity: `"error"` where the API answers with a 4xx, `"warning"` where a 500 or a surprise is likely.
    """

    code: str
    path: str
    message: str
    fix: str
    severity: Severity

    def __str__(self) -> str:
        return f"{self.path}: {self.message} {self.fix}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


class PreflightFailed(ValueError):
    """The request will not work, and `Policy(preflight="error")` asks to hear so before it is sent.

    Attributes:
        findings: All that was found, at least one of them an error.
    """

    findings: tuple[Finding, ...]

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        first = next((finding for finding in self.findings if finding.severity == "error"), self.findings[0])
        more = len(self.findings) - 1
        super().__init__(f"The request will not work: {first}" + (f" ({more} more: see `.findings`)" if more else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.findings,)
