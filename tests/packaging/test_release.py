"""What stands against a release is said, each in a sentence."""

from __future__ import annotations

import pytest
from tests.packaging.release import problems

CHANGELOG = "# Changelog\n\n## [0.2.0] – 2026-12-01\n\n### Added\n\n- That.\n\n## [0.1.0] – 2026-11-01\n"


def test_a_version_with_its_section_and_date_may_be_released() -> None:
    assert problems("0.2.0", CHANGELOG, "") == []


@pytest.mark.parametrize(
    ("version", "changelog", "changed", "said"),
    [
        ("0.2.0rc1", CHANGELOG, "", "'0.2.0rc1' is no version"),
        ("0.3.0", CHANGELOG, "", "no section for 0.3.0"),
        ("0.2.0", CHANGELOG.replace("2026-12-01", "unreleased"), "", "has no date, but 'unreleased'"),
        ("0.1.0", CHANGELOG, "", "is that of 0.2.0, not of 0.1.0"),
        ("0.2.0", CHANGELOG, " M README.md\n", "not committed"),
    ],
)
def test_what_is_missing_is_said(version: str, changelog: str, changed: str, said: str) -> None:
    assert any(said in each for each in problems(version, changelog, changed))
