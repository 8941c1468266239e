"""The wire of plain text."""

from __future__ import annotations

from random import Random

import pytest
from builders import block_start, message_start, text_delta
from tests.web.messages import STREAMS, random_stream
from tests.web.wires import FAILED, body_of

from unbroken.web.problem import CANCELLED
from unbroken.web.text_wire import TextWire


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_text_and_nothing_else(seed: int) -> None:
    """Of every text block, in order."""
    stream = random_stream(Random(seed))
    assert body_of(TextWire(), stream) == stream.text.encode()


def test_a_text_that_stands_in_its_start_is_text() -> None:
    """Some gateways send a block, or a message, at once."""
    assert TextWire().push("1-3", block_start(0, "text", text="In March.")) == b"In March."
    assert TextWire().push("1-3", STREAMS["whole in its start"].entries[0][1]) == b"In March."


def test_what_is_not_whole_breaks_off() -> None:
    """There is nothing that could be sent of it."""
    for problem in (CANCELLED, FAILED):
        assert TextWire().fail(problem) is None


def test_what_was_shown_cannot_be_taken_back() -> None:
    """So a rewind breaks off, but where nothing was shown."""
    wire = TextWire()
    assert wire.push("1-3", message_start()) == b""
    assert wire.push("1-3", {"type": "rewind"}) == b""
    wire.push("1-4", text_delta("In"))
    assert wire.push("1-3", {"type": "rewind"}) is None


def test_half_a_character_is_no_text() -> None:
    """No encoding takes it."""
    assert TextWire().push("1-4", text_delta("In \ud83d")) == b"In "


def test_nothing_stands_beside_the_text() -> None:
    """A comment would be read as text, and an end has none."""
    wire = TextWire()
    assert not wire.has_frames
    assert wire.end() == b""
    assert wire.over
