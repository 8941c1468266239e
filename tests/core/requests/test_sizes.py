"""How much input a request has, roughly."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import TextBlock

from unbroken.core.models.table import lookup
from unbroken.core.requests.sizes import input_size

MODEL = lookup("claude-opus-5-5")
TEXT = "word " * 1_000


def size(content: Any, **more: Any) -> int:
    """Of a request with one message."""
    return input_size({"model": MODEL.name, "messages": [{"role": "user", "content": content}], **more}, MODEL)


def test_texts_are_counted_wherever_they_stand() -> None:
    """In a message as a text or as blocks, in a system prompt, in the results of tools, in the SDK's own blocks."""
    least = MODEL.least_tokens(5_000, 0)
    for request in (
        size(TEXT),
        size([{"type": "text", "text": TEXT}]),
        size("", system=TEXT),
        size("", tools=[{"name": "look", "description": TEXT, "input_schema": {"type": "object"}}]),
        size([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": TEXT}]}]),
        size([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": TEXT}}]),
        size([TextBlock(type="text", text=TEXT)]),
    ):
        assert least <= request <= least + 60


def test_other_scripts_have_more_tokens() -> None:
    """A Chinese character is about one."""
    assert size("漢" * 1_000) > 2 * size("a" * 1_000)


@pytest.mark.parametrize("kind", ["image", "document"])
def test_the_bytes_of_a_file_are_no_tokens(kind: str) -> None:
    """A megabyte of an image is scaled down; of a document nobody knows the pages."""
    file = size([{"type": kind, "source": {"type": "base64", "media_type": "image/png", "data": "A" * 10**6}}])
    assert 1_000 < file < 10_000
    assert file == size([{"type": kind, "source": {"type": "url", "url": "https://example.com/" + "a" * 5_000}}])


def test_what_cannot_be_read_is_left_out() -> None:
    """A request that the API will reject is not rejected here."""
    assert size([{"type": "text", "text": None}, 5]) == size([{"type": "text", "text": ""}])
    assert input_size({}, MODEL) == 0
