"""The program of the page about FastAPI, in two workers of Uvicorn: killed, terminated, and stopped in mid-answer."""

from __future__ import annotations

import http.client
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from page_servers import PATIENCE, Worker, extract, worker
from snippets import ROOT

from unbroken.testing import Answer, FaultServer, Pings, Script, ThreadedFaultServer, after_characters

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("fastapi") is None or find_spec("uvicorn") is None, reason="FastAPI or Uvicorn is not installed"
    ),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL"),
]

PAGE: Final = ROOT / "docs" / "pages" / "how-to" / "fastapi.md"
TEXT: Final = "The keeper of the lighthouse wrote down what the wind was doing, twice a night. " * 5
#: How far the answers come of those that are to be cut: then the server of the model stands still.
HALF: Final = 200


def call(worker: Worker, method: str, path: str, body: Any = None, user: str = "ann") -> tuple[int, Any]:
    """The status of a request, and what came back."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=PATIENCE)
    headers = {"cookie": f"session={user}", "content-type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    status, data = response.status, response.read()
    connection.close()
    return status, json.loads(data or b"null")


class Reader:
    """Reads an answer as an `EventSource` does: it knows the last event that it has seen."""

    def __init__(self, name: str) -> None:
        self.text = ""
        self.starts = 0
        self.last = ""
        self.end = ""
        self._path = f"/answers/{name}"

    def read(self, worker: Worker, enough: Callable[[], bool] = lambda: False) -> bool:
        """Read until it is enough, or the answer has ended; whether it is. False: the body was broken off."""
        connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=PATIENCE)
        headers = {"cookie": "session=ann"} | ({"last-event-id": self.last} if self.last else {})
        stream = b""
        try:
            connection.request("GET", self._path, headers=headers)
            response = connection.getresponse()
            assert response.status == 200
            while more := response.read1():
                *frames, stream = (stream + more).split(b"\n\n")
                for frame in frames:
                    self._dispatch(frame.decode())
                    if enough() or self.end:
                        return True
        except (http.client.HTTPException, ConnectionError):
            return False
        finally:
            connection.close()
        raise AssertionError("half an answer ended as if it were a whole one")

    def read_to_the_end(self, worker: Worker) -> None:
        """As often as it takes."""
        ends = time.monotonic() + PATIENCE
        while not self.read(worker):
            assert time.monotonic() < ends

    def _dispatch(self, frame: str) -> None:
        fields = dict(line.split(": ", 1) for line in frame.splitlines() if not line.startswith(":"))
        self.last = fields.get("id", self.last)
        if "data" not in fields:
            return
        data = json.loads(fields["data"])
        match fields["event"]:
            case "message_start":
                self.text = ""
                self.starts += 1
            case "content_block_delta":
                self.text += data["delta"].get("text", "")
            case "message_stop":
                self.end = "message_stop"
            case "error":
                self.end = data["error"]["type"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The page's program, in a directory of its own."""
    extract(PAGE, tmp_path, "app.py")
    return tmp_path


@contextmanager
def workers(place: Path, script: Script) -> Iterator[tuple[Worker, Worker, ThreadedFaultServer]]:
    """Two of them, and the server that they ask."""
    with FaultServer.in_thread(script) as api, ExitStack() as stack:
        first, second = (stack.enter_context(worker(place, api.url)) for _ in range(2))
        assert [call(each, "GET", f"/answers/{uuid4()}") for each in (first, second)] == [(204, None)] * 2
        yield first, second, api


def standing_still(times: int) -> Script:
    """So many answers stand still in the middle."""
    return Script(Answer(TEXT, pieces=(4, 4)), faults=[Pings(every=1, at=after_characters(HALF))] * times)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_worker_that_writes_goes_away(how: signal.Signals, place: Path) -> None:
    """Another goes on; who was reading from the one that is gone comes back, who was not does not notice."""
    with workers(place, standing_still(1)) as (first, second, api):
        name = str(uuid4())
        assert call(first, "POST", f"/answers/{name}", {"text": "What did the keeper do?"}) == (202, {"begun": True})
        near = Reader(name)
        assert near.read(first, lambda: len(near.text) > HALF // 2)
        first.process.send_signal(how)
        code = first.process.wait(PATIENCE)
        assert code == -how
        near.read_to_the_end(second)
        late = Reader(name)
        late.read_to_the_end(second)
        for reader in (near, late):
            assert (reader.text, reader.starts, reader.end) == (TEXT, 1, "message_stop")
        assert len(api.requests) == 2
        # And so says the one who asked, who did not hear that it was: nothing is asked twice.
        assert call(second, "POST", f"/answers/{name}", {"text": "What did the keeper do?"}) == (202, {"begun": False})
        assert len(api.requests) == 2


def test_a_reader_is_broken_off_when_its_worker_is_told_to_go(place: Path) -> None:
    """At once, though its answer is written elsewhere and goes on."""
    with workers(place, standing_still(1)) as (first, second, api):
        name = str(uuid4())
        call(second, "POST", f"/answers/{name}", {"text": "What did the keeper do?"})
        reader = Reader(name)

        def told() -> bool:
            if len(reader.text) > HALF // 2:
                first.process.terminate()
            return False

        assert not reader.read(first, told)
        assert first.process.wait(PATIENCE) == -signal.SIGTERM
        second.kill()
        with worker(place, api.url) as third:
            reader.read_to_the_end(third)
        assert (reader.text, reader.starts, reader.end) == (TEXT, 1, "message_stop")


def test_stop_and_whose_it_is(place: Path) -> None:
    """Another user finds nothing; its owner stops it at another worker, which closes the request to the model."""
    with workers(place, standing_still(1)) as (first, second, api):
        name = str(uuid4())
        path, question = f"/answers/{name}", {"text": "What did the keeper do?"}
        call(first, "POST", path, question)
        assert call(first, "POST", path, {"text": "And what did the wind do?"})[0] == 409
        assert call(second, "POST", path, question, user="bob")[0] == 409
        assert call(second, "GET", path, user="bob") == (204, None)
        assert call(second, "DELETE", path, user="bob")[0] == 404
        reader = Reader(name)
        assert reader.read(second, lambda: len(reader.text) > HALF // 2)
        assert call(second, "DELETE", path) == (200, {"stopped": True})
        assert call(second, "DELETE", path) == (200, {"stopped": False})
        reader.read_to_the_end(first)
        assert (reader.starts, reader.end) == (1, "stream_cancelled")
        assert TEXT.startswith(reader.text)
        api.all_closed(PATIENCE)
        assert len(api.requests) == 1
