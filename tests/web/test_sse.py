"""Frames as we write them."""

from __future__ import annotations

from tests.web.wires import Frame, frames_of

from unbroken.core.wire.sse import SSEDecoder
from unbroken.web.sse import COMMENT, retry_line, with_id


def test_what_is_no_event_is_passed_over() -> None:
    """By our own decoder, as by a browser's."""
    assert list(SSEDecoder().feed(retry_line(1.0) + COMMENT)) == []
    assert retry_line(0.25) == b"retry: 250\n\n"


def test_an_id_stands_in_its_frame() -> None:
    """A browser takes it once the frame is whole."""
    assert frames_of(with_id("1-57", b"data: {}\n\n")) == [Frame("message", "{}", "1-57")]
