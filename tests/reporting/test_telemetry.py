"""What is told, to whom, and that nothing is made where nobody listens."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NoReturn

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor

from harness import CONTINUE, assert_unbroken, read, serving
from listening import listening
from unbroken import Health, Route
from unbroken.reporting.telemetry import listen
from unbroken.testing import ErrorEvent, Script, after_fraction

ROUTES = [Route(model=CONTINUE, client=object())]
TEXT = "What nobody listens to costs nothing, and is not made."
CUT = ErrorEvent("overloaded_error", at=after_fraction(0.5))


def test_without_a_provider_nothing_is_told() -> None:
    """What stands for the stream is None."""
    assert listen(ROUTES, {"max_tokens": 1}, Health()) is None
    with listening():
        assert listen(ROUTES, {"max_tokens": 1}, Health()) is not None


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_without_a_provider_no_span_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that does nothing: not a name of `spans.py` or `metrics.py` is called but the two questions."""
    from unbroken.reporting import metrics as ours
    from unbroken.reporting import spans as tracing

    def made(*_: object, **__: object) -> NoReturn:
        raise AssertionError("nobody listens")

    for module, name in [(tracing, "StreamSpan"), (tracing, "AttemptSpan"), (ours, "Instruments"), (trace, "use_span")]:
        monkeypatch.setattr(module, name, made)
    monkeypatch.setattr(trace.NonRecordingSpan, "__init__", made)
    async with serving(Script(TEXT, faults=[CUT])) as (_, client):
        assert_unbroken(await read(client), TEXT)


def test_what_is_not_there_is_not_imported() -> None:
    """Where nobody has imported OpenTelemetry, it is not looked for."""
    code = """
import json, sys
import unbroken.reporting.telemetry as telemetry
from unbroken import Health, Route

for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
    del sys.modules[name]  # the SDK has imported it
told = telemetry.listen([Route(model="m", client=object())], {}, Health())
print(json.dumps([told is None, [name for name in sys.modules if name.startswith("opentelemetry")]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, []]


@pytest.mark.anyio
@pytest.mark.backends("virtual")
async def test_a_listener_that_fails_breaks_nothing() -> None:
    """What it raises is logged, and the stream goes on."""

    class Broken(SpanProcessor):
        def on_end(self, span: object) -> None:
            raise RuntimeError("the exporter is gone")

    with listening() as heard:
        heard.provider.add_span_processor(Broken())
        async with serving(Script(TEXT, faults=[CUT])) as (_, client):
            assert_unbroken(await read(client), TEXT)
