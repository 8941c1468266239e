"""The page on `unbroken doctor` shows what the command prints."""

from __future__ import annotations

import pytest
from doctor_output import OUTPUTS, PAGES, lasting, output

pytest.importorskip("typer")


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", OUTPUTS)
def test_the_page_shows_what_the_command_prints(name: str) -> None:
    """Run again, it prints the same, but for addresses and times."""
    shown = (PAGES / name).read_text(encoding="utf-8")
    assert lasting(output(*OUTPUTS[name])) == lasting(shown), "run: python tests/docs/doctor_output.py"


def test_the_page_has_them_all() -> None:
    """Each output is included."""
    page = (PAGES / "doctor.md").read_text(encoding="utf-8")
    assert [name for name in OUTPUTS if f'--8<-- "{name}"' not in page] == []
