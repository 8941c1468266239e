"""A request as it is sent, whichever way its parts were given; and what of it belongs to one client alone.

The SDK puts the fields of `extra_body` over those of its own arguments, one level deep (`_base_client.py`,
`_merge_mappings`), and sends the result. So everything that looks at a request looks at `as_sent`, and what is sent
goes back the way it came (`as_given`): the bytes are those of the SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["as_given", "as_sent", "for_another_client"]

#: Arguments that are no fields of the body: a field of that name in `extra_body` is something else.
_BESIDE_THE_BODY: Final = frozenset(
    {"betas", "extra_body", "extra_headers", "extra_query", "timeout", "user_profile_id", "workspace_id"}
)
#: Arguments that `messages.stream` has to be given, whatever is in `extra_body`.
_REQUIRED: Final = frozenset({"max_tokens", "messages", "model"})

#: Headers that say how the API is to understand a request. Any other may say who asks, as credentials do.
_OF_THE_REQUEST: Final = frozenset({"anthropic-beta", "anthropic-version"})
#: Arguments that mean something to one account alone: its workspace, its users, what it was credited with.
_OF_THE_ACCOUNT: Final = frozenset({"extra_query", "fallback_credit_token", "user_profile_id", "workspace_id"})


def as_sent(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `messages.stream` with the fields of their `extra_body` in place; a new dict.

    `extra_body` stays among them, so that `as_given` knows which they were.
    """
    return {**arguments, **{name: value for name, value in _extra(arguments).items() if name not in _BESIDE_THE_BODY}}


def as_given(request: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `messages.stream` by which a request is sent that `as_sent` has made, changed or not.

    What stood in `extra_body` goes there, with its present value; what has gone from the request has gone from there.
    """
    extra = _extra(request)
    if not extra:
        return dict(request)
    moved = extra.keys() - _BESIDE_THE_BODY
    given = {name: value for name, value in request.items() if name not in moved or name in _REQUIRED}
    body = {name: request.get(name) if name in moved else extra[name] for name in extra}
    return {**given, "extra_body": {name: body[name] for name in body if name not in moved or name in request}}


def for_another_client(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as another client than theirs may send them: without what says who asks. A new dict.

    That is every header but those that say what the request means, and every parameter of the query: keys are sent
    under many names, and a list of them is never whole.
    """
    kept = {name: value for name, value in arguments.items() if name not in _OF_THE_ACCOUNT}
    headers = kept.pop("extra_headers", None)
    if isinstance(headers, Mapping):
        headers = {name: value for name, value in headers.items() if str(name).lower() in _OF_THE_REQUEST}
        if headers:
            kept["extra_headers"] = headers
    extra = _extra(kept)
    if not _OF_THE_ACCOUNT.isdisjoint(extra):
        kept["extra_body"] = {name: value for name, value in extra.items() if name not in _OF_THE_ACCOUNT}
    return kept


def _extra(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    extra = arguments.get("extra_body")
    return extra if isinstance(extra, Mapping) else {}
