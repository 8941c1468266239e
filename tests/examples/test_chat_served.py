"""The chat as `make chat` runs it, in processes that are killed, replaced and stopped, read over real sockets."""

from __future__ import annotations

import http.client
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from chat.storm import ANSWER
from visiting import Frame, ended, frames, text_of
from website import Program, Website, program, until, website

from unbroken.testing import Answer, FaultServer, Pings, Script, after_characters

pytestmark = pytest.mark.slow

TEXT = "The keeper of the lighthouse climbed the stairs twice a night, and wrote down what the wind was doing. " * 6
SLOW = Answer(TEXT, pieces=(4, 4), pace=0.02)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """One program for all tests that do not end it."""
    with website(tmp_path_factory.mktemp("chat")) as site:
        yield site


class Reader:
    """Reads an answer as an `EventSource` does: whenever the connection breaks it comes back, to whoever is there."""

    def __init__(self, program: Program, chat: str) -> None:
        self.connections = 0
        self.seen: list[Frame] = []
        self._program = program
        self._path = f"/chats/{chat}/answers/0"

    @property
    def text(self) -> str:
        return text_of(self.seen)

    def read(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Read until it is enough, at the latest until the answer is over."""
        until(lambda: self._read(enough), "an end of the answer")

    def _read(self, enough: Callable[[], bool]) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._program.port, timeout=60)
        headers = {"last-event-id": self.seen[-1].id} if self.seen else {}
        stream = ""
        try:
            connection.request("GET", self._path, headers=headers)
            response = connection.getresponse()
            self.connections += 1
            assert response.status == 200
            while line := response.readline():
                stream += line.decode()
                if line == b"\n":
                    self.seen += frames(stream)
                    stream = ""
                    if enough() or ended(self.seen):
                        return True
        except (http.client.HTTPException, ConnectionError):
            pass
        finally:
            connection.close()
        return False


def ask(program: Program) -> str:
    """Ask a question; the chat's id."""
    chat = str(uuid.uuid4())
    program.call("PUT", f"/chats/{chat}/questions/0", {"text": "What did the keeper do?"})
    return chat


def no_further_than(characters: int) -> Pings:
    """A request whose answer comes so far, and then waits for something to happen."""
    return Pings(every=1, at=after_characters(characters))


def test_a_worker_that_is_killed_costs_a_pause(site: Website) -> None:
    """kill -9 in mid-answer, and once more, while it goes on: exact, one message, a request for each of them."""
    site.play(Script(SLOW, faults=[no_further_than(200), no_further_than(400)]))
    chat = ask(site.program)
    reader = Reader(site.program, chat)
    for characters in (80, 240):
        reader.read(lambda least=characters: len(reader.text) >= least)  # type: ignore[misc]
        assert not ended(reader.seen)
        site.program.kill()
    reader.read()
    assert reader.text == TEXT
    assert [frame.type for frame in reader.seen].count("message_start") == 1
    assert len(site.api.requests) == 3
    late = Reader(site.program, chat)
    late.read()
    assert (late.text, late.connections) == (TEXT, 1)


def test_a_rolling_restart_costs_a_pause(site: Website) -> None:
    """Both workers are replaced, one after the other, while the answer comes; nobody is refused meanwhile."""
    site.play(Script(SLOW, faults=[no_further_than(200)]))
    before = site.program.ready()
    reader = Reader(site.program, ask(site.program))
    reader.read(lambda: len(reader.text) >= 40)
    site.program.call("PUT", "/chaos/restart")
    site.program.until_replaced(before)
    assert not ended(reader.seen)
    reader.read()
    assert reader.text == TEXT
    assert [frame.type for frame in reader.seen].count("message_start") == 1
    # One for the worker that began; at most one for each that left in the middle of it.
    assert 2 <= len(site.api.requests) <= 3


def test_both_workers_answer(site: Website) -> None:
    """The kernel shares connections out between those who wait for them."""
    both = site.program.ready()
    asked: Counter[int] = Counter()

    def look() -> bool:
        with urlopen(f"http://127.0.0.1:{site.program.port}/chaos") as response:
            asked[int(response.headers["x-worker"])] += 1
        return set(asked) == both

    until(look, "an answer of each")


def test_the_answer_goes_on_when_everything_was_killed(tmp_path: Path) -> None:
    """All processes at once, as an out-of-memory killer or a power switch does; nobody was there for a while."""
    with FaultServer.in_thread(Script(SLOW, faults=[no_further_than(200)])) as api:
        environment = {"ANTHROPIC_API_KEY": "test", "ANTHROPIC_BASE_URL": api.url}
        with program(tmp_path, **environment) as first:
            first.ready()
            chat = ask(first)
            reader = Reader(first, chat)
            reader.read(lambda: len(reader.text) >= 80)
            assert first.end(signal.SIGKILL)[0] == -signal.SIGKILL
        with program(tmp_path, **environment) as second:
            again = Reader(second, chat)
            again.seen = reader.seen
            until(second.workers, "a worker")
            again.read()
            assert again.text == TEXT
            assert second.call("GET", f"/chats/{chat}/questions") == ["What did the keeper do?"]
        assert len(api.requests) == 2


def test_one_command_runs_it_without_a_key(tmp_path: Path) -> None:
    """`python -m chat` answers from its fault server, and ends on Ctrl-C while a page is open, without a traceback."""
    with program(tmp_path, ANTHROPIC_API_KEY="") as running:
        assert ", answered by a fault server" in running.greeting
        running.ready()
        chat = ask(running)
        reader = Reader(running, chat)
        reader.read(lambda: len(reader.text) >= 80)
        code, said = running.end()
        assert code == 0
        assert "Traceback" not in said
        assert ANSWER.startswith(reader.text)
        assert chat not in said
        assert "keeper" not in said
