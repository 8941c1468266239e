"""Finds what is wrong with a request before it is sent.

```python
from unbroken.preflight import check

for finding in check({"model": "claude-opus-5-5", "max_tokens": 1024, "messages": [...]}):
    print(finding.severity, finding)
```

A rule objects only to what the API, by its documentation or in its own words, answers with an error; each says where
that is written. `Policy(preflight=...)` has every stream's request checked.
"""

from __future__ import annotations

from ..core.finding import Finding, PreflightFailed, Severity
from .checker import API_VERSION, RULES, check
from .rule import Rule

__all__ = ["API_VERSION", "RULES", "Finding", "PreflightFailed", "Rule", "Severity", "check"]
