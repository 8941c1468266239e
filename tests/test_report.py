"""The report: plain data about every attempt, and no word of the content."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken import PRICES, Price
from unbroken.report import AttemptCost, AttemptReport, Cost, Notice, Report, Usage, first_content, first_delivered


def attempt(number: int, form: str = "request", **fields: Any) -> AttemptReport:
    """An attempt of the primary."""
    return AttemptReport(number=number, route=0, model="claude-opus-5-5", form=form, started=float(number), **fields)


CUT = attempt(1, request_id="req_1", status=200, outcome="overloaded", input_tokens=100, estimated_output_tokens=40)
FAILED = attempt(2, "continue", outcome="connection")
DONE = attempt(3, "continue", request_id="req_3", outcome="complete", input_tokens=150, output_tokens=60, seam="echo")
NOTICE = Notice(
    code="cut", message="the stream was cut: overloaded", attempt=1, model="claude-opus-5-5", request_id="req_1", at=1.5
)


def test_a_stream_that_was_cut_twice() -> None:
    """Everything that somebody who was paged in the night asks for."""
    report = Report(attempts=[CUT, FAILED, DONE], notices=[NOTICE], outcome="complete", duration=4.0)
    assert report.resumes == 2
    assert report.request_ids == ["req_1", "req_3"]
    assert report.seam == "echo"
    assert report.usage == Usage(
        input_tokens=250,
        cache_creation_input_tokens=0,
        cache_read_input_tokens=0,
        output_tokens=60,
        estimated_input_tokens=0,
        estimated_output_tokens=40,
    )


def test_a_report_begins_empty() -> None:
    """And is open."""
    report = Report()
    assert (report.outcome, report.duration, report.seam, report.resumes, report.request_ids) == (
        "open",
        None,
        None,
        0,
        [],
    )
    assert set(asdict(report.usage).values()) == {0}


SEAMS: list[tuple[list[str | None], str | None]] = [
    ([None, None], None),
    ([None, "prefill"], "prefill"),
    ([None, "exact", "replay"], "replay"),
    ([None, "exact", None], "exact"),
    ([None, "unverified", "exact"], "unverified"),
]


@pytest.mark.parametrize(("seams", "seam"), SEAMS)
def test_one_unverified_joint_marks_the_whole(seams: list[str | None], seam: str | None) -> None:
    """Else the last joint is named."""
    assert Report(attempts=[attempt(n, seam=each) for n, each in enumerate(seams, 1)]).seam == seam


COUNT = st.none() | st.integers(0, 10**6)
ATTEMPTS = st.builds(
    AttemptReport,
    number=st.integers(1, 99),
    route=st.integers(0, 3),
    model=st.text(max_size=9),
    form=st.sampled_from(["request", "prefill", "continue", "restart"]),
    started=st.floats(0, 1e6),
    request_id=st.none() | st.text(max_size=9),
    status=st.none() | st.integers(200, 599),
    first_content=st.none() | st.floats(0, 1e6),
    input_tokens=COUNT,
    cache_read_input_tokens=COUNT,
    cache_creation_input_tokens=COUNT,
    cache_creation_1h_input_tokens=COUNT,
    output_tokens=COUNT,
    estimated_output_tokens=COUNT,
    speed=st.none() | st.sampled_from(["standard", "fast"]),
    received=st.integers(0, 10**6),
    delivered=st.integers(0, 10**6),
    seam=st.none() | st.sampled_from(["exact", "unverified"]),
    batch=st.booleans(),
)
NOTICES = st.builds(
    Notice,
    st.text(max_size=9),
    st.text(max_size=9),
    st.integers(1, 9),
    st.text(max_size=9),
    st.none() | st.text(max_size=9),
    st.floats(0, 1e6),
)
REPORTS = st.builds(
    Report,
    st.lists(ATTEMPTS, max_size=3),
    st.lists(NOTICES, max_size=3),
    st.sampled_from(["open", "complete", "failed", "closed"]),
    st.none() | st.floats(0, 1e6),
)


@given(REPORTS)
def test_it_survives_json(report: Report) -> None:
    """Version, usage and all."""
    data = json.loads(report.to_json())
    assert data == report.to_dict()
    assert data["version"] == 1
    assert data["usage"] == asdict(report.usage)
    assert Report.from_json(report.to_json()) == report
    assert Report.from_dict(data) == report


def test_what_is_written_down_is_no_longer_the_report() -> None:
    """The stream may go on while somebody stores it."""
    report = Report(attempts=[attempt(1)])
    data = report.to_dict()
    report.attempts[0].outcome = "complete"
    assert data["attempts"][0]["outcome"] == "open"


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_not_read(version: object) -> None:
    """It might mean something else."""
    with pytest.raises(ValueError, match="only 1 can be read"):
        Report.from_dict({**Report().to_dict(), "version": version})


@pytest.mark.parametrize("text", ["{}", "no JSON", "null", "[]", "7"])
def test_anything_else_is_a_value_error(text: str) -> None:
    """As the docstring has it."""
    with pytest.raises(ValueError, match=r"version|Expecting"):
        Report.from_json(text)


def test_a_report_of_another_release_is_read() -> None:
    """An older one lacks fields, a newer one may have more: the version is the same."""
    data = Report(attempts=[CUT]).to_dict()
    older = {name: data["attempts"][0][name] for name in ("number", "route", "model", "form", "started", "characters")}
    assert Report.from_dict({**data, "attempts": [older]}).attempts == [attempt(1)]
    newer = {**data["attempts"][0], "of_next_year": 7}
    assert Report.from_dict({**data, "attempts": [newer]}).attempts == [CUT]


# -- what it cost

#: Dollars a million: input 1, output 10, cache read 0.1, cache write 1.25 and 2.
PRICE = {"claude-opus-5-5": Price(1.0, 10.0, 0.1)}
MILLION = 1_000_000


def cost(*attempts: AttemptReport) -> Cost:
    """What they cost by these prices."""
    return Report(attempts=[*attempts]).cost(PRICE)


def test_one_attempt_that_sufficed_cost_what_it_cost() -> None:
    """Nothing of it was recovery, and nothing is estimated."""
    whole = attempt(1, outcome="complete", input_tokens=MILLION, output_tokens=MILLION, received=50, delivered=50)
    assert cost(whole) == Cost(11.0, 0.0, 0.0, (AttemptCost(1, 1.0, 10.0, 0.0),))
    assert cost(whole).attempts[0] == whole.cost(PRICE)
    assert AttemptCost(1, 1.0, 10.0, 0.0).total == 11.0


def test_caches_have_prices_of_their_own() -> None:
    """Writes for five minutes and for an hour, and reads."""
    spent = attempt(
        1,
        outcome="complete",
        input_tokens=0,
        cache_creation_input_tokens=3 * MILLION,
        cache_creation_1h_input_tokens=MILLION,
        cache_read_input_tokens=MILLION,
    )
    assert cost(spent).total == pytest.approx(2 * 1.25 + 2.0 + 0.1)


def test_a_batch_costs_half() -> None:
    """Input, output, caches and what is estimated of them."""
    spent = {"input_tokens": 1_000, "cache_read_input_tokens": 10, "estimated_output_tokens": 500}
    one_by_one, batched = attempt(1, **spent).cost(), attempt(1, **spent, batch=True).cost()
    assert one_by_one is not None
    assert batched == AttemptCost(1, one_by_one.input / 2, one_by_one.output / 2, one_by_one.estimated / 2)


def test_a_stream_that_was_cut_paid_for_its_input_twice() -> None:
    """And for what came twice: a fifth of what the second one wrote was cut at the seam."""
    first = attempt(
        1, outcome="overloaded", input_tokens=MILLION, estimated_output_tokens=MILLION, received=90, delivered=90
    )
    second = attempt(
        2, "continue", outcome="complete", input_tokens=2 * MILLION, output_tokens=MILLION, received=100, delivered=80
    )
    spent = cost(first, second)
    assert spent.total == pytest.approx(1 + 10 + 2 + 10)
    assert spent.recovery == pytest.approx(2 + 0.2 * 10)
    assert spent.estimated_share == pytest.approx(10 / 23)
    assert [each.total for each in spent.attempts if each] == [11.0, 12.0]


def test_the_losers_of_a_race_and_what_brought_nothing_is_recovery() -> None:
    """Whoever won: the message was opened by the attempt that delivered something first."""
    refused = attempt(1, outcome="overloaded")
    loser = attempt(2, outcome="lost", estimated_input_tokens=MILLION, estimated_output_tokens=100_000, received=9)
    winner = attempt(3, outcome="complete", input_tokens=MILLION, output_tokens=MILLION, received=9, delivered=9)
    spent = cost(refused, loser, winner)
    assert spent.attempts == (
        AttemptCost(1, 0.0, 0.0, 0.0),
        AttemptCost(2, 1.0, 1.0, 2.0),
        AttemptCost(3, 1.0, 10.0, 0.0),
    )
    assert spent.recovery == pytest.approx(2.0)
    assert spent.estimated_share == pytest.approx(2 / 13)


def test_a_stream_that_delivered_nothing_would_have_cost_its_first_input() -> None:
    """The rest of it is what the attempts to save it cost."""
    thought = attempt(1, outcome="overloaded", input_tokens=MILLION, estimated_output_tokens=100_000, received=5)
    again = attempt(2, outcome="overloaded", input_tokens=MILLION)
    assert cost(thought, again).recovery == pytest.approx(1.0 + 1.0)
    assert cost() == Cost(0, 0.0, 0.0, ())


def test_without_a_price_there_is_no_cost() -> None:
    """Nothing is guessed, and nothing that was left out is called the total; the others' are known all the same."""
    known = attempt(1, outcome="overloaded", input_tokens=MILLION)
    unknown = AttemptReport(2, 1, "my-model", "request", 0.0, outcome="complete", input_tokens=7, output_tokens=7)
    assert cost(known, unknown) == Cost(None, None, None, (AttemptCost(1, 1.0, 0.0, 0.0), None))
    fast = attempt(1, outcome="complete", input_tokens=7, speed="fast")
    assert cost(fast).total is None
    longest = AttemptReport(1, 0, "claude-sonnet-4-5", "request", 0.0, input_tokens=200_000, cache_read_input_tokens=1)
    assert longest.cost() is None
    nothing = AttemptReport(1, 0, "my-model", "request", 0.0, outcome="overloaded")
    assert cost(nothing).total == 0.0


