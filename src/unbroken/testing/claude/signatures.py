"""What the server puts on its blocks to know them again: signatures, encrypted fields, ids.

The real ones are opaque. These hold what the server must know to refuse a block that was changed or moved,
as the API does. The key is the same for every server, so that a conversation outlives the one that began
it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "after_thinking",
    "content_of",
    "conversation",
    "is_index_of",
    "message_id",
    "plain",
    "redacted",
    "seal",
    "sealed_id",
    "sign",
    "signed_by",
    "signed_in",
    "stamped_citation",
    "stamped_result",
    "was_changed",
]

_KEY: Final = b"unbroken.testing"
#: Hexadecimal digits of a seal inside an id: enough that no change passes by accident.
_ID_SEAL: Final = 12
#: Marks an id that `sealed_id` made: other ids, such as a script's own, are taken as they are.
_SEALED: Final = "fault"
#: The digits of the API's ids.
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# What a block carries beside itself, which neither binds nor is bound.
_APART: Final = frozenset({"cache_control"})
# Not the API's fields but a caller's: a null in there is a value.
_OPAQUE: Final = frozenset({"input", "input_schema"})


def sign(model: str, thinking: str, before: str) -> str:
    """The signature of a block.

    Args:
        model: The model's family, as in `ModelInfo.name`.
        thinking: The block's text as it was sent; empty where its display is omitted.
        before: What `conversation` says of the request that was answered, or `after_thinking` of the blocks since.
    """
    head = f"{model}:{before}:"
    return b64encode((head + seal(head, thinking)).encode()).decode()


def signed_by(signature: str, thinking: str) -> str | None:
    """The model that signed; None if nobody did, or the block was changed since."""
    head, given = _open(signature)
    return head.split(":")[0] if head and hmac.compare_digest(given, seal(head, thinking)) else None


def signed_in(signature: str) -> str:
    """The conversation that a signature is bound to; empty if it is none of ours."""
    head, _ = _open(signature)
    return head.split(":")[1] if head else ""


def redacted(model: str, before: str) -> str:
    """The `data` of a redacted block: a signature with no text."""
    return sign(model, "redacted", before)


def conversation(body: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> str:
    """A digest of the system prompt, the tools and `messages`, without their cache marks.

    A text in short form counts as a block, and a field that is null as one that is left out: the SDK writes down
    what it received in several ways.
    """
    told = json.dumps([plain(each) for each in (body.get("system"), body.get("tools"), list(messages))])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def after_thinking(before: str, block: Mapping[str, Any]) -> str:
    """What binds the next thinking block of a message: what bound this one, and this one."""
    return hashlib.sha256(f"{before}{block.get('signature')}{block.get('data')}".encode()).hexdigest()[:16]


def seal(*parts: object) -> str:
    """A code that only the server can make, which says that `parts` are as it wrote them."""
    told = "".join(part if isinstance(part, str) else json.dumps(plain(part), sort_keys=True) for part in parts)
    return hmac.new(_KEY, told.encode(), hashlib.sha256).hexdigest()


def sealed_id(prefix: str, place: str, *parts: object) -> str:
    """An id that is bound to what it names.

    Args:
        prefix: Such as `toolu`.
        place: What makes it unique.
        parts: What it names, such as a call's name and input, and its result. They are bound one by one.
    """
    place = place.replace("_", "x")
    return "_".join([prefix, _SEALED, place, *(seal(place, part)[:_ID_SEAL] for part in parts)])


def was_changed(id: str, *parts: object) -> bool:
    """Whether an id of ours names other parts than these. The last ones may be missing, and None is any."""
    _, _, rest = id.partition(f"_{_SEALED}_")
    place, *seals = rest.split("_")
    return any(
        seal(place, part)[:_ID_SEAL] != given for part, given in zip(parts, seals, strict=False) if part is not None
    )


def message_id(prefix: str, number: object) -> str:
    """The id of a message: `prefix`, `01`, and 22 letters and digits, the same for the same number."""
    rest, digits = int(seal("message", str(number)), 16), ""
    for _ in range(22):
        rest, digit = divmod(rest, len(_BASE58))
        digits += _BASE58[digit]
    return f"{prefix}01{digits}"


def stamped_citation(citation: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A citation as it is sent: one of a search result has an `encrypted_index`.

    Args:
        citation: As the script has it.
        place: Where it is cited. What is cited again has another index, as it has from the API.
    """
    if citation.get("type") != "web_search_result_location" or "encrypted_index" in citation:
        return dict(citation)
    return {**citation, "encrypted_index": _index_at(seal("place", place)[:_ID_SEAL], citation)}


def is_index_of(citation: Mapping[str, Any]) -> bool:
    """Whether the `encrypted_index` of a citation is one that the server gave it."""
    given = str(citation.get("encrypted_index"))
    return hmac.compare_digest(given.encode(), _index_at(given[:_ID_SEAL], citation).encode())


def _index_at(place: str, citation: Mapping[str, Any]) -> str:
    return place + seal("index", place, *(citation.get(name) for name in ("url", "title", "cited_text")))


def stamped_result(content: Any) -> Any:
    """The content of a server tool's result as it is sent: search results have an `encrypted_content`."""
    if not isinstance(content, list | tuple):
        return content
    return [
        {**each, "encrypted_content": content_of(each)}
        if each.get("type") == "web_search_result" and "encrypted_content" not in each
        else dict(each)
        for each in content
    ]


def content_of(result: Mapping[str, Any]) -> str:
    """The `encrypted_content` that belongs to a search result."""
    return seal("content", *(result.get(name) for name in ("url", "title", "page_age")))


def plain(item: Any) -> Any:
    """`item` without cache marks and nulls, and with a text in short form written out as a block."""
    if isinstance(item, list | tuple):
        return [plain(each) for each in item]
    if not isinstance(item, dict):
        return item
    kept = {
        key: value if key in _OPAQUE else plain(value)
        for key, value in sorted(item.items())
        if key not in _APART and value is not None
    }
    if isinstance(kept.get("content"), str) and "role" in kept:
        kept["content"] = [{"text": kept["content"], "type": "text"}]
    return kept


def _open(signature: str) -> tuple[str, str]:
    try:
        head, _, given = b64decode(signature, validate=True).decode("ascii").rpartition(":")
    except ValueError:
        return "", ""
    return (f"{head}:", given) if head.count(":") == 1 else ("", "")
