"""Both sides of the page about `useChat`: its component in React, its program in workers that are killed under it.

`make web-clients` installs what it needs and runs this; without it, it is skipped.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from page_servers import PATIENCE, extract, worker
from snippets import ROOT
from tests.web.clients.environment import FOLDER, SOURCES

from unbroken.testing import Answer, FaultServer, Pings, Script, Status, after_characters

PAGE: Final = ROOT / "docs" / "pages" / "how-to" / "use-chat.md"
NODE: Final = shutil.which("node")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        NODE is None or not (FOLDER / "installed.json").exists(), reason="the AI SDK is not there: make web-clients"
    ),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
]

TEXT: Final = "The keeper of the lighthouse wrote down what the wind was doing, twice a night. " * 5
#: How far the answers come of those that are to be cut: then the server of the model stands still.
HALF: Final = 200
ASKED: Final = ["user", "What did the keeper do?"]


@pytest.fixture(params=["default", "workflow"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The page's files, with what they import, and with one transport or the other."""
    extract(PAGE, tmp_path, "app.py", "Chat.tsx", "transport.ts")
    component = tmp_path / "Chat.tsx"
    if request.param == "workflow":
        here = "const transport = new DefaultChatTransport({ api });\n"
        source = component.read_text(encoding="utf-8")
        assert here in source
        component.write_text(source.replace(here, "import { transport } from './transport';\n"), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    shutil.copy(SOURCES / "page.mjs", tmp_path)
    return tmp_path


class Browser:
    """A page that shows the component.

    Attributes:
        shown: What it shows: `messages`, pairs of role and text; `error`; `busy`.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.shown: dict[str, Any] = {}
        self._process = process

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until it shows what is asked for; what it shows."""
        assert self._process.stdout is not None
        silence = threading.Timer(PATIENCE, self._process.kill)
        silence.start()
        try:
            while not (self.shown and condition(self.shown)):
                line = self._process.stdout.readline()
                assert line, f"the page has ended, or changes no more: {self.shown}"
                self.shown = json.loads(line)
        finally:
            silence.cancel()
        return self.shown

    def until_answered(self) -> None:
        """Wait until the whole answer is there, once, and nothing is wrong."""
        self.until(lambda shown: not shown["busy"] and _text(shown) == TEXT)
        assert self.shown == {"messages": [ASKED, ["assistant", TEXT]], "error": None, "busy": False}

    def do(self, **command: str) -> None:
        """Ask, or click."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()


def _text(shown: dict[str, Any]) -> str:
    return "".join(text for role, text in shown["messages"] if role == "assistant")


def has_half(shown: dict[str, Any]) -> bool:
    """Whether some of the answer is shown."""
    return len(_text(shown)) > HALF // 2


@contextmanager
def browser(place: Path, port: int, saved: list[Any]) -> Iterator[Browser]:
    """A page, loaded."""
    assert NODE is not None
    process = subprocess.Popen(
        [NODE, "page.mjs", str(place), f"http://127.0.0.1:{port}/", "chat-7", json.dumps(saved)],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Browser(process)
    finally:
        process.kill()
        process.communicate()


def standing_still(times: int) -> Script:
    """So many answers stand still in the middle."""
    return Script(Answer(TEXT, pieces=(4, 4)), faults=[Pings(every=1, at=after_characters(HALF))] * times)


def test_its_types_are_right(place: Path) -> None:
    """As TypeScript has it, strictly."""
    assert NODE is not None
    compiler = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--jsx", "react-jsx"]
    options += ["--module", "esnext", "--moduleResolution", "bundler"]
    command = [NODE, str(compiler), *options, "Chat.tsx", "transport.ts"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout


def test_a_worker_is_killed_and_another_goes_on(place: Path) -> None:
    """In the same bubble, without a word of it; a page that is loaded meanwhile, and one afterwards, show the same."""
    with FaultServer.in_thread(standing_still(1)) as api, socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with worker(place, api.url, listening) as first, browser(place, port, []) as page, ExitStack() as stack:
            page.do(ask=ASKED[1])
            page.until(has_half)
            stack.enter_context(worker(place, api.url, listening))
            first.kill()
            page.until_answered()
            assert len(api.requests) == 2
            with browser(place, port, [_saved()]) as late:
                late.until_answered()
            assert len(api.requests) == 2


@pytest.mark.parametrize("half", [False, True])
def test_the_page_is_loaded_again_in_mid_answer(half: bool, place: Path) -> None:
    """With the question that it has saved, or with half of the answer, too."""
    with FaultServer.in_thread(standing_still(1)) as api, ExitStack() as stack:
        first = stack.enter_context(worker(place, api.url))
        second = stack.enter_context(worker(place, api.url))
        with browser(place, first.port, []) as page:
            page.do(ask=ASKED[1])
            page.until(has_half)
        with browser(place, second.port, [_saved()]) as page:
            page.until(has_half)
            first.kill()
            page.until_answered()
        assert len(api.requests) == 2


def test_stop(place: Path) -> None:
    """What had come stays, and the next question is one."""
    with FaultServer.in_thread(standing_still(1)) as api, worker(place, api.url) as served:
        with browser(place, served.port, []) as page:
            page.do(ask=ASKED[1])
            page.until(has_half)
            page.do(click="Stop")
            shown = page.until(lambda shown: not shown["busy"])
            assert shown["error"] is None
            assert TEXT.startswith(_text(shown))
            api.all_closed(60)
            page.do(ask="And then?")
            page.until(lambda shown: len(shown["messages"]) == 4 and not shown["busy"])
            assert page.shown["error"] is None
            assert [role for role, _ in page.shown["messages"]] == ["user", "assistant"] * 2
            assert page.shown["messages"][:2] == shown["messages"]
            assert page.shown["messages"][3][1]


def test_a_question_that_is_sent_while_nobody_is_there(place: Path) -> None:
    """It is sent again until there is, and asked once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with FaultServer.in_thread(Answer(TEXT)) as api, browser(place, port, []) as page:
        page.do(ask=ASKED[1])
        page.until(lambda shown: shown["error"] is not None)
        with socket.create_server(("127.0.0.1", port)) as listening, worker(place, api.url, listening):
            page.until_answered()
        assert len(api.requests) == 1


def test_an_answer_that_fails_is_told_of_and_can_be_asked_for_again(place: Path) -> None:
    """It is not asked for over and over by itself."""
    script = Script(Answer(TEXT), faults=[Status(400)])
    with FaultServer.in_thread(script) as api, worker(place, api.url) as served:
        with browser(place, served.port, []) as page:
            page.do(ask=ASKED[1])
            page.until(lambda shown: shown["error"] is not None and not shown["busy"])
            assert len(api.requests) == 1
            page.do(click="Ask again")
            page.until_answered()


def _saved() -> dict[str, Any]:
    """The question, as an application has it that keeps what was said."""
    return {"id": "q1", "role": "user", "parts": [{"type": "text", "text": ASKED[1]}]}
