"""What the Messages API rejects, in its own words where they are known.

Every request to the fault server is judged here first, as strictly as the real API would, and in places more so: a
client that sends what Claude refuses, or what Claude did not write, must find out in its tests. The rules are in the
order in which they are tried, and the first one to object is heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from unbroken.core.models.table import MODELS, lookup
from unbroken.testing.rules import caching as cache_rules
from unbroken.testing.rules import output as output_rules
from unbroken.testing.rules import parameters as parameter_rules
from unbroken.testing.rules import schemas as schema_rules
from unbroken.testing.rules import shapes as shape_rules
from unbroken.testing.rules import sources as source_rules
from unbroken.testing.rules import thinking as thinking_rules
from unbroken.testing.rules import tools as tool_rules
from unbroken.testing.rules.incoming import Incoming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unbroken.testing.script.script import Answer

__all__ = ["KNOWN_MODELS", "ApiError", "validate"]

#: The models that exist, if the server is not told otherwise.
KNOWN_MODELS: Final = frozenset(info.name for info in MODELS)

_RULES: Final[tuple[Callable[[Incoming], Iterator[str]], ...]] = (
    shape_rules.fields,
    shape_rules.betas,
    parameter_rules.kinds,
    parameter_rules.system,
    shape_rules.messages,
    shape_rules.blocks,
    shape_rules.texts,
    schema_rules.tools,
    cache_rules.marks,
    cache_rules.automatic,
    tool_rules.offer,
    tool_rules.calls,
    tool_rules.server_calls,
    thinking_rules.parameter,
    thinking_rules.places,
    output_rules.prefill,
    output_rules.form,
    schema_rules.held_to,
    output_rules.effort,
    parameter_rules.speed,
    thinking_rules.signatures,
    source_rules.images,
    source_rules.search_results,
    source_rules.citations,
    output_rules.lengths,
    shape_rules.version,
    parameter_rules.sampling,
)


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error of the API: its HTTP status, `error.type` and `error.message`."""

    status: int
    type: str
    message: str


def validate(
    body: object,
    version: str | None,
    *,
    models: frozenset[str],
    counting: bool = False,
    betas: Sequence[str] = (),
    answers: Sequence[Answer] = (),
    others: Sequence[Answer] = (),
) -> ApiError | None:
    """The error with which the API answers `body`, or None if it accepts it.

    Args:
        body: The decoded JSON.
        version: The `anthropic-version` header.
        models: The families (`ModelInfo.name`) or whole names that exist.
        counting: Whether the tokens are only to be counted, which needs no `max_tokens`.
        betas: The names in the `anthropic-beta` header.
        answers: What the model writes in this conversation.
        others: What other models write in it. What one of them all wrote is taken back as it was.
    """
    if version is None:
        return _invalid("anthropic-version: header is required")
    if not isinstance(body, dict):
        return _invalid("The request body is not valid JSON: expected an object")
    model = body.get("model")
    if not isinstance(model, str):
        return _invalid("model: Field required")
    if model not in models and lookup(model).name not in models:
        return ApiError(404, "not_found_error", f"model: {model}")
    request = Incoming(body, version, betas, counting, answers, others)
    objections = (message for rule in _RULES for message in rule(request))
    first = next(objections, None)
    return None if first is None else _invalid(first)


def _invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_request_error", message)
