"""Bytes in, events out: however the network cuts them, and just as the SDK's own decoder reads them whole."""

from __future__ import annotations

import pytest
from anthropic._streaming import SSEDecoder as Stranger
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.sse import ServerSentEvent, SSEDecoder


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
    assert decoder.feed(b"data: whole\n\n" + rest) == [(None, "whole")]
    assert decoder.finish() == cut
    assert decoder.finish() is None, "told once"


def test_bytes_that_are_no_text_are_a_value_error() -> None:
    """As malformed JSON is; whoever reads the stream catches both alike."""
    with pytest.raises(ValueError, match="utf-8"):
        decode(b"data: \xff\n\n")
    decoder = SSEDecoder()
    decoder.feed("data: 界".encode()[:-1])
    with pytest.raises(ValueError, match="utf-8"):
        decoder.finish()
