"""The chunks of the AI SDK's UI message stream, held to what its reader takes."""

from __future__ import annotations

from random import Random
from typing import Any, Final

import pytest
from builders import ending, message_delta, message_start, open_text, text_delta
from tests.web.messages import STREAMS, Recorded, random_stream
from tests.web.wires import FAILED, chunks_of

from unbroken.web.problem import CANCELLED, REWOUND
from unbroken.web.ui_message import Chunk, UIMessageChunks

#: The fields of each type of chunk in `uiMessageChunkSchema` of ai 7.0.112: those that it must have, and others that it
#: may have. `make web-clients` holds all chunks to the schema itself.
_METADATA: Final = {"providerMetadata": dict}
_TOOL: Final = {**_METADATA, "providerExecuted": bool, "dynamic": bool}
_NAMED: Final = {"toolCallId": str, "toolName": str}
FIELDS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "start": ({}, {"messageId": str, "messageMetadata": object}),
    "start-step": ({}, {}),
    "text-start": ({"id": str}, _METADATA),
    "text-delta": ({"id": str, "delta": str}, _METADATA),
    "text-end": ({"id": str}, _METADATA),
    "reasoning-start": ({"id": str}, _METADATA),
    "reasoning-delta": ({"id": str, "delta": str}, _METADATA),
    "reasoning-end": ({"id": str}, _METADATA),
    "tool-input-start": (_NAMED, _TOOL),
    "tool-input-delta": ({"toolCallId": str, "inputTextDelta": str}, {}),
    "tool-input-available": ({**_NAMED, "input": object}, _TOOL),
    "tool-input-error": ({**_NAMED, "input": object, "errorText": str}, _TOOL),
    "tool-output-available": ({"toolCallId": str, "output": object}, _TOOL),
    "tool-output-error": ({"toolCallId": str, "errorText": str}, _TOOL),
    "source-url": ({"sourceId": str, "url": str}, {"title": str, **_METADATA}),
    "source-document": ({"sourceId": str, "mediaType": str, "title": str}, {"filename": str, **_METADATA}),
    "custom": ({"kind": str}, _METADATA),
    "abort": ({}, {"reason": str}),
    "error": ({"errorText": str}, {}),
    "finish-step": ({}, {}),
    "finish": ({}, {"finishReason": str, "messageMetadata": object}),
}
FINISH_REASONS: Final = {"stop", "length", "content-filter", "tool-calls", "error", "other"}


def hold(chunks: list[Chunk]) -> None:
    """What the reader (`processUIMessageStream`) asks for: known chunks, and no delta without its start."""
    open_parts: set[tuple[str, str]] = set()
    calls: set[str] = set()
    for chunk in chunks:
        kind, fields = chunk["type"], {name: value for name, value in chunk.items() if name != "type"}
        must, may = FIELDS[kind]
        assert must.keys() <= fields.keys() <= must.keys() | may.keys(), chunk
        assert all(isinstance(value, {**must, **may}[name]) for name, value in fields.items()), chunk
        assert chunk.get("finishReason", "stop") in FINISH_REASONS
        part, _, step = kind.partition("-")
        if part in ("text", "reasoning"):
            assert ((part, chunk["id"]) in open_parts) is (step != "start"), chunk
            (open_parts.discard if step == "end" else open_parts.add)((part, chunk["id"]))
        elif part == "tool":
            if step in ("input-start", "input-available", "input-error"):
                calls.add(chunk["toolCallId"])
            assert chunk["toolCallId"] in calls, chunk
    assert not open_parts


def of(stream: str) -> list[Chunk]:
    """The chunks of a stream, without its first two and without what its last one says beside the reason."""
    chunks = chunks_of(STREAMS[stream])
    return [{name: each for name, each in chunk.items() if name != "messageMetadata"} for chunk in chunks[2:]]


