"""A process in which everything is loaded: for each line that it reads, it forks one that works (`work.py`).

To load the SDK takes seconds, and hundreds of processes are killed here. A fork of a process that has one thread and no
event loop is a process like any other.

It reads what a worker is to do, as JSON, and answers with the number of its process.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import warnings
from contextlib import suppress
from importlib import import_module

import trio  # noqa: F401  # loaded once, for all
from tests.durable.processes.work import Work

import harness  # noqa: F401  # likewise: it reads the certificates
from unbroken.engine.preload import _preloading


def main() -> None:
    """Fork, until the input is closed."""
    with suppress(ImportError):
        import_module("coredis")
    _preloading._load()
    _preloading._begun = True
    # Who has died is not waited for: the kernel clears them away.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        if pid := os.fork():
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        faulthandler.enable()
        os.close(0)
        # A worker's own output goes where the errors go: the other is the answers'.
        os.dup2(2, 1)
        warnings.simplefilter("error")
        try:
            Work(json.loads(line)).run()
        finally:
            os._exit(0)


if __name__ == "__main__":
    main()
