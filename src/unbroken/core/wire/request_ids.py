"""The id by which a platform knows a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..printable import printable

__all__ = ["request_id"]

#: Bedrock's own is that of all of AWS, Foundry's that of Azure's API Management.
_REQUEST_IDS: Final = ("request-id", "x-amzn-requestid", "apim-request-id")


def request_id(headers: Mapping[str, str], body: object = None) -> str | None:
    """The id by which a platform knows the request that it answers with these headers; None: it gives none.

    Args:
        headers: The response's.
        body: Of an error, which has the id too, where a gateway has taken the header away.
    """
    named = next((found for name in _REQUEST_IDS if (found := printable(headers.get(name)))), None)
    said = body.get("request_id") if named is None and isinstance(body, Mapping) else None
    return named or (printable(said) if isinstance(said, str) else None)
