"""Bytes in, binary messages out: however the network cuts them, and just as botocore reads them."""

from __future__ import annotations

from contextlib import suppress
from struct import pack
from typing import Final

import pytest
from binary import STRING, header, headers, message
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from unbroken.core.wire.eventstream import EventStreamDecoder, EventStreamMessage


def decode(*chunks: bytes) -> list[EventStreamMessage]:
    """All the messages that these chunks complete."""
    decoder = EventStreamDecoder()
    return [message for chunk in chunks for message in decoder.feed(chunk)]


def by_botocore(body: bytes) -> list[EventStreamMessage]:
    """The same by botocore; of the headers, those that are strings."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return [EventStreamMessage({k: v for k, v in m.headers.items() if isinstance(v, str)}, m.payload) for m in buffer]


OTHER_HEADERS: Final = b"".join(
    [
        header("true", 0, b""),
        header("false", 1, b""),
        header("byte", 2, b"\xff"),
        header("short", 3, b"\xff" * 2),
        header("integer", 4, b"\xff" * 4),
        header("long", 5, b"\xff" * 8),
        header("bytes", 6, pack("!H", 3) + b"\x00\xff\x07"),
        header("timestamp", 8, b"\xff" * 8),
        header("uuid", 9, b"\xff" * 16),
    ]
)

BODIES: Final = {
    "nothing": b"",
    "an empty message": message(b"", b""),
    "a payload alone": message(b"", b"payload"),
    "headers alone": message(headers({":message-type": "event", "": ""}), b""),
    "two messages": message(headers({"a": "1"}), b"one") + message(headers({"b": "2"}), b"two"),
    "every type of header": message(OTHER_HEADERS + headers({"last": "one"}), b"payload"),
    "other scripts": message(headers({"añ": "界"}), "👩‍🚀".encode()),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_gives_its_messages_whole_byte_by_byte_and_cut_anywhere(body: bytes) -> None:
    """Feed it whole, by one, and in two at each place: the messages are the same, and botocore's."""
    expected = by_botocore(body)
    assert decode(body) == expected
    assert decode(*(body[i : i + 1] for i in range(len(body)))) == expected
    assert all(decode(body[:i], body[i:]) == expected for i in range(len(body)))


TEXT: Final = st.text(max_size=20)


@given(st.lists(st.tuples(st.dictionaries(TEXT, TEXT, max_size=4), st.binary(max_size=60)), max_size=4), st.data())
def test_whatever_is_sent_is_read(sent: list[tuple[dict[str, str], bytes]], data: st.DataObject) -> None:
    """In pieces of any size."""
    body = b"".join(message(headers(head), payload) for head, payload in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert decode(*pieces) == by_botocore(body) == [EventStreamMessage(*one) for one in sent]


def test_no_byte_of_a_message_can_be_wrong() -> None:
    """One of its CRCs says so; the message before it is given, and that after it is not."""
    first, second = message(headers({"a": "1"}), b"one"), message(headers({"b": "2"}), b"two")
    for at in range(len(second)):
        broken = bytearray(second)
        broken[at] ^= 0x10
        decoder = EventStreamDecoder()
        found = decoder.feed(first + bytes(broken) + first)
        assert next(found).payload == b"one"
        with pytest.raises(ValueError, match="CRC"):
            list(found)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_message_that_is_cut_off_is_not_given(cut: int) -> None:
    """Nothing of it is, however much has come."""
    body = message(headers({"a": "1"}), b"one")
    assert decode(body, body[:cut]) == decode(body)


IMPOSSIBLE: Final = {
    "shorter than its own frame": message(b"", b"", length=15),
    "of no length": message(b"", b"", length=0),
    "headers beyond the end": message(b"", b"12", head_length=3),
    "headers of more than 128 KiB": message(b"", b"", length=1 << 20, head_length=(1 << 17) + 1),
    "a payload of more than 24 MiB": message(b"", b"", length=(24 << 20) + 17),
}


@pytest.mark.parametrize("body", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_lengths_that_cannot_be_are_not_waited_for(body: bytes) -> None:
    """Their CRC is right; a stream that announces 4 GiB would otherwise only stall."""
    with pytest.raises(ValueError, match="no message is"):
        decode(body[:12])


BROKEN_HEADERS: Final = {
    "an unknown type": header("a", 10, b""),
    "a name that is cut": b"\x05ab",
    "no type": b"\x01a",
    "a length that is cut": header("a", STRING, b"\x00"),
    "a value that is cut": header("a", STRING, pack("!H", 3) + b"ab"),
    "a number that is cut": header("a", 5, b"1234567"),
    "a value that is not UTF-8": header("a", STRING, pack("!H", 1) + b"\xff"),
}


@pytest.mark.parametrize("head", BROKEN_HEADERS.values(), ids=BROKEN_HEADERS)
def test_headers_that_cannot_be_read_are_a_value_error(head: bytes) -> None:
    """The CRCs are right, and the headers are not."""
    with pytest.raises(ValueError, match=r"header|codec"):
        decode(message(head, b"payload"))


PIECES: Final = st.one_of(
    st.binary(max_size=80), st.builds(message, st.binary(max_size=40), st.binary(max_size=40)), st.just(OTHER_HEADERS)
)


@given(st.lists(PIECES, max_size=5))
def test_any_bytes_give_messages_or_a_value_error(chunks: list[bytes]) -> None:
    """Never another exception, never a hang, also where the CRCs are right."""
    with suppress(ValueError):
        decode(*chunks)


@pytest.mark.parametrize("size", [1, 1_400, 65_536])
def test_a_large_message_is_read_in_pieces_of_any_size(size: int) -> None:
    """Were what has come copied anew for each piece, 16 MB in packets would take minutes."""
    payload = b"x" * (16_000_000 if size > 1 else 200_000)
    body = message(headers({"a": "1"}), payload) + message(b"", b"next")
    found = decode(*(body[at : at + size] for at in range(0, len(body), size)))
    assert [len(each.payload) for each in found] == [len(payload), 4]
