"""Citations as the AI SDK's sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["camel_case", "source_of"]

_UNDERSCORE: Final = re.compile(r"_([a-z0-9])")
#: What a citation says of its source; the rest says where in it, and goes along as it is.
_OF_THE_SOURCE: Final = frozenset({"type", "url", "source", "title", "document_title"})


def source_of(id: str, citation: Mapping[str, Any]) -> dict[str, Any]:
    """The chunk for a citation.

    Args:
        id: By which the front end knows it.
        citation: As a `citations_delta` has it, of whatever type.

    Returns:
        A `source-url` where it has an address, else a `source-document`. The place in it, and the words that are cited,
        are in `providerMetadata`, under the names that `@ai-sdk/anthropic` gives them.
    """
    place = {camel_case(name): value for name, value in citation.items() if name not in _OF_THE_SOURCE}
    metadata = {"providerMetadata": {"anthropic": place}}
    title = _first(citation, "title", "document_title")
    address = _first(citation, "url", "source")
    if address is not None and address.startswith(("https://", "http://")):
        named = {} if title is None else {"title": title}
        return {"type": "source-url", "sourceId": id, "url": address, **named, **metadata}
    media_type = "application/pdf" if citation.get("type") == "page_location" else "text/plain"
    index = citation.get("document_index")
    title = title or address or (f"Document {index + 1}" if isinstance(index, int) else "Document")
    return {"type": "source-document", "sourceId": id, "mediaType": media_type, "title": title, **metadata}


def camel_case(name: str) -> str:
    """`cited_text` to `citedText`."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)


def _first(citation: Mapping[str, Any], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := citation.get(name), str) and value), None)
