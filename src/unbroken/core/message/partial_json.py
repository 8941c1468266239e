"""A partial as plain data and as JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from ..wire.surrogates import has_surrogates
from .block import Block

__all__ = ["data_of", "fields", "plain", "text_of"]

VERSION: Final = 1


def plain(
    message: dict[str, Any] | None, blocks: Sequence[Block], ending: dict[str, Any], *, stopped: bool, sequence: int
) -> dict[str, Any]:
    """The fields of a partial as plain data of their own, ready for JSON, with `"version": 1`."""
    return {
        "version": VERSION,
        "message": deepcopy(message),
        "blocks": [
            {
                "start": deepcopy(block.start),
                "text": "".join(block.pieces),
                "signature": block.signature,
                "citations": deepcopy(block.citations),
                "deltas": deepcopy(block.deltas),
                "closed": block.closed,
                "abandoned": block.abandoned,
            }
            for block in blocks
        ],
        "ending": deepcopy(ending),
        "stopped": stopped,
        "sequence": sequence,
    }


def fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the partial that `plain` was given. Raises `ValueError` for another version."""
    version = data.get("version")
    if version != VERSION:
        raise ValueError(f"this is a partial of version {version!r}; only {VERSION} can be read")
    blocks = [
        Block(
            start=deepcopy(dict(block["start"])),
            pieces=[block["text"]] if block["text"] else [],
            signature=block["signature"],
            citations=deepcopy(list(block["citations"])),
            deltas=deepcopy(list(block["deltas"])),
            closed=block["closed"],
            abandoned=block["abandoned"],
        )
        for block in data["blocks"]
    ]
    return {
        "message": deepcopy(data["message"]),
        "blocks": blocks,
        "ending": deepcopy(dict(data["ending"])),
        "stopped": data["stopped"],
        "sequence": data["sequence"],
    }


def text_of(data: dict[str, Any]) -> str:
    """Plain data as JSON text, which any encoding takes."""
    text = json.dumps(data, ensure_ascii=False)
    # JSON can name half of a character, though it cannot hold it.
    return json.dumps(data) if has_surrogates(text) else text


def data_of(text: str) -> dict[str, Any]:
    """The plain data that `text_of` was given. Raises `ValueError` for anything else."""
    try:
        data = json.loads(text)
    except RecursionError:
        raise ValueError("this is no partial of version 1: it is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("this is no partial of version 1: it is no JSON object")
    return data