def test_the_list_prices_are_the_default() -> None:
    """And can be added to."""
    known = attempt(1, outcome="complete", input_tokens=MILLION, output_tokens=MILLION)
    price = PRICES["claude-opus-5-5"]
    assert Report(attempts=[known]).cost().total == price.input + price.output
    mine = AttemptReport(1, 0, "mine", "request", 0.0, outcome="complete", input_tokens=MILLION)
    assert Report(attempts=[mine]).cost({**PRICES, "mine": Price(7.0, 8.0, 9.0)}).total == 7.0


def test_a_long_prompt_is_one_with_its_caches() -> None:
    """Haiku 5.5 costs five times as much from 100,001 tokens on, its output too."""
    prompt: dict[str, Any] = {
        "input_tokens": 1,
        "cache_read_input_tokens": 50_000,
        "cache_creation_input_tokens": 50_000,
    }
    haiku = AttemptReport(1, 0, "claude-haiku-5-5", "request", 0.0, outcome="complete", output_tokens=MILLION, **prompt)
    spent = haiku.cost()
    assert spent is not None
    assert spent.output == pytest.approx(2.50)
    assert spent.input == pytest.approx((0.50 * 1 + 0.05 * 50_000 + 0.625 * 50_000) / MILLION)


KEPT = [
    # outcome, received, delivered, characters, discarded, the share
    ("complete", 100, 80, 60, 0, 0.8),
    ("complete", 0, 0, 0, 0, 1.0),  # nothing to see: a hidden thought, an empty answer
    ("overloaded", 0, 0, 0, 0, 0.0),
    ("lost", 40, 0, 0, 0, 0.0),
    ("complete", 10, 12, 12, 0, 1.0),  # white space set right at the seam
    ("complete", 0, 0, 75, 25, 0.75),  # a report of before these were counted
]


