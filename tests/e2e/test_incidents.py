"""The status page as a signal, seen from outside: what a declared incident changes, and what no page ever does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import anyio
import pytest
from anthropic import AsyncAnthropicFoundry, DefaultAsyncHttpxClient

from harness import AT_ONCE, Reading, ask, assert_unbroken, read, read_on, serving
from unbroken import Health, Hedging, Policy, ResilienceMiddleware, Route, StatusPage, resilient_stream
from unbroken.core.plan.ranking import INCIDENT_BACKOFF
from unbroken.testing import (
    AFTER_MESSAGE_START,
    BEFORE_RESPONSE,
    BadJson,
    Drop,
    ErrorEvent,
    FaultServer,
    Script,
    ServiceIncident,
    ServiceStatus,
    Silence,
    Status,
    after_characters,
)

pytestmark = [pytest.mark.anyio, pytest.mark.backends("virtual")]

FIRST: Final = "claude-opus-5-5"
SECOND: Final = "claude-sonnet-5-5"
THIRD: Final = "claude-haiku-4-5"
MODELS: Final = {"model": FIRST, "fallback_models": [SECOND, THIRD]}
TEXT: Final = "Somebody noticed, wrote it down, and put it on the page; by then we had asked somebody else."
HEDGED: Final = replace(AT_ONCE, hedging=Hedging(delay=30))

ON_THE_FIRST: Final = ServiceIncident("Elevated errors on Claude Opus 5.5")
ON_ALL: Final = ServiceIncident("Elevated errors on many models", status="identified", impact="minor")

#: The first two never say anything; the third does, at once.
SILENT: Final = Script(
    TEXT, models={model: Script(TEXT, then=Silence(at=AFTER_MESSAGE_START)) for model in (FIRST, SECOND)}
)


def incidents(*declared: ServiceIncident) -> ServiceStatus:
    """What the page says."""
    return ServiceStatus(incidents=declared)


async def known(server: FaultServer, status: ServiceStatus) -> Health:
    """A `Health` whose page has said this."""
    server.status = status
    page = StatusPage(server.url)
    await page.fetch()
    return Health(status=page)


def started(reading: Reading) -> list[tuple[str, float]]:
    """Who was asked, and when."""
    return [(attempt.model, round(attempt.started, 3)) for attempt in reading.report.attempts]


# -- with hedging


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (incidents(ON_THE_FIRST), [(FIRST, 0.0), (SECOND, 0.0), (THIRD, 30.0)]),
        (incidents(ON_ALL), [(FIRST, 0.0), (SECOND, 0.0), (THIRD, 0.0)]),
        (incidents(), [(FIRST, 0.0), (SECOND, 30.0), (THIRD, 60.0)]),
        (incidents(replace(ON_THE_FIRST, status="monitoring")), [(FIRST, 0.0), (SECOND, 30.0), (THIRD, 60.0)]),
        (incidents(replace(ON_THE_FIRST, impact="none")), [(FIRST, 0.0), (SECOND, 30.0), (THIRD, 60.0)]),
        (incidents(replace(ON_ALL, components=["claude.ai"])), [(FIRST, 0.0), (SECOND, 30.0), (THIRD, 60.0)]),
        (ServiceStatus(indicator="critical"), [(FIRST, 0.0), (SECOND, 30.0), (THIRD, 60.0)]),
    ],
    ids=["on the primary", "on all", "none", "mended", "without impact", "elsewhere", "an indicator alone"],
)
async def test_beside_a_primary_under_an_incident_the_next_is_asked_at_once(
    status: ServiceStatus, expected: list[tuple[str, float]]
) -> None:
    """Although `Hedging.delay` is 30 s; who is well is still waited for, and the primary is asked first."""
    async with serving(SILENT) as (server, client):
        reading = await read(client, **MODELS, policy=HEDGED, health=await known(server, status))
        assert_unbroken(reading, TEXT)
        assert started(reading) == expected
        assert reading.codes.count("incident") == (expected[1] == (SECOND, 0.0))


async def test_the_first_stream_does_not_wait_for_the_page_and_the_second_knows() -> None:
    """Nobody has to ask it beforehand."""
    async with serving(SILENT) as (server, client):
        server.status = incidents(ON_THE_FIRST)
        health = Health(status=StatusPage(server.url))
        readings = [await read(client, **MODELS, policy=HEDGED, health=health) for _ in range(2)]
        assert started(readings[0])[1] == (SECOND, 30.0)
        assert started(readings[1])[1] == (SECOND, 0.0)
        assert [reading.codes[0] for reading in readings] == ["hedge", "incident"]


async def test_an_incident_that_is_over_is_over_for_us_soon() -> None:
    """The page is asked again by the first stream after `max_age`, and what it says holds from the next one on."""
    async with serving(SILENT) as (server, client):
        health = await known(server, incidents(ON_THE_FIRST))
        server.status = incidents()
        hedges = []
        for _ in range(3):
            reading = await read(client, **MODELS, policy=HEDGED, health=health)
            hedges.append(started(reading)[1][1])
            await anyio.sleep(40)
        assert hedges == [0.0, 0.0, 30.0]


async def test_hedges_are_paid_from_the_budget_as_ever() -> None:
    """With nothing left, an incident makes nobody ask."""
    async with serving(SILENT) as (server, client):
        server.status = incidents(ON_THE_FIRST)
        page = StatusPage(server.url)
        await page.fetch()
        health = Health(status=page, max_retries=1, retries_per_missing=0, retries_per_second=0.1, retry_ratio=0)
        assert health.take_retry() == 0.0
        reading = await read(client, **MODELS, policy=HEDGED, health=health)
        assert started(reading)[1] == (SECOND, 10.0)
        assert reading.codes[:3] == ["incident", "budget_wait", "hedge"]


async def test_a_primary_under_an_incident_that_answers_at_once_wins() -> None:
    """It is asked first, and nothing is said against it."""
    slow = Silence(1, at=AFTER_MESSAGE_START)
    async with serving(Script(TEXT, models={SECOND: Script(TEXT, faults=[slow])})) as (server, client):
        health = await known(server, incidents(ON_THE_FIRST))
        reading = await read(client, **MODELS, policy=HEDGED, health=health)
        assert_unbroken(reading, TEXT)
        assert reading.message.model == FIRST
        assert reading.outcomes[0] == "complete"


async def test_a_primary_on_another_platform_is_not_concerned() -> None:
    """A fallback on the Claude API is, but there is nobody to ask beside it."""
    async with serving(SILENT) as (server, client):
        foundry = AsyncAnthropicFoundry(
            base_url=f"{server.url}/anthropic", api_key="test", http_client=DefaultAsyncHttpxClient()
        )
        async with foundry:
            health = await known(server, incidents(ON_ALL))
            changes = {"model": FIRST, "fallback_models": [Route(client=client, model=THIRD)], "policy": HEDGED}
            reading = await read(foundry, **changes, health=health)
            assert started(reading) == [(FIRST, 0.0), (THIRD, 30.0)]
            assert "incident" not in reading.codes


async def test_the_middleware_heeds_it_too() -> None:
    """Code that calls the SDK itself need not know of it."""
    async with serving(SILENT) as (server, client):
        health = await known(server, incidents(ON_ALL))
        heard: list[str] = []
        middleware = ResilienceMiddleware(
            fallback_models=[SECOND, THIRD],
            policy=HEDGED,
            health=health,
            on_notice=lambda notice: heard.append(notice.code),
        )
        began = anyio.current_time()
        protected = client.with_options(middleware=[middleware])
        messages: Any = [{"role": "user", "content": "Tell me."}]
        async with protected.messages.stream(model=FIRST, max_tokens=4096, messages=messages) as stream:
            assert await stream.get_final_text() == TEXT
        assert anyio.current_time() - began < 1
        assert heard == ["incident", "hedge", "hedge", "won"]


async def test_it_is_told_once_in_a_stream() -> None:
    """However often a route under an incident is asked; before its first request, and with the incident's name."""
    cuts = [ErrorEvent(at=after_characters(20)), ErrorEvent(at=after_characters(10)), Status(529)]
    async with serving(Script(TEXT, faults=cuts)) as (server, client):
        health = await known(server, incidents(ON_ALL))
        heard: list[Any] = []
        reading = await read(client, policy=AT_ONCE, health=health, on_notice=heard.append)
        assert_unbroken(reading, TEXT)
        assert reading.codes.count("incident") == 1
        assert heard[0].code == "incident"
        assert heard[0].attempt == 0
        assert ON_ALL.name in heard[0].message


