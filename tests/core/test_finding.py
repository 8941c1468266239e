"""Findings, and the error that carries them."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from unbroken import Finding, PreflightFailed

WARNING = Finding("schema_format", "tools[0]", "The format is odd.", "Leave it out.", "warning")
ERROR = Finding("tool_invalid", "tools[1]", "The tool is not an object.", "Give one.", "error")


def test_a_finding_is_a_sentence_and_plain_data() -> None:
    """For people and for machines."""
    assert str(ERROR) == "tools[1]: The tool is not an object. Give one."
    assert json.loads(json.dumps(ERROR.to_dict())) == {
        "code": "tool_invalid",
        "path": "tools[1]",
        "message": "The tool is not an object.",
        "fix": "Give one.",
        "severity": "error",
    }


@pytest.mark.parametrize(
    ("findings", "message"),
    [
        ([ERROR], "The request will not work: tools[1]: The tool is not an object. Give one."),
        (
            [WARNING, ERROR, WARNING],
            "The request will not work: tools[1]: The tool is not an object. Give one. (2 more: see `.findings`)",
        ),
    ],
)
def test_the_error_names_the_first_error_and_counts_the_others(findings: list[Finding], message: str) -> None:
    """One clear sentence; the rest is in `findings`."""
    error = PreflightFailed(findings)
    assert isinstance(error, ValueError)
    assert str(error) == message
    assert error.findings == tuple(findings)


def test_the_error_survives_pickling() -> None:
    """It may cross processes."""
    error = PreflightFailed([ERROR, WARNING])
    pickles = [pickle.dumps(error, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for again in (*map(pickle.loads, pickles), copy.copy(error), copy.deepcopy(error)):
        assert (type(again), again.findings, str(again)) == (PreflightFailed, (ERROR, WARNING), str(error))
