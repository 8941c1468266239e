"""A race, as the server sees it before it is decided, and as the report has it afterwards."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from unbroken import AttemptReport, Report
from unbroken.cli.demo.race import Race, run_race
from unbroken.cli.demo.story import Act, races
from unbroken.testing import Connection, ErrorEvent, Fault, Pings, Request, Script, Status

MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")
OPUS, SONNET, HAIKU = MODELS
TRUTH = "The lamp is lit, the glass is clear."

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio")]  # as the command line


class Told(list[tuple[str, str]]):
    """What was told, without the times."""

    def __call__(self, who: str, happening: Any) -> None:
        self.append((who, happening.what))


@pytest.fixture
def told() -> Told:
    """What a race tells."""
    return Told()


@pytest.fixture
async def race(told: Told) -> Race:
    """A race that has just begun."""
    race = Race(Act("three", Script(), TRUTH), 1, 1, told, MODELS)
    race.side.begin(OPUS)
    told.clear()
    return race


def request(model: str, number: int = 0, faults: tuple[Fault, ...] = (), **changes: Any) -> Request:
    """A request as the server has it, just arrived."""
    now = anyio.current_time()
    request = Request(
        number, f"req_{number}", "POST", "/v1/messages", "", {}, b"", {"model": model}, Connection(0, now), now
    )
    request.faults += faults
    for name, value in changes.items():
        setattr(request, name, value)
    return request


def attempt(number: int, model: str, form: str = "request", started: float = 0.0, **changes: Any) -> AttemptReport:
    """A request as the report has it."""
    return AttemptReport(number, MODELS.index(model), model, form, started, **changes)


@pytest.mark.parametrize(
    ("faults", "changes", "state"),
    [
        ((), {}, "asked"),
        ((), {"status": 200}, "200, nothing yet"),
        ((Pings(),), {"status": 200}, "200, only pings"),
        ((Pings(),), {"status": 200, "ended_at": 1.0, "abandoned": True}, "200, only pings"),
        ((ErrorEvent("overloaded_error"),), {"status": 200, "ended_at": 1.0}, "200, overloaded"),
        ((Status(529),), {"status": 529, "ended_at": 1.0, "whole": True}, "529, died"),
        ((), {"status": 200, "ended_at": 1.0, "whole": True}, "200, nothing yet"),
    ],
)
async def test_before_it_is_decided_the_server_knows_how_it_stands(
    race: Race, faults: tuple[Fault, ...], changes: dict[str, Any], state: str
) -> None:
    """There is no report until one has won."""
    race.requests = [request(HAIKU, faults=faults, **changes)]
    race.look()
    assert [(runner.model, runner.state) for runner in race.runners] == [(HAIKU, state)]


async def test_the_moment_of_the_headers_is_the_first_look_at_them(race: Race) -> None:
    """The server does not note it; the report will."""
    race.requests = [request(OPUS, status=200)]
    race.look()
    first = race.runners[0].headers
    assert first is not None
    race.look()
    assert race.runners[0].headers == first


@pytest.mark.parametrize(
    ("changes", "state", "tone"),
    [
        ({}, "asked", "plain"),
        ({"headers": 0.1, "status": 200}, "200, nothing yet", "plain"),
        ({"headers": 0.1, "status": 200, "first_content": 0.2}, "won", "good"),
        ({"headers": 0.1, "status": 200, "first_content": 0.2, "outcome": "complete"}, "won", "good"),
        ({"headers": 0.1, "status": 200, "outcome": "lost"}, "lost", "plain"),
        ({"headers": 0.1, "status": 200, "first_content": 0.2, "outcome": "lost"}, "lost", "plain"),
        ({"outcome": "cancelled"}, "cancelled", "plain"),
        ({"headers": 0.1, "status": 200, "first_content": 0.2, "outcome": "connection"}, "died: connection", "cut"),
        ({"status": 529, "outcome": "overloaded"}, "529, overloaded", "cut"),
        ({"outcome": "connection"}, "no response, connection", "cut"),
    ],
)
async def test_afterwards_the_report_knows_it(race: Race, changes: dict[str, Any], state: str, tone: str) -> None:
    """Each outcome has its words, and says whether it is good."""
    race.side.report = Report([attempt(1, OPUS, **changes)])
    race.look()
    assert (race.runners[0].state, race.runners[0].tone) == (state, tone)


@pytest.mark.parametrize(("outcome", "state"), [("open", "200, only pings"), ("lost", "lost: only pings")])
async def test_that_there_were_pings_is_the_servers_to_say(race: Race, outcome: str, state: str) -> None:
    """The report has no word of them."""
    race.requests = [request(OPUS, 7, (Pings(),), status=200)]
    race.side.report = Report([attempt(1, OPUS, request_id="req_7", status=200, headers=0.1, outcome=outcome)])
    race.look()
    assert race.runners[0].state == state


async def test_everybody_is_told_of_once_whoever_knows_it(race: Race, told: Told) -> None:
    """The server has the requests in another order than the report, and other words for how they died."""
    race.requests = [request(SONNET, 0, status=200), request(OPUS, 1, status=529, ended_at=0.0, whole=True)]
    race.look()
    race.look()
    assert sorted(told) == [
        (OPUS, "529, died"),
        (OPUS, "asked"),
        (SONNET, "200, nothing yet"),
        (SONNET, "asked"),
    ]
    told.clear()
    overloaded = attempt(1, OPUS, status=529, headers=0.1, outcome="overloaded", ended=0.1)
    won = attempt(2, SONNET, status=200, headers=0.1, first_content=0.2)
    race.side.report = Report([overloaded, won])
    race.look()
    assert told == [(SONNET, "won")]


async def test_what_happens_to_the_stream_is_told_after_what_happened_to_its_requests(race: Race, told: Told) -> None:
    """A notice is about what has happened already."""
    race.side.report = Report([attempt(1, OPUS, status=200, headers=0.1, outcome="overloaded", ended=0.2)])
    race.side.happen("going on elsewhere")
    assert told == [(OPUS, "asked"), (OPUS, "200, overloaded"), ("unbroken", "going on elsewhere")]


@pytest.fixture
def raced_again() -> Report:
    """A winner that died with 10 characters delivered, and a second race that another one won."""
    won: dict[str, Any] = {"status": 200, "headers": 0.1, "first_content": 0.5}
    return Report(
        [
            attempt(1, OPUS, **won, outcome="connection", ended=1.0, characters=10),
            attempt(2, SONNET, status=200, headers=0.1, outcome="lost", ended=0.5, estimated_input_tokens=20),
            attempt(3, OPUS, "continue", 1.5, status=529, headers=0.1, outcome="overloaded", ended=0.1),
            attempt(4, SONNET, "continue", 1.5, **won, outcome="complete", ended=2.0, characters=26),
            attempt(
                5,
                HAIKU,
                "prefill",
                1.5,
                status=200,
                outcome="lost",
                ended=0.5,
                input_tokens=5,
                cache_read_input_tokens=1_000,
                estimated_output_tokens=3,
            ),
        ]
    )


async def test_who_is_asked_for_the_rest_is_asked_from_where_the_answer_stands(race: Race, raced_again: Report) -> None:
    """What the winner of the same race brings does not count."""
    race.side.report = raced_again
    race.look()
    assert [runner.offset for runner in race.runners] == [0, 0, 10, 10, 10]
    assert race.winners == [OPUS, SONNET]
    assert race.first_content == 0.5
    assert [runner.latest for runner in race.runners] == [1.0, 0.5, 1.6, 3.5, 2.0]


async def test_the_summary_says_what_the_losers_are_assumed_to_have_cost(race: Race, raced_again: Report) -> None:
    """Caches included; what the API did not say is estimated."""
    race.side.report, race.side.text = raced_again, TRUTH
    race.side.end("exact, in 5 requests", whole=True)
    assert race.summary() == (
        "36 of 36 characters, exact, in 5 requests; first content after 0.50 s; "
        "2 lost, assumed to have cost 1,025 tokens in and 3 out"
    )


async def test_the_summary_of_a_race_that_nobody_won(race: Race) -> None:
    """There is no first content, and there are no losers."""
    race.side.report = Report([attempt(1, OPUS, status=529, headers=0.1, outcome="overloaded", ended=0.1)])
    race.side.end("raised StreamFailed")
    assert race.summary() == "0 of 36 characters, raised StreamFailed; 1 request"
    assert not race.whole


@pytest.mark.backends("virtual")
@pytest.mark.parametrize("delay", [0.0, 0.05])
async def test_both_acts_go_well_with_any_delay(told: Told, delay: float) -> None:
    """The first is won by the last model; in the second one the winner dies, and the next one writes the rest."""
    play = races(MODELS, fast=True)
    for act, winners in zip(play, ([HAIKU], [OPUS, SONNET]), strict=True):
        race = Race(act, 1, 2, told, MODELS)
        await run_race(race, delay=delay, fast=True)
        assert race.whole, race.summary()
        assert race.winners == winners
        assert race.side.report is not None
        assert "lost" in [attempt.outcome for attempt in race.side.report.attempts]
        assert all(request.ended_at is not None for request in race.requests)
    assert (SONNET, "lost: only pings") in told
    assert (OPUS, "200, overloaded") in told


@pytest.mark.backends("virtual")
async def test_two_models_are_enough(told: Told) -> None:
    """Then there is none that only pings."""
    for act in races(MODELS[:2], fast=True):
        race = Race(act, 1, 2, told, MODELS[:2])
        await run_race(race, delay=0.0, fast=True)
        assert race.whole, race.summary()
