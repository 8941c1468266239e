"""`unbroken demo`: one answer under the same faults twice, the SDK alone beside `unbroken`; or raced for by models."""

from __future__ import annotations

from .demo import Options, run

__all__ = ["Options", "run"]
