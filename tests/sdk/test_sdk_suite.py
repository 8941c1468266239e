"""The SDK's own async streaming tests pass with `messages.stream` replaced by `resilient_stream`."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import pytest
from fetch_sdk_tests import ANTHROPIC, DONE, PYTHON, SUITE

_HERE: Final = Path(__file__).parent
_SOURCE: Final = _HERE.parent.parent / "src"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How each async streaming test of the SDK ended, by file and name: `passed`, or what it said."""
    if not DONE.exists():
        reason = f"the test suite of anthropic {ANTHROPIC} is not there: `make sdk-tests` fetches it"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    report = tmp_path_factory.mktemp("sdk") / "report.xml"
    # `-n 0` is none of ours: their settings ask for xdist.
    options = ["--override-ini=addopts=", "-p", "tests._alias_httpx", "-p", "resilient_messages", "--tb=short"]
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", *options, f"--junit-xml={report}", "-k", "TestAsync", "tests/lib/streaming"],
        cwd=SUITE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_SOURCE), str(_HERE)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return dict(_outcome(case) for case in ET.parse(report).iter("testcase"))


def _outcome(case: ET.Element) -> tuple[str, str]:
    name = f"{case.get('classname', '').rsplit('.', 2)[-2]}::{case.get('name')}"
    said = "\n".join(f"{child.tag}: {child.text}" for child in case if child.tag in ("failure", "error", "skipped"))
    return name, said or "passed"


@pytest.mark.slow
@pytest.mark.parametrize("file", ["test_messages", "test_beta_messages"])
def test_the_sdks_own_async_streaming_tests_pass(outcomes: dict[str, str], file: str) -> None:
    """Every one of them; there are no exceptions, and more than ten for each API."""
    ours = {name: outcome for name, outcome in outcomes.items() if name.startswith(f"{file}::")}
    assert {name: outcome for name, outcome in ours.items() if outcome != "passed"} == {}
    assert len(ours) > 10
