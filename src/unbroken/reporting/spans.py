"""OpenTelemetry spans: one for each stream, and one for each of its attempts.

The names are those of OpenTelemetry's conventions for generative AI as of August 2026, which are in development, and of
the SDK's own spans (`anthropic/_tracing.py`), which follow them; what is ours begins with `unbroken.`. They are written
out here, as the SDK does, because the package that has them is no dependency, and its names are a release behind.

By the conventions a span of `gen_ai.operation.name` "chat" covers an operation with all of its retries. That is the
stream's; an attempt is no operation of its own, and its span has no such name: a count of operations is one of streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.util.types import AttributeValue

from ..core.message.partial import Partial
from ..core.printable import printable
from ..core.wire.decoded import Event
from ..logs import quietly
from ..report import AttemptReport, Notice, Report, Usage, first_content, input_told
from ..routes import Route
from ..sdk.clients import provider_name, server
from .providers import is_set_up

__all__ = ["AttemptSpan", "StreamSpan", "begin"]

#: Attempts that ended so are no errors.
_UNHARMED: Final = frozenset({"complete", "lost", "cancelled", "open"})


def begin(routes: Sequence[Route], request: Mapping[str, Any], *, in_one_piece: bool = False) -> StreamSpan | None:
    """The span of a stream that begins now, below the span that is current; None when nobody listens.

    It goes to the tracer provider that the primary client was given (SDK 2.x, `open_telemetry=`), or else to the
    application's.
    """
    options = getattr(routes[0].client, "open_telemetry", None) or {}
    provider = options.get("tracer_provider") or trace.get_tracer_provider()
    if not is_set_up(provider):
        return None
    asked = {
        "gen_ai.request.stream": None if in_one_piece else True,
        "gen_ai.request.max_tokens": request.get("max_tokens"),
        "gen_ai.conversation.id": options.get("conversation_id"),
    }
    return StreamSpan(_tracer(provider), routes, asked)


@lru_cache(maxsize=8)
def _tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("unbroken", version("unbroken"))


class StreamSpan:
    """One stream's span.

    Args:
        tracer: Makes the spans.
        routes: In rank order.
        asked: What else is known of the request, by the conventions' names.
    """

    def __init__(self, tracer: Tracer, routes: Sequence[Route], asked: Mapping[str, AttributeValue | None]) -> None:
        self._tracer = tracer
        self._routes = routes
        self._span = tracer.start_span(
            f"chat {routes[0].model}",
            kind=SpanKind.CLIENT,
            attributes={"gen_ai.operation.name": "chat", **_asked(routes[0]), **_known(asked)},
        )

    def attempt(self, entry: AttemptReport) -> AttemptSpan:
        """The span of an attempt that is sent now."""
        span = self._tracer.start_span(
            "unbroken.attempt",
            context=trace.set_span_in_context(self._span),
            kind=SpanKind.CLIENT,
            attributes={
                **_asked(self._routes[entry.route]),
                "unbroken.attempt.number": entry.number,
                "unbroken.attempt.form": entry.form,
                "unbroken.attempt.hedge": entry.hedge,
                "unbroken.attempt.waited": entry.waited,
            },
        )
        return AttemptSpan(span)

    def notice(self, notice: Notice) -> None:
        """An event of the notice's code. Its message is left out: it may have what an API error says.

        What is told when the span has ended, such as of a batch as the last resort, is in the report alone.
        """
        if not self._span.is_recording():
            return
        attributes = _known(
            {
                "unbroken.attempt.number": notice.attempt or None,
                "gen_ai.request.model": notice.model or None,
                "anthropic.request.id": notice.request_id,
            }
        )
        self._span.add_event(f"unbroken.{notice.code}", attributes)

    def seam(self, entry: AttemptReport, kind: str, discarded: int) -> None:
        """An event for a joint."""
        self._span.add_event(
            "unbroken.seam",
            {"unbroken.attempt.number": entry.number, "unbroken.seam": kind, "unbroken.discarded": discarded},
        )

    def end(self, report: Report, partial: Partial, error: str) -> None:
        """End it. Its tokens are those of all attempts; its response is the message that was delivered."""
        message = partial.message or {}
        attributes = {
            **_answered(message.get("id"), message.get("model"), partial.stop_reason, report.outcome),
            "gen_ai.response.time_to_first_chunk": first_content(report),
            **_spent(report.usage),
            "unbroken.outcome": report.outcome,
            "unbroken.attempts": len(report.attempts),
            "unbroken.resumes": report.resumes,
            "unbroken.seam": report.seam,
        }
        self._span.set_attributes(_known(attributes))
        if report.outcome == "failed":
            harmed = [attempt for attempt in report.attempts if attempt.outcome not in _UNHARMED]
            _fail(self._span, _error_type(harmed[-1]) if harmed and error != "StreamTimeout" else error)
        self._span.end()


class AttemptSpan:
    """One attempt's span. Nothing here raises."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._id: Any = None
        self._model: Any = None
        self._stop_reason: Any = None

    def current(self) -> AbstractContextManager[Span]:
        """What is traced within, such as by the SDK, is below this span."""
        return trace.use_span(self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False)

    def note(self, event: Event) -> None:
        """An event of it arrived."""
        match event.get("type"):
            case "message_start":
                self._id, self._model = event["message"].get("id"), event["message"].get("model")
            case "message_delta":
                self._stop_reason = event["delta"].get("stop_reason")

    @quietly
    def end(self, entry: AttemptReport) -> None:
        """End it, with all that the report has."""
        attributes = {
            **_answered(self._id, self._model, self._stop_reason, entry.outcome),
            "gen_ai.response.time_to_first_chunk": entry.first_content,
            **_spent(entry),
            "http.response.status_code": entry.status,
            "anthropic.request.id": entry.request_id,
            "unbroken.outcome": entry.outcome,
            "unbroken.seam": entry.seam,
            "unbroken.discarded": entry.discarded or None,
        }
        self._span.set_attributes(_known(attributes))
        if entry.outcome not in _UNHARMED:
            _fail(self._span, _error_type(entry))
        self._span.end()


