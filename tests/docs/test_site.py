"""The documentation builds without a warning, and has everything that is public."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from snippets import ROOT
from tests.corpus.texts import TEXTS

import unbroken
import unbroken.testing
from unbroken.report import Notice
from unbroken.testing.manners.manners import FAITHFUL, UNFAITHFUL

PAGES = ROOT / "docs" / "pages"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, in a directory of its own."""
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    command += ["--config-file", str(ROOT / "docs" / "mkdocs.yml"), "--site-dir", str(directory)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.mark.slow
def test_the_site_builds_strictly(site: Path) -> None:
    """No link is broken, no reference is unknown, no page is left out; the pictures and the changelog are there."""
    for name in ("index.html", "changelog.html", "demo.svg", "race.svg", "resume.svg"):
        assert (site / name).is_file()


@pytest.mark.slow
def test_a_page_asks_nothing_of_other_servers(site: Path) -> None:
    """The pages load no font, script, style or picture from elsewhere."""
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|link)\b[^>]*?(?:src|href)=\"(https?:[^\"]+)\"", page.read_text("utf-8"))
        assert not loaded, f"{page.relative_to(site)} loads {loaded[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("name", unbroken.__all__)
def test_the_reference_has_every_public_name(name: str, site: Path) -> None:
    """Each name of `unbroken.__all__` has its own entry."""
    assert f'id="unbroken.{name}"' in reference(site)


@pytest.mark.slow
def test_the_reference_has_every_public_name_of_testing(site: Path) -> None:
    """Each name of `unbroken.testing.__all__` has its own entry, or, for the places, its row."""
    text = reference(site)
    missing = [
        name
        for name in unbroken.testing.__all__
        if f'id="unbroken.testing.{name}"' not in text and f"<code>{name}</code>" not in text
    ]
    assert not missing


@pytest.mark.slow
def test_the_reference_has_every_operator(site: Path) -> None:
    """Each name of `unbroken.pipe.__all__` has its own entry."""
    pipe = pytest.importorskip("unbroken.pipe", reason="needs the extra `pipe`", exc_type=ImportError)
    text = reference(site)
    assert [name for name in pipe.__all__ if f'id="unbroken.pipe.{name}"' not in text] == []


def reference(site: Path) -> str:
    return "".join(page.read_text("utf-8") for page in (site / "reference").glob("*.html"))


def test_the_policy_table_has_every_field() -> None:
    """Each field of `Policy` stands in the table, with its default."""
    rows = table(PAGES / "reference" / "policy.md")
    for name in unbroken.Policy.__slots__:
        assert any(f"`{name}`" in row[0] for row in rows), name


def test_the_codes_of_notices_are_those_of_the_docstring() -> None:
    """The table of codes, and the docstring of `Notice`, know the same codes."""
    text = (PAGES / "reference" / "report.md").read_text("utf-8")
    section = text.split("## The codes of notices")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    documented = re.search(r"code:(.*?)\n +message:", Notice.__doc__ or "", re.DOTALL)
    assert documented is not None
    assert told == set(re.findall(r'"(\w+)"', documented[1]))


def test_the_command_line_page_has_every_option() -> None:
    """Each option of each command stands in its table."""
    typer = pytest.importorskip("typer")
    from unbroken.cli.app import app

    page = (PAGES / "reference" / "command-line.md").read_text("utf-8")
    top = typer.main.get_command(app).commands
    groups = {f"{name} {each}": command for name in top for each, command in getattr(top[name], "commands", {}).items()}
    for name, command in {**top, **groups}.items():
        if hasattr(command, "commands"):
            continue
        section = re.split(r"\n##+ ", page.split(f"## unbroken {name}\n")[1])[0]
        options = {option for each in command.params for option in each.opts if option.startswith("-")}
        told = set(re.findall(r"`(--?[\w-]+)", section.split("|---|---|")[1]))
        assert told == options - {"--help"}


@pytest.mark.slow
def test_the_table_of_seams_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command made the table: one text is measured again, and of the others the sizes are compared."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import seams

    again = "run: python -m benchmarks.seams --markdown > docs/pages/seams-table.md"
    page = PAGES / "seams-table.md"
    unfaithful = {seams.WHOLE_WORDS, *(manner.value for manner in UNFAITHFUL)}
    heads = ("all", "---", "text", "way of going on", "manner")
    rows = {row[0]: row[1:] for row in table(page) if row[0] not in heads}
    others = {name: rows.pop(name) for name in [*rows] if name in unfaithful}
    assert set(others) == unfaithful, again
    assert all(cells[-1] == "0" for name, cells in others.items() if name not in seams.WITHOUT_EVIDENCE), again
    ways = [way for way, _, _ in seams.ways()]
    assert list(rows) == [*ways, *TEXTS], again
    assert {manner.value for manner in FAITHFUL} <= set(rows)
    for name, text in TEXTS.items():
        assert rows[name][0] == f"{len(text) * len(ways):,}", again
    assert f"seed {seams.SEED}" in page.read_text("utf-8"), again
    shortest = min(TEXTS, key=lambda name: len(TEXTS[name]))
    assert f"| {shortest} | {' | '.join(rows[shortest])} |" in seams.table(
        seams.measure({shortest: TEXTS[shortest]}, seams.SEED), markdown=True
    ), again


def test_the_manners_are_listed() -> None:
    """Those that lead to the same answer in one table, the others in another."""
    text = (PAGES / "how-to" / "testing.md").read_text("utf-8").split("## How the model goes on\n")[1].split("\n## ")[0]
    tables = [set(re.findall(r"`([A-Z_]+)`", part)) for part in re.findall(r"(?:^\| `.*\n)+", text, re.MULTILINE)]
    assert tables == [{manner.name for manner in group} for group in (FAITHFUL, UNFAITHFUL)]


def test_the_comparison_is_what_was_measured() -> None:
    """Each cell of the comparison's first table is the one of the survival table, and the month is that of its run."""
    measured = PAGES / "benchmarks-survival-table.md"
    rows = table(measured)
    first = rows[: next(index for index, row in enumerate(rows) if row[0].startswith("whole, if"))]
    outcomes = {row[0]: [cell.partition(",")[0] for cell in row[1:]] for row in first}
    page = PAGES / "comparison.md"
    compared = [row for row in table(page) if row[0] in outcomes and not row[0].startswith("---")]
    assert len(compared) > 5
    for row in compared:
        assert row[1:] == outcomes[row[0]], f"{row[0]}: run `make survival`, or put the comparison right"
    run = re.search(r"Run on (\d{4}-\d{2}-\d{2})", measured.read_text("utf-8"))
    assert run is not None
    assert f"{date.fromisoformat(run[1]):%B %Y}" in page.read_text("utf-8")


def table(page: Path) -> list[list[str]]:
    """The rows of the tables of a page, as cells."""
    lines = page.read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("|")]
