"""Tracers that wrap the SDK's `messages.stream`, unchanged: each attempt's span ends, with what it has cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from anthropic import AsyncAnthropic

from harness import assert_unbroken, read, serving
from unbroken.testing import Reset, Script, after_characters

pytestmark = [pytest.mark.anyio, pytest.mark.backends("asyncio")]

TEXT: Final = "Who watches an answer sees all of it, whichever attempt has brought which part."

#: Wraps a client, and what gives of each span that has ended whether it ended well, and its output tokens.
Tracer = tuple[Callable[[AsyncAnthropic], Any], Callable[[], list[tuple[bool, int]]]]


def opentelemetry(instrumentor: Any, tokens: str, name: str) -> Iterator[Tracer]:
    """An instrumentor that makes OpenTelemetry's spans."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield (
            lambda client: client,
            lambda: [
                (span.status.is_ok, int((span.attributes or {}).get(tokens, 0)))
                for span in exporter.get_finished_spans()
                if span.name == name
            ],
        )
    finally:
        instrumentor.uninstrument()


def openinference() -> Iterator[Tracer]:
    """Arize's."""
    package = pytest.importorskip("openinference.instrumentation.anthropic", reason="run `make clients`")
    yield from opentelemetry(package.AnthropicInstrumentor(), "llm.token_count.completion", "messages.stream")


def openllmetry() -> Iterator[Tracer]:
    """Traceloop's."""
    package = pytest.importorskip("opentelemetry.instrumentation.anthropic", reason="run `make clients`")
    yield from opentelemetry(package.AnthropicInstrumentor(), "gen_ai.usage.output_tokens", "anthropic.chat")


def langsmith() -> Iterator[Tracer]:
    """LangChain's: it puts functions in the place of the client's methods."""
    package = pytest.importorskip("langsmith", reason="run `make clients`")
    from langsmith.wrappers import wrap_anthropic

    ended: list[tuple[bool, int]] = []

    class Client(package.Client):  # type: ignore[misc, name-defined]
        """Sends nothing."""

        def create_run(self, *args: Any, **fields: Any) -> None:
            """A run has begun."""

        def update_run(self, *args: Any, **fields: Any) -> None:
            """A run has ended."""
            usage = (fields.get("outputs") or {}).get("usage_metadata") or {}
            ended.append((fields.get("error") is None, usage.get("output_tokens", 0)))

    # Not by the environment, of which it remembers what it has seen of it in another test.
    with package.tracing_context(enabled=True):
        own = Client(api_key="none", api_url="http://127.0.0.1:9", auto_batch_tracing=False)
        yield lambda client: wrap_anthropic(client, tracing_extra={"client": own}), lambda: ended


def braintrust() -> Iterator[Tracer]:
    """Braintrust's: a proxy in the place of the client."""
    package = pytest.importorskip("braintrust", reason="run `make clients`")
    from braintrust.logger import _internal_with_memory_background_logger
    from braintrust.test_helpers import init_test_logger

    with _internal_with_memory_background_logger() as memory:
        init_test_logger("unbroken")

        def ended() -> list[tuple[bool, int]]:
            spans = [span for span in memory.pop() if span.get("metrics", {}).get("end")]
            return [(span.get("error") is None, int(span["metrics"].get("completion_tokens", 0))) for span in spans]

        yield package.wrap_anthropic, ended


def sentry() -> Iterator[Tracer]:
    """Sentry's: it changes the SDK's classes."""
    package = pytest.importorskip("sentry_sdk", reason="run `make clients`")
    from sentry_sdk.integrations.anthropic import AnthropicIntegration

    sent: list[Any] = []
    package.init(
        dsn="http://key@127.0.0.1:9/1",
        traces_sample_rate=1.0,
        before_send_transaction=lambda event, _: sent.append(event),
        default_integrations=False,
        integrations=[AnthropicIntegration()],
    )
    transaction = package.start_transaction(name="test")
    with transaction:

        def ended() -> list[tuple[bool, int]]:
            transaction.finish()
            spans = [span for event in sent for span in event["spans"] if span["op"] == "gen_ai.chat"]
            status = [span.get("status") in (None, "ok") for span in spans]
            return [
                (well, int(span["data"].get("gen_ai.usage.output_tokens", 0)))
                for well, span in zip(status, spans, strict=True)
            ]

        yield lambda client: client, ended
    package.init()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:langsmith")
@pytest.mark.filterwarnings("ignore:langsmith.wrappers:DeprecationWarning")
@pytest.mark.parametrize("make", [openinference, openllmetry, langsmith, braintrust, sentry])
async def test_a_tracers_spans_end_with_their_tokens(make: Callable[[], Iterator[Tracer]]) -> None:
    """That of the attempt that was cut with its error, that of the one that has finished with its usage."""
    tracers = make()
    wrap, ended = next(tracers)
    try:
        async with serving(Script(TEXT, faults=[Reset(at=after_characters(40))])) as (server, client):
            assert_unbroken(await read(wrap(client)), TEXT)
            assert len(server.requests) == 2
        (cut, _), (whole, tokens) = ended()
        assert (cut, whole) == (False, True)
        assert tokens > 1
    finally:
        for _ in tracers:
            pass