@pytest.mark.parametrize(("outcome", "received", "delivered", "characters", "discarded", "share"), KEPT)
def test_the_share_of_an_answer_that_was_kept(
    outcome: str, received: int, delivered: int, characters: int, discarded: int, share: float
) -> None:
    """By characters, since the API counts the tokens of the whole alone."""
    counts: dict[str, Any] = {
        "received": received,
        "delivered": delivered,
        "characters": characters,
        "discarded": discarded,
    }
    assert attempt(1, outcome=outcome, **counts).kept == share


@given(REPORTS)
def test_recovery_is_a_part_of_the_whole(report: Report) -> None:
    """Whatever happened."""
    for each in report.attempts:
        each.model = "claude-opus-5-5" if each.speed != "fast" else "claude-opus-5"
    spent = report.cost()
    assert spent.total is not None
    assert spent.recovery is not None
    assert spent.estimated_share is not None
    assert 0 <= spent.recovery <= spent.total
    assert 0 <= spent.estimated_share <= 1 + 1e-9
    assert len(spent.attempts) == len(report.attempts)


def test_the_opener_is_the_first_that_was_delivered() -> None:
    """The first content of the stream is its; of a stream that delivered nothing, the first attempt's."""
    lost = attempt(1, outcome="lost", first_content=0.5, received=9)
    won = attempt(2, outcome="complete", first_content=1.0, received=9, delivered=9)
    assert first_delivered(Report(attempts=[lost, won])) is won
    assert first_content(Report(attempts=[lost, won])) == 3.0
    assert first_delivered(Report(attempts=[lost])) is lost
    assert first_delivered(Report()) is None
    assert first_content(Report()) is None
    assert first_content(Report(attempts=[attempt(1)])) is None
