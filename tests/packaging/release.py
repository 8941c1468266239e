"""`python -m tests.packaging.release`: whether the version may be released as it stands; what is wrong, a line each.

What is built is tested by the rest of this folder; `make release-check` does both.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

#: A version that is not for trying alone, as `pyproject.toml` may have it.
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")
_SECTION: Final = re.compile(r"^## \[(?P<version>[^\]]+)\] – (?P<date>.+)$", re.MULTILINE)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def problems(version: str, changelog: str, changed: str) -> list[str]:
    """What stands against a release.

    Args:
        version: That of `pyproject.toml`.
        changelog: The whole text.
        changed: What `git status --porcelain` prints.

    Returns:
        A sentence for each; empty where nothing does.
    """
    found = []
    if not _VERSION.fullmatch(version):
        found.append(f"{version!r} is no version of three numbers.")
    sections = {match["version"]: match["date"] for match in _SECTION.finditer(changelog)}
    if version not in sections:
        found.append(f"docs/changelog.md has no section for {version}.")
    elif not _DATE.fullmatch(sections[version]):
        found.append(f"The section of {version} in docs/changelog.md has no date, but {sections[version]!r}.")
    elif next(iter(sections)) != version:
        found.append(f"The first section of docs/changelog.md is that of {next(iter(sections))}, not of {version}.")
    if changed.strip():
        found.append("There are changes that are not committed.")
    return found


def main() -> None:
    """Print them; the exit status says whether there are any."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    changelog = (ROOT / "docs" / "changelog.md").read_text("utf-8")
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = problems(version, changelog, changed.stdout)
    print("\n".join(found) or f"{version} may be released.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