# -- without


async def test_backoff_is_longer_during_an_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    """In proportion, with the dice at their highest."""
    monkeypatch.setattr("random.random", lambda: 1.0)
    expected = {"none": [0.0, 0.5, 1.5], "declared": [0.0, 0.5 * INCIDENT_BACKOFF, 1.5 * INCIDENT_BACKOFF]}
    for status, name in ((incidents(), "none"), (incidents(ON_THE_FIRST), "declared")):
        async with serving(Script(TEXT, faults=[Status(529), Status(529)])) as (server, client):
            health = await known(server, status)
            reading = await read(client, policy=Policy(), health=health)
            assert_unbroken(reading, TEXT)
            assert [at for _, at in started(reading)] == expected[name]


async def test_without_hedging_the_routes_are_asked_one_after_the_other() -> None:
    """An incident is told, and changes nothing where nothing fails."""
    slow = Silence(20, at=AFTER_MESSAGE_START)
    async with serving(Script(TEXT, faults=[slow])) as (server, client):
        health = await known(server, incidents(ON_ALL))
        reading = await read(client, **MODELS, health=health)
        assert_unbroken(reading, TEXT)
        assert started(reading) == [(FIRST, 0.0)]
        assert reading.codes == ["incident"]


# -- never in the way


PAGES: Final = {
    "well": ServiceStatus(),
    "down": ServiceStatus(fault=Status(503)),
    "closed": ServiceStatus(fault=Drop(at=BEFORE_RESPONSE)),
    "html": ServiceStatus(fault=BadJson()),
    "junk": ServiceStatus(raw=[{"status": [None]}, 3]),
    "slow": ServiceStatus(fault=Silence(1.5, at=BEFORE_RESPONSE)),
    "never answers": ServiceStatus(fault=Silence(at=BEFORE_RESPONSE)),
}
#: What happens to the stream meanwhile.
COURSES: Final = {
    "well": (Script(TEXT), AT_ONCE),
    "slow": (Script(TEXT, faults=[Silence(7, at=AFTER_MESSAGE_START)]), AT_ONCE),
    "cut": (Script(TEXT, faults=[ErrorEvent(at=after_characters(20)), Status(529)]), Policy()),
    "hedged": (SILENT, HEDGED),
}


