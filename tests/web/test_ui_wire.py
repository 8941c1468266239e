"""The UI message stream as frames: any half from any worker."""

from __future__ import annotations

from random import Random

import pytest
from tests.web.messages import STREAMS, Recorded, random_stream
from tests.web.wires import FAILED, body_of, chunks_of, frames_of

from unbroken.web.ui_wire import UIMessageWire


def whole(stream: Recorded, wire: UIMessageWire) -> bytes:
    """The body."""
    made = body_of(wire, stream)
    assert made is not None
    assert wire.over
    return made


def frame_bytes(body: bytes) -> list[bytes]:
    """The frames of a body, as they stand."""
    return [frame + b"\n\n" for frame in body.split(b"\n\n")[:-1]]


@pytest.mark.parametrize("name", STREAMS)
def test_two_workers_serve_halves_of_one_body(name: str) -> None:
    """Cut at every chunk: what one worker has sent and what the other sends is the body, to the byte."""
    stream = STREAMS[name]
    body = whole(stream, UIMessageWire())
    frames = frame_bytes(body)
    assert len(frames) == len(chunks_of(stream)) + 1  # `[DONE]`
    for cut in range(len(frames) - 1):
        assert b"".join(frames[:cut]) + whole(stream, UIMessageWire(cut)) == body


@pytest.mark.parametrize("name", STREAMS)
def test_who_goes_on_by_position_misses_nothing(name: str) -> None:
    """The id stands on the last chunk of an event: what follows it is what the reader does not have."""
    stream = STREAMS[name]
    body = whole(stream, UIMessageWire())
    frames = frame_bytes(body)
    for at, frame in enumerate(frames):
        if frame.startswith(b"id: "):
            position = frame.partition(b"\n")[0].removeprefix(b"id: ").decode()
            rest = b"".join(frames[at + 1 :])
            expected = b"" if rest == b"data: [DONE]\n\n" else rest
            assert whole(stream, UIMessageWire(after=position)) == expected


@pytest.mark.parametrize("seed", range(10))
def test_the_data_are_the_chunks(seed: int) -> None:
    """And `[DONE]` behind them."""
    stream = random_stream(Random(seed))
    *frames, done = frames_of(whole(stream, UIMessageWire()))
    assert [frame.json for frame in frames] == chunks_of(stream)
    assert done.data == "[DONE]"


def test_there_is_nothing_left() -> None:
    """Behind the last chunk, or beyond it."""
    stream = STREAMS["text"]
    for start_index in (len(chunks_of(stream)), 1000):
        assert whole(stream, UIMessageWire(start_index)) == b""


def test_the_end_is_told_once() -> None:
    """Who has had the error is told nothing; who has lost it on the way gets it."""
    stream = STREAMS["text, failed"]
    position, _ = stream.entries[-1]
    fence, _, number = position.partition("-")
    assert whole(stream, UIMessageWire(after=f"{fence}-0{number}")) == b""
    *_, error, done = frames_of(whole(stream, UIMessageWire(after=position)))
    assert error.json == {"type": "error", "errorText": FAILED.text}
    assert error.id == f"{fence}-0{number}"
    assert done.data == "[DONE]"


def test_the_headers_are_those_that_the_transports_look_for() -> None:
    """The workflow transport comes back to what `x-workflow-run-id` names."""
    assert UIMessageWire(stream_id="c7/3").headers == {
        "x-vercel-ai-ui-message-stream": "v1",
        "x-workflow-run-id": "c7/3",
    }
