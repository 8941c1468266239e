"""`python -m benchmarks.journals`: what journals cost, and how soon another goes on; `--write` for the docs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

from benchmarks.journals import crowd, delay, effort, takeover
from benchmarks.journals.rows import HEADS, Row
from benchmarks.speed.report import where
from benchmarks.speed.server import server
from benchmarks.tables import markdown, show

PARTS: Final = {"effort": effort, "delay": delay, "takeover": takeover, "crowd": crowd}
TABLE: Final = Path(__file__).parents[2] / "docs" / "pages" / "benchmarks-journals-table.md"


def main() -> int:
    """Measure, print, and write; 0, since a goal that is missed is told and no error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--write", action="store_true", help="write the table for the docs")
    chosen = parser.parse_args()
    rows: list[Row] = []
    began = time.monotonic()
    with server() as url:
        for name in chosen.only.split(","):
            rows += PARTS[name].measure(url, quick=chosen.quick)
            print(f"{time.monotonic() - began:6.0f} s  {name}", flush=True)
    cells = [row.cells for row in rows]
    show(where(), HEADS, cells)
    if chosen.write:
        TABLE.write_text(f"{where()}\n\n{markdown(HEADS, cells)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
