"""Signatures of thinking blocks: bound to the model, to what was thought, and to the conversation before it.

The real ones are opaque. These hold what the server must know to refuse a block that was changed or moved,
as the API does. The key is the same for every server, so that a conversation outlives the one that began
it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from typing import Any, Final

__all__ = ["conversation", "sign", "signed_by", "signed_in"]

_KEY: Final = b"unbroken.testing"


def sign(model: str, thinking: str, before: str) -> str:
    """The signature of a block.

    Args:
        model: The model's family, as in `ModelInfo.name`.
        thinking: The block's text as it was sent; empty where its display is omitted.
        before: What `conversation` says of the request that was answered.
    """
    head = f"{model}:{before}:"
    return b64encode((head + _seal(head, thinking)).encode()).decode()


def signed_by(signature: str, thinking: str) -> str | None:
    """The model that signed; None if nobody did, or the block was changed since."""
    head, seal = _open(signature)
    return head.split(":")[0] if head and hmac.compare_digest(seal, _seal(head, thinking)) else None


def signed_in(signature: str) -> str:
    """The `conversation` that a signature is bound to; empty if it is none of ours."""
    head, _ = _open(signature)
    return head.split(":")[1] if head else ""


def conversation(body: dict[str, Any], messages: list[dict[str, Any]]) -> str:
    """A digest of the system prompt, the tools and `messages`, without their cache marks."""
    told = json.dumps([body.get("system"), body.get("tools"), [_plain(each) for each in messages]])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _plain(item: Any) -> Any:
    """`item` without cache marks, and with a text in short form written out as a block."""
    if isinstance(item, list):
        return [_plain(each) for each in item]
    if not isinstance(item, dict):
        return item
    plain = {key: _plain(value) for key, value in sorted(item.items()) if key != "cache_control"}
    if isinstance(plain.get("content"), str) and "role" in plain:
        plain["content"] = [{"text": plain["content"], "type": "text"}]
    return plain


def _seal(head: str, thinking: str) -> str:
    return hmac.new(_KEY, (head + thinking).encode(), hashlib.sha256).hexdigest()


def _open(signature: str) -> tuple[str, str]:
    try:
        head, _, seal = b64decode(signature, validate=True).decode("ascii").rpartition(":")
    except ValueError:
        return "", ""
    return (f"{head}:", seal) if head.count(":") == 1 else ("", "")
