"""Everything that the documentation shows as code is run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from snippets import LANGUAGES, ROOT, missing, pages, read

PAGES = [page for page in pages() if any(read(page))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[list[str], list[str]]]:
    """What went wrong on each page that is asked for, and what it would have needed.

    All are run by one program, because the SDK takes seconds to import.
    """
    program = Path(__file__).with_name("run_pages.py")
    runs = [
        item for item in request.session.items if getattr(item, "originalname", "") == "test_what_a_page_shows_runs"
    ]
    asked = {item.callspec.params["page"] for item in runs}  # type: ignore[attr-defined]
    command = [sys.executable, str(program), str(tmp_path_factory.mktemp("pages"))]
    command += [str(page) for page in PAGES if page in asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.sample(4)
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_shows_runs(page: Path, outcomes: dict[str, tuple[list[str], list[str]]]) -> None:
    """Every snippet of the page runs as it stands, against a fault server that cuts its stream.

    Where a page needs a framework that is not installed, its snippets are compiled.
    """
    complaints, lacking = outcomes[str(page)]
    assert not complaints, "\n\n".join(complaints)
    if lacking:
        pytest.skip(f"compiled, and not run: {', '.join(lacking)} not installed")


@pytest.mark.parametrize("page", pages(), ids=name)
def test_no_snippet_is_skipped(page: Path) -> None:
    """The parser sees every fence, and knows what to do with each."""
    blocks = list(read(page))
    fences = [
        line for line in page.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith(("```", "~~~"))
    ]
    assert len(fences) == 2 * len(blocks)
    assert {block.language for block in blocks} <= set(LANGUAGES)
    if any(block.language == "tsx" for block in blocks):
        assert page.name == "use-chat.md", "its TypeScript has no test of its own"
    for before, block in zip([None, *blocks], blocks, strict=False):
        if block.language == "text":
            assert block.is_output, f"{name(page)}:{block.line} shows text that nothing checks"
            assert before is not None


def test_the_readme_and_the_tutorial_have_snippets() -> None:
    """The search for pages finds those that matter most."""
    assert {"README.md", "docs/pages/tutorial.md"} <= {name(page) for page in PAGES}


def test_fences_in_tabs_and_with_a_script_are_found(tmp_path: Path) -> None:
    """An indented fence is read without its indentation, and the comment above a fence is its script."""
    page = tmp_path / "page.md"
    lines = ["<!-- script", 'answer = "x"', "-->", '```python title="a.py"', "if 1:", "    2", "```"]
    page.write_text('=== "Tab"\n\n' + "".join(f"    {line}\n" for line in lines))
    (block,) = read(page)
    assert (block.language, block.title, block.body, block.line) == ("python", "a.py", "if 1:\n    2\n", 7)
    assert block.script is not None
    assert 'answer = "x"' in block.script


def test_a_page_says_what_it_needs(tmp_path: Path) -> None:
    """What is not installed is found out, and what is, is not complained of."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- needs anthropic no_such_framework -->\n")
    assert missing(page) == ["no_such_framework"]
