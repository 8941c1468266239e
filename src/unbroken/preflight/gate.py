"""What `Policy.preflight` does with the findings of a request that is about to be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..core.finding import Finding, PreflightFailed
from ..core.models.corrections import Models
from .checker import API_VERSION, check

__all__ = ["let_pass"]


def let_pass(
    request: Mapping[str, Any],
    mode: Literal["warn", "error"],
    *,
    models: Models,
    version: Callable[[], object],
) -> list[Finding]:
    """Check a request.

    Args:
        request: The primary's own.
        mode: The policy's `preflight`.
        models: What the models take.
        version: Says which `anthropic-version` it will be sent with; asked only where something was found, because the
            SDK makes all its headers anew to say so.

    Returns:
        What is to be told.

    Raises:
        PreflightFailed: The mode is `"error"`, and the API would not take the request.
    """
    findings = check(request, models=models)
    if findings and (sent := version()) != API_VERSION:
        findings = check(request, models=models, version=sent if isinstance(sent, str) else None)
    if mode == "error" and any(finding.severity == "error" for finding in findings):
        raise PreflightFailed(findings)
    return findings
