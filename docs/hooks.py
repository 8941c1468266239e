"""Put into the site what stands beside the pages, because the README and the releases need it there."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

BESIDE = ("changelog.md", "demo.svg")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of `BESIDE` to those of `pages/`."""
    here = Path(config.config_file_path).parent
    for name in BESIDE:
        files.append(File.generated(config, name, abs_src_path=str(here / name)))
    return files
