"""What a stream is of: its request as the journal has it, by which it is told from others."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self, cast

from ..batches.calls import with_schema
from ..batches.request import as_batched
from ..policy import Hedging, Policy
from ..routes import Route
from ..sdk.typed_events import Api

__all__ = ["StreamRequest", "check_id", "owner_hash", "policy_of"]

_ID: Final = re.compile(r"[A-Za-z0-9._:/-]{1,200}")

#: Arguments that say who asks, and go into no journal. Which of them a successor is to send, `prepare` says.
_SECRET: Final = frozenset({"extra_headers", "extra_query", "fallback_credit_token", "authorization_token"})
#: Arguments in which a name is the caller's own, whatever it is: of a tool's input, or of a field of a document.
_CONTENT: Final = frozenset({"messages", "system", "tools", "output_config", "output_format"})
#: Arguments beside the body that are kept.
_KEPT: Final = ("betas", "user_profile_id", "workspace_id")
#: Of a policy, what is the writer's own: a function of its program, and its listeners' matters.
_NOT_KEPT: Final = frozenset({"continue_prompt", "preflight", "on_exhausted", "journal_patience"})


def check_id(stream_id: object) -> str:
    """A stream's id. Raises `TypeError` or `ValueError` for what is none."""
    if not isinstance(stream_id, str):
        raise TypeError(f"stream_id must be a string, not {type(stream_id).__name__}")
    if not _ID.fullmatch(stream_id):
        raise ValueError("stream_id must have 1 to 200 of the characters A-Z a-z 0-9 . _ : / -")
    return stream_id


def owner_hash(owner: str | None) -> bytes:
    """An owner as the journal has it; empty for None. Raises `TypeError` or `ValueError` for what is none."""
    if owner is None:
        return b""
    if not isinstance(owner, str):
        raise TypeError(f"owner must be a string or None, not {type(owner).__name__}")
    if not owner:
        raise ValueError("owner must not be empty; None says that there is none")
    return hashlib.sha256(b"unbroken owner\0" + owner.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True, repr=False)
class StreamRequest:
    """A request that is written down.

    Attributes:
        stream_id: Of its stream.
        body: What the `request` entry says; without a key, a header, a token.
        fingerprint: Of what is asked for.
        owner: Whose it is; empty: nobody's.
    """

    stream_id: str
    body: dict[str, Any]
    fingerprint: bytes
    owner: bytes

    @classmethod
    def of(
        cls, stream_id: str, api: Api, request: Mapping[str, Any], routes: Sequence[Route], policy: Policy, owner: bytes
    ) -> Self:
        """The request of a call, whose files are read.

        Raises:
            TypeError: It is no plain data, and so cannot be written down.
        """
        params, options = as_batched(with_schema({n: v for n, v in request.items() if n != "extra_body"}))
        extra = request.get("extra_body")
        if isinstance(extra, Mapping):
            params = {**params, "extra_body": dict(extra)}
        params |= {name: options[name] for name in _KEPT if name in options}
        asked = {"api": api, "arguments": _arguments(params)}
        fallbacks = [{"model": route.model, "patch": _arguments(route.patch)} for route in routes[1:]]
        try:
            plain = json.loads(json.dumps(asked, sort_keys=True))
            fallbacks = json.loads(json.dumps(fallbacks))
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"a request with a journal has to be plain data, to be written down: {error}") from None
        canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        body = {**plain, "fallbacks": fallbacks, "policy": _limits(policy)}
        return cls(stream_id, body, hashlib.sha256(canonical.encode()).digest(), owner)


def _arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as they are written down. How long somebody waits is not what is asked for."""
    kept = {name: value for name, value in arguments.items() if name != "timeout"}
    return cast("dict[str, Any]", _without_secrets(kept))


def _without_secrets(value: Any) -> Any:
    """A value without what says who asks, however deep that is."""
    if isinstance(value, Mapping):
        return {
            name: each if name in _CONTENT else _without_secrets(each)
            for name, each in value.items()
            if name not in _SECRET
        }
    return [_without_secrets(each) for each in value] if isinstance(value, list | tuple) else value


def _limits(policy: Policy) -> dict[str, Any]:
    """A policy as plain data, without what is its program's own."""
    plain = {field.name: getattr(policy, field.name) for field in fields(policy) if field.name not in _NOT_KEPT}
    plain["live"] = sorted(policy.live)
    plain["hedging"] = None if policy.hedging is None else asdict(policy.hedging)
    return plain


def policy_of(body: Mapping[str, Any], own: Policy) -> Policy:
    """The policy of a stream that another process has begun: its limits, and what only `own` can have."""
    told = {name: value for name, value in body.items() if name in _FIELDS and name not in _NOT_KEPT}
    hedging = told.get("hedging")
    if isinstance(hedging, Mapping):
        told["hedging"] = Hedging(**hedging)
    kept = {name: getattr(own, name) for name in _NOT_KEPT}
    return Policy(**cast("dict[str, Any]", {**told, **kept}))


_FIELDS: Final = frozenset(field.name for field in fields(Policy))
