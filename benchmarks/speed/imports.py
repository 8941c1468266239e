"""How long `unbroken` takes to import where `anthropic` was imported already, each time in a new process.

`import unbroken` loads next to nothing: its names are loaded when they are first used. So what counts is the time until
`resilient_stream` is there; and beside it stands the SDK's, until the method that it replaces is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from benchmarks.speed.figures import Figure

__all__ = ["figures", "measure"]

#: The most, in ms.
TARGET: Final = 30.0

_CODE: Final = """
import json, time
def now():
    times.append((time.perf_counter(), time.process_time()))
times = []
now()
import anthropic
anthropic.AsyncAnthropic(api_key="test").messages.stream
now()
import unbroken
now()
from unbroken import resilient_stream
now()
print(json.dumps(times))
"""

#: Of one process: time and CPU time, in seconds, at each of the four marks.
Marks = Sequence[Sequence[float]]


def measure(processes: int) -> list[Marks]:
    """One process after the other; a first one, which compiles, is not counted."""
    return [_import() for _ in range(processes + 1)][1:]


def _import() -> Marks:
    # What is installed is compiled; where Python is told to keep nothing, a source tree would be compiled each time.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", _CODE], env=environment, capture_output=True, text=True, check=True)
    marks: Marks = json.loads(done.stdout)
    return marks


def figures(processes: Sequence[Marks]) -> list[Figure]:
    """In ms."""
    return [
        Figure(
            name=f"{name}, {clock}",
            unit="ms",
            sdk=[1e3 * (marks[1][n] - marks[0][n]) for marks in processes],
            unbroken=[1e3 * (marks[last][n] - marks[1][n]) for marks in processes],
            measure="itself",
            target=TARGET,
        )
        for name, last in (("import unbroken", 2), ("until resilient_stream is there", 3))
        for n, clock in enumerate(("time", "CPU time"))
    ]
