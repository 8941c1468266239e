"""The form, the effort and the speed that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..core.models.table import EFFORTS, QUIET_TYPES
from .request import Request, get
from .rule import Complaint, Rule, rule

__all__ = ["RULES", "output_format"]


def output_format(request: Request) -> Any:
    """The form that is asked for, by either name: a JSON object, or a type that the SDK makes one of; None: none."""
    wanted = get(get(request.params, "output_config"), "format")
    return get(request.params, "output_format") if wanted is None else wanted


def _effort(request: Request) -> str | None:
    effort = get(get(request.params, "output_config"), "effort")
    return effort if isinstance(effort, str) else None


@rule("output_format_twice", "Give one of them; `output_config` is the newer name.", "output_format")
def output_format_twice(request: Request) -> Iterator[Complaint]:
    """Two forms for one output.

    Source: the SDK's `lib/_parse/_transform.py`, 2.12.0, which raises an error.
    """
    if (
        get(request.params, "output_format") is not None
        and get(get(request.params, "output_config"), "format") is not None
    ):
        yield "output_format", "Both `output_format` and `output_config.format` are given."


@rule("output_format_invalid", 'Give `{"type": "json_schema", "schema": {...}}`.', "output_config", "output_format")
def output_format_invalid(request: Request) -> Iterator[Complaint]:
    """A form that is none.

    Source: structured-outputs page (the SDK's `types/json_output_format_param.py`, 2.12.0).
    """
    for path, wanted in (
        ("output_config.format", get(get(request.params, "output_config"), "format")),
        ("output_format", get(request.params, "output_format")),
    ):
        if isinstance(wanted, Mapping):
            if wanted.get("type") != "json_schema":
                yield f"{path}.type", "The output format is of another type than `json_schema`."
            elif not isinstance(wanted.get("schema"), Mapping):
                yield f"{path}.schema", "The output format has no schema."


@rule(
    "output_format_with_citations",
    "Turn the citations off, or leave out the output format.",
    "document",
    "search_result",
)
def output_format_with_citations(request: Request) -> Iterator[Complaint]:
    """A form for the output, and citations.

    Source: structured-outputs page, feature compatibility: "Returns 400 error if citations enabled with
    `output_config.format`".
    """
    if output_format(request) is None:
        return
    for part in request.of("document", "search_result"):
        if get(get(part.block, "citations"), "enabled") is True:
            yield part.at("citations"), "Citations are asked for together with an output format."


@rule(
    "effort_unsupported", "Leave `output_config.effort` out, or ask for a level that the model takes.", "output_config"
)
def effort_unsupported(request: Request) -> Iterator[Complaint]:
    """An effort that the model does not take.

    Source: effort page, July to November 2026; "This model does not support the effort parameter".
    """
    effort = _effort(request)
    if effort is None:
        return
    if effort not in (request.info.effort if request.is_known else EFFORTS):
        takes = [level for level in EFFORTS if level in request.info.effort]
        knows = f"{request.model} takes {', '.join(takes)}" if takes else f"{request.model} takes none"
        yield "output_config.effort", f"The effort is one that the model does not take: {knows}."


@rule("effort_without_thinking", "Ask for less effort, or leave `thinking` to the model.", "output_config")
def effort_without_thinking(request: Request) -> Iterator[Complaint]:
    """An effort that the model takes only when it thinks.

    Source: what's-new pages of Opus 5 and the 5.5 models: a 400 at `xhigh` and `max`.
    """
    effort, quiet = _effort(request), request.info.quiet_effort
    if quiet is None or request.thinking not in QUIET_TYPES or effort not in request.info.effort:
        return
    if effort not in quiet:
        yield (
            "output_config.effort",
            f"{request.model} does not take so much effort while `thinking` is `{request.thinking}`.",
        )


@rule("speed_unsupported", "Leave `speed` out, or ask a model that has a fast mode.", "speed")
def speed_unsupported(request: Request) -> Iterator[Complaint]:
    """The fast mode, on a model that has none.

    Source: fast-mode page, November 2026; "does not support the `speed` parameter".
    """
    if get(request.params, "speed") == "fast" and not request.info.speed:
        yield "speed", f"{request.model} has no fast mode."


RULES: Final[tuple[Rule, ...]] = (
    output_format_twice,
    output_format_invalid,
    output_format_with_citations,
    effort_unsupported,
    effort_without_thinking,
    speed_unsupported,
)
