"""What is around a request."""

from __future__ import annotations

import socket
from typing import Any

import anthropic
import anyio
import httpx2

from unbroken.cli.doctor.checks import Check, Limits
from unbroken.cli.doctor.network import resolve
from unbroken.cli.doctor.surroundings import look_around
from unbroken.testing import Script, Silence, ThreadedFaultServer
from unbroken.testing.script.faults import BEFORE_RESPONSE

KEY = "sk-ant-api03-abcdefghijklmnop-WXYZ"


def look(url: str, *, key: str | None = KEY, resolving: Any = resolve, limits: Limits | None = None) -> list[Check]:
    """Every step, in the order in which they are told."""
    told: list[Check] = []

    async def main() -> None:
        async with anthropic.AsyncAnthropic(base_url=url, api_key=key or "none", max_retries=0) as client:
            await look_around(
                httpx2.URL(url),
                client if key else "there is no key",
                ["claude-opus-5-5", "claude-haiku-5-5"],
                status_url=url,
                limits=limits or Limits(),
                resolve=resolving,
                tell=told.append,
            )

    anyio.run(main)
    return told


NAMES = ["network", "key", "hello", "hello", "status page"]


def test_all_steps_are_told_in_their_order(api: ThreadedFaultServer) -> None:
    """Whichever is done first."""
    told = look(api.url)
    assert [check.name for check in told] == NAMES
    assert {check.outcome for check in told} == {"ok"}
    assert [check.data["model"] for check in told if check.name == "hello"] == ["claude-opus-5-5", "claude-haiku-5-5"]


def test_they_are_taken_at_the_same_time(api: ThreadedFaultServer) -> None:
    """All that is silent is given up together: no step begins after another is over."""
    api.play(Script(then=Silence(at=BEFORE_RESPONSE)))
    told = look(api.url, limits=Limits(hello=0.5))
    assert [check.code for check in told if check.name == "hello"] == ["stalled", "stalled"]
    api.all_closed()
    asked = [request for request in api.requests if request.method == "POST"]
    assert max(request.arrived_at for request in asked) < min(request.ended_at or 0.0 for request in asked)


def test_without_a_key_the_rest_is_looked_at(api: ThreadedFaultServer) -> None:
    """And nothing is sent that would need one."""
    told = look(api.url, key=None)
    assert [(check.name, check.outcome) for check in told] == list(
        zip(NAMES, ["ok", "problem", "skipped", "skipped", "ok"], strict=True)
    )
    assert told[1].summary == "there is no key"
    assert [request for request in api.requests if request.method == "POST"] == []


def test_what_nobody_can_find_is_not_asked(api: ThreadedFaultServer) -> None:
    """Neither the API nor the page; with a name that is not known nothing is tried."""

    def unknown(host: str) -> None:
        raise socket.gaierror(socket.EAI_NONAME, host)

    told = look(api.url, resolving=unknown)
    assert [(check.name, check.outcome) for check in told] == list(
        zip(NAMES, ["problem", "skipped", "skipped", "skipped", "skipped"], strict=True)
    )
    assert told[1].summary == "ANTHROPIC_API_KEY sk-ant-...WXYZ: not tried"
    assert api.requests == []
