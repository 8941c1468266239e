"""Every rule, on one request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from ..core.finding import Finding
from ..core.models.corrections import Models
from ..core.models.table import lookup
from . import (
    caching,
    calls,
    limits,
    messages,
    output,
    platforms,
    prefill,
    sampling,
    schema_limits,
    schemas,
    thinking,
    tools,
)
from .request import Request, get
from .rule import Rule

__all__ = ["API_VERSION", "RULES", "check"]

#: The `anthropic-version` that the SDK sends from 2.0 on.
API_VERSION: Final = "2026-10-21"
#: How many findings are told of one rule: the first few say it.
_MOST: Final = 20

_GROUPS: Final = (
    messages,
    prefill,
    tools,
    calls,
    thinking,
    output,
    schemas,
    schema_limits,
    caching,
    sampling,
    limits,
    platforms,
)
#: All rules, in the order in which they are tried.
RULES: Final[tuple[Rule, ...]] = tuple(rule for group in _GROUPS for rule in group.RULES)
#: What rules are about.
_SUBJECTS: Final = frozenset[str]().union(*(rule.on for rule in RULES))


@lru_cache(maxsize=512)
def _about(subjects: frozenset[str]) -> tuple[Rule, ...]:
    """The rules that have something to say of a request with these."""
    return tuple(rule for rule in RULES if not rule.on or not rule.on.isdisjoint(subjects))


def check(
    params: Mapping[str, Any],
    *,
    model: str | None = None,
    models: Models | None = None,
    version: str | None = API_VERSION,
) -> list[Finding]:
    """What is wrong with a request, as far as one sees before it is sent. It is not changed, nor sent anywhere.

    A finding is an accusation, so there is none where it is not certain: of a model that nobody knows, and of messages
    in a generator, which could be read once only, little is said.

    Args:
        params: The arguments of `messages.stream` or `messages.create`, or the JSON of a request: with plain objects
            or the SDK's own, `output_format` a type or a schema.
        model: The model that is asked. None: the one in `params`.
        models: What the models take. None: what this library knows by itself.
        version: The `anthropic-version` that the request is sent with. Default: that of the SDK from 2.0 on. None: it
            is not known, or another platform's.

    Returns:
        The findings, in the order of the rules; at most 20 of each.

    Raises:
        TypeError: `params` is no mapping.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping of a request's arguments, not {type(params).__name__}")
    extra = get(params, "extra_body")
    if isinstance(extra, Mapping):
        params = {**params, **extra}
    name = get(params, "model") if model is None else model
    name = name if isinstance(name, str) else ""
    request = Request(params, name, lookup(name) if models is None else models.get(name), version)
    return [
        Finding(rule.code, path, message, rule.fix, rule.severity)
        for rule in _about(_SUBJECTS & request.has)
        for path, message in islice(rule.judge(request), _MOST)
    ]
