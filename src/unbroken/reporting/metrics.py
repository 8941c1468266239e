"""OpenTelemetry metrics: measured once for each stream, at its end, and the breakers whenever somebody looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final
from weakref import WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from ..health.health import Health
from ..report import AttemptReport, Report, first_content, first_delivered, input_told
from .providers import is_set_up

__all__ = ["Instruments", "begin"]

#: In seconds; those that OpenTelemetry's conventions for generative AI give for the duration of an operation.
_SECONDS: Final = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]

#: Whose breakers are shown.
_watched: WeakSet[Health] = WeakSet()


def begin(health: Health) -> Instruments | None:
    """What measures a stream that shares this `Health`; None when nobody listens."""
    provider = metrics.get_meter_provider()
    if not is_set_up(provider):
        return None
    _watched.add(health)
    return _instruments(provider)


class Instruments:
    """The instruments of one meter provider."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter("unbroken", version("unbroken"))
        self._duration = meter.create_histogram(
            "unbroken.stream.duration",
            unit="s",
            description="From entering a stream to its end.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first_content = meter.create_histogram(
            "unbroken.stream.time_to_first_content",
            unit="s",
            description="From entering a stream to the first content that was delivered.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._attempts = meter.create_counter(
            "unbroken.attempts", unit="{request}", description="Requests that streams have made."
        )
        self._resumes = meter.create_counter(
            "unbroken.resumes", unit="{request}", description="Requests for the rest of an answer that was cut."
        )
        self._hedges = meter.create_counter(
            "unbroken.hedges", unit="{request}", description="Requests that were made beside others, won or not."
        )
        self._recovery = meter.create_counter(
            "unbroken.recovery.tokens",
            unit="{token}",
            description="Tokens that streams would not have spent undisturbed.",
        )
        meter.create_observable_up_down_counter(
            "unbroken.breakers",
            callbacks=[_observe_breakers],
            unit="{breaker}",
            description="Circuit breakers, by their state.",
        )
        meter.create_observable_gauge(
            "unbroken.limit.concurrency",
            callbacks=[_observe_concurrency],
            unit="{request}",
            description="How many requests may be out at a time.",
        )
        meter.create_observable_gauge(
            "unbroken.limit.requests",
            callbacks=[_observe_requests],
            unit="{request}",
            description="Requests that are out, and that wait to be sent.",
        )
        meter.create_observable_gauge(
            "unbroken.limit.remaining",
            callbacks=[_observe_remaining],
            description="What is left of the account's rate limits for a minute.",
        )

    def record(self, report: Report) -> None:
        """A stream is over."""
        if not report.attempts:
            return
        stream = {"gen_ai.request.model": report.attempts[0].model, "unbroken.outcome": report.outcome}
        self._duration.record(report.duration or 0.0, stream)
        if (seconds := first_content(report)) is not None:
            self._first_content.record(seconds, stream)
        for attempt in report.attempts:
            model = {"gen_ai.request.model": attempt.model}
            form = {**model, "unbroken.attempt.form": attempt.form}
            self._attempts.add(1, {**form, "unbroken.outcome": attempt.outcome})
            if attempt.form != "request":
                self._resumes.add(1, form)
            if attempt.hedge:
                self._hedges.add(1, {**model, "unbroken.hedge.won": _won(attempt)})
            for type_, estimated, tokens in _recovery(report, attempt):
                if tokens:
                    of_type = {**model, "gen_ai.token.type": type_}
                    self._recovery.add(tokens, {**of_type, "unbroken.tokens.estimated": estimated})


@lru_cache(maxsize=8)
def _instruments(provider: MeterProvider) -> Instruments:
    return Instruments(provider)


def _won(hedge: AttemptReport) -> bool:
    """Whether it was the first to bring content, or a whole answer without any, whatever became of it then."""
    return hedge.outcome == "complete" or (hedge.outcome != "lost" and hedge.first_content is not None)


def _recovery(report: Report, attempt: AttemptReport) -> Iterator[tuple[str, bool, int]]:
    """What of an attempt's tokens is recovery, as `Report.cost` has it: type, whether estimated, and how many."""
    if attempt is not first_delivered(report):
        yield "input", False, input_told(attempt)
        yield "input", True, attempt.estimated_input_tokens or 0
    lost = 1.0 - attempt.kept
    yield "output", False, round(lost * (attempt.output_tokens or 0))
    yield "output", True, round(lost * (attempt.estimated_output_tokens or 0))


def _observe_breakers(_options: CallbackOptions) -> Iterable[Observation]:
    """How many breakers of each model are in each state."""
    seen: Counter[tuple[str, str]] = Counter()
    for health in list(_watched):
        for route in health.snapshot()["routes"]:
            for state in ("closed", "open", "half_open"):
                seen[route["model"], state] += state == route["state"]
    for (model, state), count in seen.items():
        yield Observation(count, {"gen_ai.request.model": model, "unbroken.breaker.state": state})


def _limits() -> Iterator[tuple[dict[str, str | int], dict[str, Any]]]:
    """Each rate-limit bucket of each client, with its attributes, as `Health.snapshot` has it.

    Gauges of several `Health`s with the same client and bucket have the same attributes: the last one is shown.
    """
    for health in list(_watched):
        for limit in health.snapshot().get("limits", ()):
            bucket = {"unbroken.limit.client": limit["client"], "unbroken.limit.bucket": limit["bucket"]}
            yield bucket | ({"unbroken.limit.mode": limit["mode"]} if "mode" in limit else {}), limit


def _observe_concurrency(_options: CallbackOptions) -> Iterable[Observation]:
    return [Observation(limit["limit"], bucket) for bucket, limit in _limits() if limit["limit"] is not None]


def _observe_requests(_options: CallbackOptions) -> Iterable[Observation]:
    for bucket, limit in _limits():
        for state in ("in_flight", "waiting"):
            yield Observation(limit[state], {**bucket, "unbroken.limit.state": state})


def _observe_remaining(_options: CallbackOptions) -> Iterable[Observation]:
    for bucket, limit in _limits():
        for name, quota in limit["left"].items():
            yield Observation(quota["left"], {**bucket, "unbroken.limit.name": name})