async def times(course: str, page: str | None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """When everything happened in two streams, one after the other; None: without a page."""
    monkeypatch.setattr("random.random", lambda: 0.5)
    script, policy = COURSES[course]
    seen: list[Any] = []
    async with serving(script) as (server, client):
        server.status = PAGES[page or "well"]
        health = Health(status=StatusPage(server.url)) if page else Health()
        began = anyio.current_time()
        for _ in range(2):
            async with resilient_stream(client, **ask(**MODELS, policy=policy, health=health)) as stream:
                seen.append(anyio.current_time() - began)
                seen += [(text, anyio.current_time() - began) async for text in stream.text_stream]
                reading = await read_on(stream)
            assert reading.report.outcome == "complete"
            seen.append(anyio.current_time() - began)
            seen += [(a.model, a.started, a.headers, a.first_content, a.ended) for a in reading.report.attempts]
            seen += [(notice.code, notice.at) for notice in reading.report.notices]
        if page == "never answers":
            await anyio.sleep(5)  # until it is given up; the server waits for its connections
    return seen


@pytest.mark.parametrize("course", COURSES)
async def test_no_page_delays_a_stream(course: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last digit, whatever the page does: everything happens when it happens without one."""
    without = await times(course, None, monkeypatch)
    for page in PAGES:
        assert await times(course, page, monkeypatch) == without, page
