"""A failure needs nothing that it may have taken: no file, no descriptor."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
import asyncio, json, os, resource, sys
import anthropic, httpx2
import unbroken.engine.preload as preloading
from unbroken import Policy, StreamFailed, resilient_stream

ARGUMENTS = dict(model="claude-opus-5-5", max_tokens=100, messages=[{"role": "user", "content": "Tell me."}])
PRELOAD = sys.argv[1] == "preloaded"

def answer(request):
    # What a transport says that finds no descriptor; those of the process are taken in the meantime.
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    taken = []
    LOADED.update(sys.modules)
    try:
        while True:
            taken.append(os.dup(0))
    except OSError as error:
        KEPT.extend(taken)
        raise httpx2.ConnectError("All connection attempts failed") from error

KEPT = []
LOADED = {}

async def main():
    if PRELOAD:
        preloading._preloading._load()
    else:
        preloading._preloading._begun = True  # and it never happens
    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    client = anthropic.AsyncAnthropic(api_key="test", http_client=http_client)
    client._platform = "Linux"
    try:
        async with resilient_stream(client, policy=Policy(initial_backoff=0, max_attempts=2), **ARGUMENTS):
            pass
    except anthropic.APIError as error:
        for each in KEPT:
            os.close(each)
        print(json.dumps({
            "error": type(error).__name__,
            "outcomes": [str(attempt.outcome) for attempt in error.report.attempts],
            "code": error.diagnosis.code,
            "told": "no file descriptor" in str(error),
            "imported": sorted(name for name in set(sys.modules) - set(LOADED) if name.startswith("unbroken")),
        }))

asyncio.run(main())
"""


def fail(how: str) -> dict[str, Any]:
    """How a stream fails in a process without descriptors."""
    run = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    said: dict[str, Any] = json.loads(run.stdout)
    return said


@pytest.mark.slow
def test_with_no_descriptor_left_a_failure_is_told_as_ever() -> None:
    """Nothing is imported any more; it is this process that lacks something."""
    said = fail("preloaded")
    assert (said["error"], said["outcomes"], said["code"]) == ("StreamFailed", ["no_resources"] * 2, "no_resources")
    assert said["told"]
    assert said["imported"] == []


@pytest.mark.slow
def test_what_could_not_be_loaded_is_left_out() -> None:
    """The failure is told all the same, and explains itself when it can."""
    said = fail("not preloaded")
    assert (said["error"], said["outcomes"], said["code"]) == ("StreamFailed", ["no_resources"] * 2, "no_resources")
    assert not said["told"]


@pytest.mark.slow
def test_the_first_stream_of_a_process_loads_it() -> None:
    """In a thread of its own, without being waited for."""
    script = """
import sys, threading
from unbroken.engine.preload import _MODULES, preload
missing = [name for name in _MODULES if name not in sys.modules]
preload()
preload()
for thread in threading.enumerate():
    if thread.name == "unbroken-preloading":
        thread.join()
print(bool(missing), all(name in sys.modules for name in _MODULES))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.split() == ["True", "True"]
