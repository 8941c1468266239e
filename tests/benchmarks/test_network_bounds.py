"""How long it takes to say that the API is gone: worked out, lived through on virtual time, and told on its page."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from anthropic import AsyncAnthropic

from harness import ask, client_of
from unbroken import Health, Policy, StreamFailed, resilient_stream
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    Answer,
    FaultServer,
    Pings,
    Refuse,
    Reset,
    Script,
    Silence,
    after_characters,
)

PAGES: Final = Path(__file__).parent.parent.parent / "docs" / "pages"
TEXT: Final = "The keeper climbed the stairs twice a night, and wrote down what the wind was doing. " * 3
CUT: Final = Reset(at=after_characters(60))
#: Seconds that one request takes to bring nothing: what the page says of it, by the words that its row begins with.
EACH: Final = {
    "connections are refused": 0.0,
    "no connection comes about": 5.0,
    "connections are accepted": Policy().idle_timeout,
    "there are pings": Policy().progress_timeout,
}
#: What a stream meets after its first sixty characters, for ever.
SCRIPTS: Final = {
    "connections are refused": Script(TEXT, faults=[CUT, Refuse(1e9)]),
    "connections are accepted": Script(Answer(TEXT), faults=[CUT], then=Silence(at=BEFORE_RESPONSE)),
    "there are pings": Script(Answer(TEXT), faults=[CUT], then=Pings(at=AFTER_MESSAGE_START)),
}


@pytest.fixture
def worst_luck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each backoff is as long as it can be."""
    monkeypatch.setattr("unbroken.engine.driver.random.random", lambda: 1.0)


def scarce(seconds: float) -> Health:
    """A budget with six retries, and a seventh so many seconds after the first of them was taken."""
    return Health(max_retries=6, retry_ratio=0, retries_per_missing=0, retries_per_second=1.000001 / seconds)


async def until_failed(client: AsyncAnthropic, health: Health | None = None) -> tuple[float, StreamFailed]:
    """Seconds from the last text, or from entering the stream, until it fails, and how."""
    began = anyio.current_time()
    with pytest.raises(StreamFailed) as raised:
        async with resilient_stream(client, **ask(policy=Policy(), health=health)) as stream:
            async for _ in stream.text_stream:
                began = anyio.current_time()
    return anyio.current_time() - began, raised.value


@contextmanager
def deaf_address() -> Iterator[str]:
    """A port whose queue of connections is full, so that the kernel answers no further one."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def rows() -> dict[str, tuple[str, str]]:
    """The page's table: what happens, how long one request takes, and how long the stream, at most."""
    page = (PAGES / "how-to" / "timeouts.md").read_text("utf-8")
    found = re.findall(r"^\| ([^|]+) \| ([^|]+) \| (\d+ (?:s|minutes)) \|$", page, re.MULTILINE)
    return {what: (each, total) for what, each, total in found}


def told(begins: str) -> tuple[str, str]:
    """The row that begins so."""
    [row] = [row for what, row in rows().items() if what.startswith(begins)]
    return row


def longest(each: float, policy: Policy | None = None) -> float:
    """What the benchmark of real networks holds streams to."""
    from benchmarks.networks import bounds

    return bounds.longest(policy or Policy(), each)


@pytest.mark.parametrize("name", EACH)
def test_the_page_tells_the_bound_that_follows_from_the_policy(name: str) -> None:
    """Rounded up, in the unit of the table; and one request's time is that of the default."""
    each, total = told(name)
    number, unit = total.split()
    assert int(number) == -(-longest(EACH[name]) // (1 if unit == "s" else 60))
    assert each.startswith("at once" if not EACH[name] else f"{EACH[name]:g} s")


def test_the_page_tells_of_nothing_else() -> None:
    """Every row has its case here; and the sentence below the table has the policy's own numbers."""
    assert len(rows()) == len(EACH)
    page = " ".join((PAGES / "how-to" / "timeouts.md").read_text("utf-8").split())
    policy, backoffs = Policy(), longest(0) - Policy().max_retry_after
    assert f"`max_attempts` ({policy.max_attempts}) times the second column" in page
    assert f"({backoffs:g} s at most), and `max_retry_after` ({policy.max_retry_after:g} s) for all waits" in page
    assert f"the backoffs before them are {backoffs:g} s at most" in " ".join(str(Policy.__doc__).split())


@pytest.mark.parametrize("page", ["promises.md", "index.md"])
def test_no_other_page_tells_the_totals_again(page: str) -> None:
    """They stand in one place, and the others lead there."""
    text = (PAGES / page).read_text("utf-8")
    assert not [
        total for _, total in rows().values() if re.search(rf"\b{total.split()[0]} (seconds|s|minutes)\b", text)
    ]


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.usefixtures("worst_luck")
@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_stream_fails_at_the_bound_and_no_later(name: str) -> None:
    """With the longest backoffs, and a budget that makes it wait as long as it may; it has what it had read."""
    each = EACH[name]
    bound = longest(each)
    # The first request after a cut is no retry: the first retry is paid after it and two backoffs, 0.5 and 1 s.
    health = scarce(bound - each - (each + 1.5))
    async with FaultServer(SCRIPTS[name]) as server, client_of(server) as client:
        took, error = await until_failed(client, health)
    assert took == pytest.approx(bound, abs=0.1)
    assert took <= bound
    assert error.partial.text == TEXT[:60]
    assert len(error.report.attempts) == 1 + Policy().max_attempts


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.usefixtures("worst_luck")
async def test_where_no_connection_comes_about_the_sdks_limit_counts() -> None:
    """A port that the kernel leaves unanswered. Nothing had come, so there is one backoff less."""
    policy, each = Policy(), EACH["no connection comes about"]
    bound = longest(each) - policy.backoff(policy.max_attempts, 1.0)
    with deaf_address() as url:
        async with AsyncAnthropic(base_url=url, api_key="test") as client:
            took, error = await until_failed(client, scarce(bound - each - (each + 0.5)))
    assert took == pytest.approx(bound, abs=0.1)
    assert len(error.report.attempts) == policy.max_attempts


@pytest.mark.anyio
@pytest.mark.backends("virtual")
@pytest.mark.usefixtures("worst_luck")
async def test_a_deadline_bounds_it_all() -> None:
    """The bound is then the deadline, and so is what happens."""
    policy = Policy(deadline=45)
    assert longest(300, policy) == 45
    async with FaultServer(SCRIPTS["there are pings"]) as server, client_of(server) as client:
        began = anyio.current_time()
        with pytest.raises(StreamFailed):
            async with resilient_stream(client, **ask(policy=policy)) as stream:
                await stream.get_final_message()
        assert anyio.current_time() - began == pytest.approx(45)


def test_the_bound_grows_with_what_it_is_made_of() -> None:
    """Nothing of the policy that lengthens a stream's death is left out of it."""
    for longer in ({"max_attempts": 9}, {"initial_backoff": 1}, {"max_backoff": 9}, {"max_retry_after": 61}):
        changed: Any = longer
        assert longest(5, Policy(**changed)) > longest(5)
