"""Bytes in, events out: however the network cuts them, and just as the SDK's own decoder reads them whole."""

from __future__ import annotations

import pytest
from anthropic._streaming import SSEDecoder as Stranger
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core import sse
from unbroken.core.wire.decoded import Malformed
from unbroken.core.wire.sse import MAX_FRAME, ServerSentEvent, SSEDecoder


def decode(*chunks: bytes) -> list[ServerSentEvent]:
    """All the frames that these chunks complete."""
    decoder = SSEDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def by_the_sdk(body: bytes) -> list[ServerSentEvent]:
    """The same by the SDK, which is given the body whole."""
    return [ServerSentEvent(sse.event or None, sse.data) for sse in Stranger().iter_bytes(iter([body]))]


FRAMES = {
    "one frame": (
        b'event: message_stop\ndata: {"type": "message_stop"}\n\n',
        [("message_stop", '{"type": "message_stop"}')],
    ),
    "two frames": (b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\n", [("a", "1"), ("b", "2")]),
    "carriage returns and newlines": (
        b"event: a\r\ndata: 1\r\n\r\nevent: b\r\ndata: 2\r\n\r\n",
        [("a", "1"), ("b", "2")],
    ),
    "carriage returns alone": (b"event: a\rdata: 1\r\revent: b\rdata: 2\r\r", [("a", "1"), ("b", "2")]),
    "data in several lines": (b"event: a\ndata: 1\ndata:\ndata: 3\n\n", [("a", "1\n\n3")]),
    "no space after the colon": (b"event:a\ndata:1\n\n", [("a", "1")]),
    "one space is taken off, no more": (b"data:  1 \n\n", [(None, " 1 ")]),
    "a colon in the data": (b"data: a: b\n\n", [(None, "a: b")]),
    "data without an event": (b"data: 1\n\n", [(None, "1")]),
    "an event without data": (b"event: ping\n\n", [("ping", "")]),
    "a field without a colon": (b"event: a\ndata\n\n", [("a", "")]),
    "an empty event name": (b"event:\ndata: 1\n\n", [(None, "1")]),
    "the last event name counts": (b"event: a\nevent: b\ndata: 1\n\n", [("b", "1")]),
    "comments": (b": hello\n\nevent: a\n: again\ndata: 1\n\n:\n\n", [("a", "1")]),
    "fields that mean nothing here": (b"retry\nfoo: bar\ndata: 1\n\n", [(None, "1")]),
    "blank lines between frames": (b"\n\n\nevent: a\ndata: 1\n\n\n\n\ndata: 2\n\n", [("a", "1"), (None, "2")]),
    "other scripts": ("data: añ 界 👩‍🚀\n\n".encode(), [(None, "añ 界 👩‍🚀")]),
    "line separators that are text": ("data: a\u2028b\u0085c\x0b\n\n".encode(), [(None, "a\u2028b\u0085c\x0b")]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("body", "frames"), FRAMES.values(), ids=FRAMES)
def test_a_body_gives_its_frames_whole_byte_by_byte_and_cut_anywhere(
    body: bytes, frames: list[tuple[str | None, str]]
) -> None:
    """Feed it whole, by one, and in two at each place: the frames are the same, and the SDK's."""
    expected = [ServerSentEvent(*frame) for frame in frames]
    assert decode(body) == expected
    assert decode(*(body[i : i + 1] for i in range(len(body)))) == expected
    for cut in range(len(body) + 1):
        assert decode(body[:cut], b"", body[cut:]) == expected
    assert by_the_sdk(body) == expected


def test_a_byte_order_mark_is_not_part_of_the_first_line() -> None:
    """The standard has it taken off, once, and only at the start; the SDK leaves it in."""
    body = "\ufeffdata: 1\n\ndata: \ufeff2\n\n".encode()
    for cut in range(len(body) + 1):
        assert decode(body[:cut], body[cut:]) == [(None, "1"), (None, "\ufeff2")]


LINES = st.one_of(
    st.sampled_from([b"event: message_start", b"event:error", b"data", b":", b": ping", b"", b"", b""]),
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8).map(
        lambda text: b"data: " + text.encode()
    ),
    st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=8).map(
        lambda text: b"event: " + text.encode()
    ),
)
BODIES = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=30).map(
    lambda lines: b"".join(line + ending for line, ending in lines)
)