# -- attributes


def _known(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _asked(route: Route) -> dict[str, AttributeValue]:
    address, port = server(route.client)
    return _known(
        {
            "gen_ai.provider.name": provider_name(route.client),
            "gen_ai.request.model": route.model,
            "server.address": address,
            "server.port": port,
        }
    )


def _answered(id_: object, model: object, stop_reason: object, outcome: str) -> dict[str, AttributeValue | None]:
    """The response's; by the conventions the reason is "error" where one was expected and did not come.

    Of an answer in one piece nothing is read here.
    """
    reason = printable(stop_reason) or (None if outcome == "complete" else "error")
    return {
        "gen_ai.response.id": printable(id_) or None,
        "gen_ai.response.model": printable(model) or None,
        "gen_ai.response.finish_reasons": [reason] if reason else None,
    }


def _spent(spent: AttemptReport | Usage) -> dict[str, AttributeValue | None]:
    """Tokens that the API told of, caches being part of the input by the conventions, and estimates apart."""
    return {
        "gen_ai.usage.input_tokens": input_told(spent) or None,
        "gen_ai.usage.cache_write.input_tokens": spent.cache_creation_input_tokens or None,
        "gen_ai.usage.cache_read.input_tokens": spent.cache_read_input_tokens or None,
        "gen_ai.usage.output_tokens": spent.output_tokens or None,
        "unbroken.usage.estimated_input_tokens": spent.estimated_input_tokens or None,
        "unbroken.usage.estimated_output_tokens": spent.estimated_output_tokens or None,
    }


def _error_type(entry: AttemptReport) -> str:
    return entry.error_type or entry.outcome


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)
