"""How processes name what they share: by hashes, from which neither a key nor a model's name can be read."""

from __future__ import annotations

import hashlib
from typing import Any, Final

__all__ = ["fingerprint", "name_of"]

#: Of a client of the SDK: what says whose account it asks with, and where. Other platforms have no API key.
_ACCOUNT: Final = ("api_key", "auth_token", "aws_access_key", "aws_profile", "aws_region", "project_id", "region")


def fingerprint(client: Any) -> str:
    """The account and the address that a client asks with, as a hash: the same in every process.

    Clients without a key that can be read here, such as those that get a token with every request, are told apart by
    their type, address, project and region alone.
    """
    parts = [type(client).__name__, str(getattr(client, "base_url", ""))]
    for name in _ACCOUNT:
        value = getattr(client, name, None)
        parts.append(value if isinstance(value, str) else "")
    return name_of(*parts)


def name_of(*parts: str) -> str:
    """One name for several; of 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
