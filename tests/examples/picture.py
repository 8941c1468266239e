"""Draw the picture in the docs, `docs/pages/chat.png`: the page while an answer is taken up again. It needs Chromium.

python tests/examples/picture.py
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
sys.path[:0] = [str(ROOT / "docs" / "examples"), str(HERE)]

from chat.storm import ANSWER, storm  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402
from website import website  # noqa: E402

#: CSS pixels; the picture has twice as many.
WIDTH, HEIGHT = 720, 440


def draw(path: Path) -> None:
    """Ask, wait until the answer is cut, and take the picture while its rest is asked for."""
    script = storm(pace=0.005, pause=3.0)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with website(replace(script, answers=ANSWER)) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
        page.goto(site.url)
        page.get_by_label("Your question").fill("What is so hard about a stream?")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("reconnecting…")
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    draw(ROOT / "docs" / "pages" / "chat.png")
