"""Which call of the Messages API a request is, from whichever platform's client it comes.

The first-party client sends `POST /v1/messages`; those of Foundry, Claude Platform on AWS and Bedrock's Mantle do so
too, some of them below `/anthropic`. Bedrock and Vertex AI have the model in the path. After the SDK, 2.12.0:
lib/bedrock/_client.py, lib/vertex/_client.py, lib/foundry.py, lib/aws/_client.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from unbroken.testing.wire.dialects import BEDROCK, FIRST_PARTY, FOUNDRY, VERTEX, Dialect

__all__ = ["Call", "key_of", "route"]

_FIRST_PARTY: Final = re.compile(r"(?:/anthropic)?/v1/messages(/count_tokens)?")
_BEDROCK: Final = re.compile(r"/model/([^/]+)/invoke(-with-response-stream)?")
_VERTEX: Final = re.compile(
    r"(?:/v1)?/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/([^/]+):(rawPredict|streamRawPredict)"
)
_COUNT_TOKENS: Final = "count-tokens"
#: The versions that Bedrock and Vertex AI had names of their own for; their clients now send the Claude API's.
_VERSIONS: Final = {"bedrock-2023-05-31": "2023-06-01", "vertex-2023-10-16": "2023-06-01"}
_SIGNED: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the Messages API.

    Attributes:
        dialect: How its response is worded.
        body: The request's body as the first-party API has it, with `model` and `stream`.
        version: The `anthropic-version`; None: it names none.
        betas: The betas it names.
        counting: Whether tokens are only to be counted.
    """

    dialect: Dialect
    body: dict[str, Any]
    version: str | None
    betas: tuple[str, ...]
    counting: bool = False


def route(path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Call | None:
    """What a `POST` asks for; None if there is nothing at that path.

    Args:
        path: Without the query.
        headers: By lower-case name.
        body: The decoded body; empty if it is no JSON object.
    """
    betas = tuple(filter(None, (name.strip() for name in headers.get("anthropic-beta", "").split(","))))
    if found := _FIRST_PARTY.fullmatch(path):
        # The client of Foundry has its key in a header of Azure's too.
        dialect = FOUNDRY if "api-key" in headers else FIRST_PARTY
        return Call(dialect, dict(body), headers.get("anthropic-version"), betas, found[1] is not None)
    own = {name: value for name, value in body.items() if name not in ("anthropic_version", "anthropic_beta")}
    version = body.get("anthropic_version")
    version = _VERSIONS.get(version, version) if isinstance(version, str) else None
    if found := _BEDROCK.fullmatch(path):
        named = tuple(body.get("anthropic_beta") or ())
        put_in = {"model": unquote(found[1]), "stream": found[2] is not None} if body else {}
        return Call(BEDROCK, {**own, **put_in}, version, named)
    if found := _VERTEX.fullmatch(path):
        counting = found[1] == _COUNT_TOKENS
        put_in = {} if counting or not body else {"model": unquote(found[1]), "stream": found[2] != "rawPredict"}
        return Call(VERTEX, {**own, **put_in}, version, betas, counting)
    return None


def key_of(headers: Mapping[str, str]) -> str:
    """The key with which a request identifies itself; empty if it has none.

    It is an API key, a bearer token, or the access key id of a request that AWS's credentials signed; the signature is
    not checked.
    """
    authorization = headers.get("authorization", "")
    signed = _SIGNED.match(authorization)
    return headers.get("x-api-key") or (signed[1] if signed else authorization.removeprefix("Bearer "))
