"""When a request is looked through for what will not work (`unbroken.preflight`).

With `Policy(preflight="error")`, before it is sent. Else when its reader does not wait for it: once the first content
was handed over, or when something has gone wrong. To import the rules takes tens of milliseconds, the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from ..core.models.corrections import Models
from ..reporting.notifier import Notifier

__all__ = ["Findings", "UntoldFindings", "check_request"]

#: Gives what is to be told of a request.
Findings = Callable[[], Iterable[object]]


class UntoldFindings:
    """What preflight finds in the request of one stream, to be told once.

    Args:
        findings: Looks for it.
        notifier: Tells it.

    Attributes:
        untold: Whether it is still to be told.
    """

    def __init__(self, findings: Findings, notifier: Notifier) -> None:
        self.untold: bool = True
        self._findings = findings
        self._notifier = notifier

    def tell(self) -> None:
        """Look for it and tell it, the first time."""
        if self.untold:
            self.untold = False
            for finding in self._findings():
                self._notifier.notice("preflight", str(finding))


def check_request(
    request: Mapping[str, Any],
    mode: Literal["warn", "error", "off"],
    *,
    models: Models,
    version: Callable[[], object],
) -> Findings:
    """What is to be told of a request.

    Args:
        request: The primary's own. With `"warn"` it is looked at later, so it must not be the caller's to change.
        mode: The policy's `preflight`.
        models: What the models take.
        version: Says which `anthropic-version` it will be sent with.

    Raises:
        PreflightFailed: The mode is `"error"`, and the API would not take the request.
    """
    if mode == "off":
        return tuple

    def look() -> Iterable[object]:
        from ..preflight.gate import let_pass

        return let_pass(request, mode, models=models, version=version)

    def look_if_possible() -> Iterable[object]:
        try:
            return look()
        except OSError:
            # It cannot be loaded (`preload.py`): what is being told of goes on without it.
            return ()

    if mode == "warn":
        return look_if_possible
    findings = look()
    return lambda: findings
