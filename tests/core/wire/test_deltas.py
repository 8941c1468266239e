"""What a delta is asked for, and the one table of deltas, which the SDK's own types judge."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from typing import Any, get_args

import pytest
from anthropic.types import ContentBlock, RawContentBlockDelta
from anthropic.types.beta import BetaRawContentBlockDelta

from unbroken.core.message.blocks import CALLS, SERVER_USES, is_known
from unbroken.core.wire.decoded import Event, Malformed
from unbroken.core.wire.deltas import DELTAS, FIELDS_OF_BLOCKS, Delta, as_delta


def event(type_: Any, **brings: Any) -> Event:
    """A delta of block 3, as it is decoded."""
    return {"type": "content_block_delta", "index": 3, "delta": {"type": type_, **brings}}


@pytest.mark.parametrize("union", [RawContentBlockDelta, BetaRawContentBlockDelta], ids=["messages", "beta"])
def test_the_fields_are_those_of_the_sdk(union: Any) -> None:
    """A delta has the field that the table says, and it is a string where it is written."""
    for model in get_args(get_args(union)[0]):
        fields = model.model_fields
        known = DELTAS[get_args(fields["type"].annotation)[0]]
        if known.field is not None:
            assert known.field in fields
            assert (fields[known.field].annotation is str) == (known.is_written or known.field == "signature")


def test_what_grows_is_a_block_that_is_known() -> None:
    """Calls of tools grow by their input, all of them."""
    assert all(is_known(block) for type_ in DELTAS.values() for block in type_.blocks)
    assert set(DELTAS["input_json_delta"].blocks) == {*CALLS, *SERVER_USES}


def test_a_block_begins_with_the_field_that_grows() -> None:
    """By the SDK's types, a string."""
    blocks = {
        get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ContentBlock)[0])
    }
    for block, field in FIELDS_OF_BLOCKS.items():
        assert blocks[block].model_fields[field].annotation is str


@pytest.mark.parametrize(
    ("brought", "found"),
    [
        (event("text_delta", text="añ 界"), ("text_delta", "text", "añ 界", 4, 2)),
        (event("text_delta", text=""), ("text_delta", "text", "", 0, 0)),
        (event("text_delta", text="\ud83d"), ("text_delta", "text", "\ud83d", 1, 1)),
        (event("thinking_delta", thinking="Hm."), ("thinking_delta", "thinking", "Hm.", 3, 0)),
        (event("input_json_delta", partial_json="{"), ("input_json_delta", "partial_json", "{", 1, 0)),
        (event("signature_delta", signature="abc"), ("signature_delta", None, "", 0, 0)),
        (event("citations_delta", citation={}), ("citations_delta", None, "", 0, 0)),
        (event("some_new_delta", text="añ", more="界", n=1, parts=["a"]), ("some_new_delta", None, "", 3, 2)),
    ],
)
def test_what_is_found_out_once(brought: Event, found: tuple[Any, ...]) -> None:
    """And the event is what it was."""
    delta = as_delta(brought)
    assert (delta.kind, delta.field, delta.piece, delta.length, delta.others) == found
    assert delta.index == 3
    assert delta == brought
    assert as_delta(delta) is delta
    assert json.dumps(delta) == json.dumps(brought)


@pytest.mark.parametrize(
    "brought",
    [
        {"type": "content_block_delta", "index": 3},
        event(None),
        event(["text_delta"]),
        event("text_delta", text=None),
        event("thinking_delta", text="a"),
        event("signature_delta"),
        event("citations_delta"),
    ],
)
def test_what_its_type_has_to_have(brought: Event) -> None:
    """Else it is malformed, and nothing of what was sent is in the error."""
    with pytest.raises(Malformed):
        as_delta(brought)


def test_a_copy_is_as_good() -> None:
    """Whoever keeps events copies them."""
    delta = as_delta(event("text_delta", text="añ"))
    for copied in (deepcopy(delta), pickle.loads(pickle.dumps(delta))):
        assert isinstance(copied, Delta)
        assert copied == delta
        assert (copied.kind, copied.piece, copied.length, copied.others) == ("text_delta", "añ", 2, 1)
