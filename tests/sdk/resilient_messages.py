"""A pytest plugin for the SDK's own suite: `messages.stream` of its async client becomes `resilient_stream`.

It runs in the environment of that suite (`fetch_sdk_tests.py`), and imports nothing of our tests.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from anthropic import AsyncAnthropic
from anthropic.resources.beta.messages import AsyncMessages as AsyncBetaMessages
from anthropic.resources.messages import AsyncMessages

from unbroken import ResilientStream, resilient_stream

_Api = Literal["messages", "beta"]
_ORIGINAL = {"messages": AsyncMessages.stream, "beta": AsyncBetaMessages.stream}


class _Original:
    """A client whose `messages.stream` is still the SDK's own: what `resilient_stream` asks."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self._client = client
        self.timeout = client.timeout
        self.messages = SimpleNamespace(stream=_bound("messages", client.messages))
        self.beta = SimpleNamespace(messages=SimpleNamespace(stream=_bound("beta", client.beta.messages)))

    def with_options(self, **options: Any) -> _Original:
        return _Original(self._client.with_options(**options))


def _bound(api: _Api, messages: Any) -> Callable[..., Any]:
    return functools.partial(_ORIGINAL[api], messages)


def _resilient(api: _Api, calls: list[str]) -> Callable[..., Any]:
    @functools.wraps(_ORIGINAL[api])
    def stream(self: Any, **arguments: Any) -> Any:
        calls.append(api)
        return resilient_stream(_Original(self._client), api=api, **arguments)

    return stream


@pytest.fixture(autouse=True)
def replaced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace `stream` on both resources, and see to it that the test called one."""
    # The beta tests ask `isinstance(stream, BetaAsyncMessageStream)`; ours is a class of its own.
    if (theirs := getattr(request.module, "BetaAsyncMessageStream", None)) is not None:
        monkeypatch.setattr(request.module, "BetaAsyncMessageStream", (theirs, ResilientStream))
    calls: list[str] = []
    monkeypatch.setattr(AsyncMessages, "stream", _resilient("messages", calls))
    monkeypatch.setattr(AsyncBetaMessages, "stream", _resilient("beta", calls))
    yield
    assert calls, "the test did not stream through unbroken"