@given(BODIES, st.data())
def test_any_body_in_any_pieces_gives_what_the_sdk_reads_from_the_whole(body: bytes, data: st.DataObject) -> None:
    """Line endings mixed, characters cut in half: the pieces do not matter."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert decode(*pieces) == by_the_sdk(body)


@pytest.mark.parametrize(
    ("rest", "cut"),
    [
        (b"", None),
        (b"\n \n", None),
        (b": only a comment", None),
        (b"event: error", ("error", "")),
        (b'event: error\ndata: {"type": "error"}', ("error", '{"type": "error"}')),
        (b'event: error\r\ndata: {"type": "error"}\r\n', ("error", '{"type": "error"}')),
        (b'event: error\ndata: {"ty', ("error", '{"ty')),
        (b"even", None),
    ],
)
def test_the_frame_that_the_end_of_the_file_cut_is_kept_in_sight(rest: bytes, cut: tuple[str, str] | None) -> None:
    """The SDK drops it; it may say what happened."""
    decoder = SSEDecoder()
    assert list(decoder.feed(b"data: whole\n\n" + rest)) == [(None, "whole")]
    assert decoder.finish() == cut
    assert decoder.finish() is None, "told once"


def test_bytes_that_are_no_text_are_malformed_and_what_came_before_is_given() -> None:
    """The error holds none of them."""
    frames = SSEDecoder().feed(b"data: 1\n\ndata: \xff\n\ndata: 3\n\n")
    assert next(frames) == (None, "1")
    with pytest.raises(Malformed, match="utf-8") as raised:
        next(frames)
    assert raised.value.__cause__ is None
    decoder = SSEDecoder()
    decoder.feed("data: 界".encode()[:-1])
    with pytest.raises(Malformed, match="utf-8"):
        decoder.finish()


@pytest.mark.parametrize("size", [1, 1_400, 65_536])
def test_a_large_frame_is_read_in_pieces_of_any_size(size: int) -> None:
    """Were what has come searched or copied anew for each piece, 16 MB in packets would take minutes."""
    data = b"x" * (16_000_000 if size > 1 else 200_000)
    body = b"event: a\ndata: " + data + b"\n\n"
    assert decode(*(body[at : at + size] for at in range(0, len(body), size))) == [("a", data.decode())]


@pytest.mark.parametrize("end", [b"", b"\n\n", b"\r\n\r\n"])
def test_a_frame_that_is_too_large_is_malformed_whole_or_in_pieces(end: bytes) -> None:
    """It is not waited for, and what came before it is given."""
    body = b"data: 1\n\ndata: " + b"x" * MAX_FRAME + end
    for size in (len(body), len(body) - 1_000, 1 << 20):
        decoder = SSEDecoder()
        found: list[ServerSentEvent] = []
        with pytest.raises(Malformed, match="larger than 33,554,432 bytes"):
            for at in range(0, len(body), size):
                found.extend(decoder.feed(body[at : at + size]))
        assert found == [(None, "1")]


def test_frames_of_the_largest_size_are_read_one_after_the_other() -> None:
    """The bound is of a frame, and not of what comes at a time."""
    frame = b"data: " + b"x" * (MAX_FRAME - 6)
    assert len(decode(frame + b"\n\n" + frame + b"\n\ndata: 1\n\n")) == 3


def test_between_large_frames_there_may_be_nothing() -> None:
    """An empty frame and a comment are no events, also in a chunk that is longer than a frame may be."""
    half = b"data: " + b"x" * (MAX_FRAME // 2)
    body = half + b"\n\n\n\n: a comment\n\n" + half + b"\n\n\n\n"
    assert [len(event.data) for event in SSEDecoder().feed(body)] == [MAX_FRAME // 2] * 2


def test_the_decoder_has_its_old_name_as_well() -> None:
    """What was written against `unbroken.core.sse` reads the same decoder."""
    assert sse.SSEDecoder is SSEDecoder
