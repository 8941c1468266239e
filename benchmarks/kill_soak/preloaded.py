"""What every process of the kill soak has loaded when it begins: that takes a second or two, and each dies soon."""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module
from typing import Final

__all__: list[str] = []

_MODULES: Final = (
    "anthropic.lib.streaming",
    "anthropic.resources.messages",
    "anthropic.types",
    "benchmarks.kill_soak.caller",
    "benchmarks.kill_soak.host",
    "benchmarks.kill_soak.reader",
    "coredis",
    "opentelemetry.propagate",
    "unbroken.engine.preload",
    "unbroken.journal.redis",
)

for _module in _MODULES:
    with suppress(ImportError):  # without Redis there is a soak on SQLite all the same
        import_module(_module)

# What all have is looked at by no garbage collector: to look through it takes longer than a process takes to begin.
gc.collect()
gc.freeze()
