"""The report: plain data about every attempt, and no word of the content."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.report import AttemptReport, Notice, Report, Usage


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
    output_tokens=COUNT,
    estimated_output_tokens=COUNT,
    seam=st.none() | st.sampled_from(["exact", "unverified"]),
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
