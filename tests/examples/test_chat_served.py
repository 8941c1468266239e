"""The chat on a real web server: a reader who does not read, and the one command that runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import chat
import pytest
from chat.storm import ANSWER
from visiting import CHAT, Frame, ended, frames, text_of
from website import website

from unbroken.testing import Answer

pytestmark = pytest.mark.slow

LONG = "The keeper of the lighthouse climbed the stairs. " * 8000
QUESTION = json.dumps({"text": "What did the keeper do?"})


def send(port: int, request: str, body: str = "", receive: int = 1 << 16) -> socket.socket:
    """Send a request over a connection of its own, with a receive buffer of so many bytes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    head = f"{request} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    connection.sendall(f"{head}\r\n\r\n{body}".encode())
    return connection


def ask(port: int) -> None:
    """Ask a question; the server takes it."""
    with send(port, f"PUT {CHAT}/questions/0", QUESTION) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 201 ")


def read(connection: socket.socket) -> list[Frame]:
    """Read events to the end of the answer."""
    stream = b""
    while b"event: end\n" not in stream or not stream.endswith(b"\r\n"):
        received = connection.recv(1 << 20)
        assert received, "the server hung up"
        stream += received
    _, _, body = stream.partition(b"\r\n\r\n")
    return frames(_unchunked(body).decode())


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole


def test_a_reader_who_does_not_read_holds_nobody_up() -> None:
    """The answer goes on, others get it as it comes, and who was slow gets the rest in few, large events: no queue."""
    with website(Answer(LONG, pieces=(40, 40)), max_tokens=128_000) as site:
        ask(site.port)
        with send(site.port, f"GET {CHAT}/events", receive=4096) as slow:
            with send(site.port, f"GET {CHAT}/events") as quick:
                all_of_it = read(quick)
            late = read(slow)
    assert ended(all_of_it)
    assert text_of(all_of_it) == text_of(late) == LONG
    assert late[-1] == all_of_it[-1]
    assert len(late) < len(LONG) / 40 / 2  # half as many events as the answer has pieces


def test_one_command_runs_it_without_a_key() -> None:
    """`python -m chat` answers from its fault server, through its faults, and ends on Ctrl-C while a page is open."""
    examples = str(Path(chat.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([examples, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "chat", "--port", "0"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert program.stdout is not None
        line = program.stdout.readline()
        assert ", answered by a fault server" in line
        port = int(line.partition(",")[0].rpartition(":")[2])
        ask(port)
        with send(port, f"GET {CHAT}/events") as page:
            seen = read(page)
            program.send_signal(signal.SIGINT)
            _, errors = program.communicate(timeout=120)
    finally:
        program.kill()
        program.wait()
    assert text_of(seen) == ANSWER
    assert any(frame.data.get("words") == "reconnecting…" for frame in seen)
    assert program.returncode == 0
    assert errors == ""