@pytest.mark.parametrize("name", STREAMS)
def test_its_reader_takes_every_chunk(name: str) -> None:
    """Of every stream, however it ends; one that is not whole ends in `error`, and no other."""
    chunks = chunks_of(STREAMS[name])
    hold(chunks)
    assert chunks[-1]["type"] == ("error" if STREAMS[name].end == "failed" else "finish")


@pytest.mark.parametrize("seed", range(40))
def test_random_messages(seed: int) -> None:
    """They are told whole, and always in the same chunks."""
    stream = random_stream(Random(seed))
    chunks = chunks_of(stream)
    hold(chunks)
    assert "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta") == stream.text
    assert chunks == chunks_of(stream)


def test_a_message_begins_and_ends() -> None:
    """With its id, so that a replay takes the place of what was there; with what it has used."""
    chunks = chunks_of(STREAMS["text"])
    assert chunks[:2] == [{"type": "start", "messageId": "msg_web1"}, {"type": "start-step"}]
    *_, step, finish = chunks
    assert step == {"type": "finish-step"}
    assert finish["finishReason"] == "stop"
    metadata = finish["messageMetadata"]
    assert (metadata["model"], metadata["stopReason"]) == ("claude-opus-5-5", "end_turn")
    assert (metadata["usage"]["input_tokens"], metadata["usage"]["output_tokens"]) == (23, 12)
    assert metadata["usage"]["service_tier"] == "standard"  # of the start, where the end does not say it again


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("tool_use", "tool-calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content-filter"),
        ("boredom", "other"),
        (None, "other"),
    ],
)
def test_every_reason_has_its_name(reason: str | None, finish: str) -> None:
    """As the AI SDK's own provider has them; what is new is `other`."""
    events = [message_start(), message_delta(reason), *ending()[1:]]
    chunks = chunks_of(Recorded([("1-1", event) for event in events]))
    assert chunks[-1]["finishReason"] == finish
    assert chunks[-1]["messageMetadata"]["stopReason"] == reason


def test_a_stop_sequence_is_named() -> None:
    """It was met, and is not in the text."""
    assert chunks_of(STREAMS["a stop sequence"])[-1]["messageMetadata"]["stopSequence"] == " in March"


def test_a_message_without_a_stop_ends_all_the_same() -> None:
    """The body may end after `message_delta`."""
    assert [chunk["type"] for chunk in of("no stop")][-2:] == ["finish-step", "finish"]


def test_somebody_has_stopped_it() -> None:
    """What is open is closed; a reader that waits for `finish` is not left waiting."""
    assert of("text, stopped")[-4:] == [
        {"type": "text-end", "id": "0"},
        {"type": "abort", "reason": CANCELLED.text},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "other"},
    ]
    assert chunks_of(STREAMS["stopped before anything"]) == [
        {"type": "abort", "reason": CANCELLED.text},
        {"type": "finish", "finishReason": "other"},
    ]


def test_it_has_failed() -> None:
    """There is no `finish`: nobody takes it for a whole."""
    assert of("text, failed")[-2:] == [{"type": "text-end", "id": "0"}, {"type": "error", "errorText": FAILED.text}]
    assert chunks_of(STREAMS["failed before anything"]) == [{"type": "error", "errorText": FAILED.text}]


def test_a_rewind_cannot_be_shown() -> None:
    """The chunks that were shown have their numbers; where none was shown, it says nothing."""
    chunks = UIMessageChunks()
    assert list(chunks.push({"type": "rewind"})) == []
    for event in [message_start(), *open_text("In")]:
        list(chunks.push(event))
    assert list(chunks.push({"type": "rewind"}))[-1] == {"type": "error", "errorText": REWOUND.text}
    assert chunks.over


def test_nothing_follows_the_end() -> None:
    """A delta for a block that is closed, or was never there, says nothing."""
    chunks = UIMessageChunks()
    assert list(chunks.push(text_delta("In"))) == []
    assert list(chunks.push({"type": "content_block_stop", "index": 0})) == []
    assert list(chunks.end()) == []
    assert chunks.over
