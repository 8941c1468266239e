"""Draw the pictures in the docs: the page while an answer is taken up again (`docs/pages/chat.png`), and while the
process that writes it is killed (`docs/pages/chat-kill.webp`). It needs Chromium and Playwright.

python tests/examples/picture.py
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
sys.path[:0] = [str(ROOT / "docs" / "examples"), str(HERE)]

from PIL import Image  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402
from website import Website, website  # noqa: E402

from unbroken.testing import (  # noqa: E402
    AFTER_MESSAGE_START,
    Answer,
    ErrorEvent,
    Pings,
    Script,
    Silence,
    after_characters,
)

#: CSS pixels, and how many of the picture's there are for each.
WIDTH: Final = 720
HEIGHT: Final = 500
SCALE: Final = 2
#: The moving picture has no more frames than one in so many seconds; and its end stands for so long.
EVERY: Final = 0.1
END: Final = 4.0

QUESTION: Final = "What does a lighthouse keeper do in a storm?"
ANSWER: Final = """\
Before the wind comes she trims the lamp, fills the oil, and writes the fall of the barometer in the log. Then it is \
night, and the whole of the work is to keep going: every hour she climbs 168 steps, and sees that the flame stands \
straight.

If the lamp fails, she does not begin the night again. She lights it with what is at hand, turns the lens by arm until \
morning, and lets the beam come round on the very second it was due. From the sea there is nothing to notice.
"""
#: Where the worker is killed: in mid-word.
KILLED_AT: Final = ANSWER.index("begin the night") + 3


def draw_still(page: Any, path: Path) -> None:
    """Wait until the answer is cut, and take the picture while its rest is asked for."""
    expect(page.get_by_role("status")).to_have_text("waiting for the model…")
    page.screenshot(path=path)


def draw_moving(page: Any, path: Path) -> None:
    """Kill the writer in mid-word, by the button, and watch the answer go on."""
    frames: list[tuple[float, bytes]] = []
    screen = page.context.new_cdp_session(page)

    def take(frame: Any) -> None:
        frames.append((frame["metadata"]["timestamp"], b64decode(frame["data"])))
        screen.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    screen.on("Page.screencastFrame", take)
    screen.send("Page.startScreencast", {"format": "png"})
    page.wait_for_function(f"() => document.querySelector('.answer')?.textContent.length >= {KILLED_AT - 3}")
    page.get_by_role("button", name="kill -9 the writer").click()
    expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")
    assert page.locator(".answer").text_content() == ANSWER
    page.wait_for_timeout(1_000)
    screen.send("Page.stopScreencast")
    screen.detach()
    save(frames, path)


def save(frames: list[tuple[float, bytes]], path: Path) -> None:
    """Write the pictures as one, each shown for as long as it was true."""
    kept = frames[:1]
    for frame in frames[1:]:
        # The last one of those that came too quickly.
        kept[-1:] = [frame] if len(kept) > 1 and frame[0] - kept[-2][0] < EVERY else [kept[-1], frame]
    images = [Image.open(io.BytesIO(data)).convert("RGB") for _, data in kept]
    ends = [moment for moment, _ in kept[1:]] + [kept[-1][0] + END]
    durations = [round((end - begin) * 1000) for (begin, _), end in zip(kept, ends, strict=True)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, lossless=True, method=6)
    print(f"{path}: {len(images)} frames, {path.stat().st_size:,} bytes")


def open_page(browser: Any, site: Website, script: Script) -> Any:
    """The page with a question that was just sent."""
    site.play(script)
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
    page.set_default_timeout(60_000)
    page.goto(site.url)
    page.wait_for_function("() => document.querySelectorAll('#workers li').length === 2")
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    return page


if __name__ == "__main__":
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    pages = ROOT / "docs" / "pages"
    with tempfile.TemporaryDirectory() as data, website(Path(data)) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        overloaded = ErrorEvent("overloaded_error", at=after_characters(300))
        late = Silence(30, at=AFTER_MESSAGE_START)
        page = open_page(browser, site, Script(Answer(ANSWER, pace=0.01), faults=[overloaded, late]))
        draw_still(page, pages / "chat.png")
        page.get_by_role("button", name="Stop").click()
        page.close()
        # It stands still where it is killed, however slow this machine is.
        script = Script(Answer(ANSWER, pace=0.09), faults=[Pings(every=1, at=after_characters(KILLED_AT))])
        draw_moving(open_page(browser, site, script), pages / "chat-kill.webp")
        browser.close()
