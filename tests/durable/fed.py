"""An API whose answers come as far as a test lets them: event by event, request by request."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from random import Random
from typing import Any, Final

import anyio
import httpx2
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

from unbroken.testing import Answer
from unbroken.testing.claude.carried import carried
from unbroken.testing.claude.model import reply
from unbroken.testing.rules.validation import KNOWN_MODELS, validate
from unbroken.testing.wire.http import frame

__all__ = ["FedApi", "FedRequest"]

_NAME: Final = re.compile(r"\[(\w+)\]")


class FedRequest(httpx2.AsyncByteStream):
    """One request, and the body of its response.

    Args:
        name: Of what is asked for.
        events: Of the answer.

    Attributes:
        name: As given.
        status: Of the response.
        left: How many events may come.
        broken: Whether the connection breaks instead of bringing the next one.
        ended: Whether all came, it broke, or was given up.
    """

    def __init__(self, name: str, events: list[dict[str, Any]]) -> None:
        self.name = name
        self.status = 200
        self.left: float = 0
        self.broken = False
        self.ended = False
        self._events = events
        self._changed = anyio.Event()

    def feed(self, events: float) -> None:
        """Let some more events come."""
        self.left += events
        self._wake()

    def cut(self) -> None:
        """Break the connection."""
        self.broken = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for event in self._events:
            while not (self.broken or self.left):
                await self._changed.wait()
            if self.broken:
                self.ended = True
                raise httpx2.ReadError("the connection broke")
            self.left -= 1
            yield frame(event)
        self.ended = True

    async def aclose(self) -> None:
        self.ended = True


class FedApi:
    """The API.

    Args:
        answers: What the model says, by the name that stands in brackets in the question.

    Attributes:
        requests: All that it got.
        rejected: What the API would not have accepted, which should be nothing.
        flowing: The names whose answers come at once, whole, from now on.
    """

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.requests: list[FedRequest] = []
        self.rejected: list[str] = []
        self.flowing: set[str] = set()
        self._answers = answers

    def client(self) -> AsyncAnthropic:
        """A client of it, with connections of its own."""
        http_client = DefaultAsyncHttpxClient(transport=httpx2.MockTransport(self._respond))
        return AsyncAnthropic(base_url="http://api.test", api_key="test", http_client=http_client, max_retries=0)

    def of(self, name: str) -> list[FedRequest]:
        """The requests for one answer."""
        return [request for request in self.requests if request.name == name]

    def flow(self, name: str) -> None:
        """Let the answer come at once, whole, for all who ask for it from now on, too."""
        self.flowing.add(name)
        for request in self.of(name):
            request.feed(float("inf"))

    def _respond(self, http: httpx2.Request) -> httpx2.Response:
        body: dict[str, Any] = json.loads(http.content)
        found = _NAME.search(json.dumps(body["messages"][0]))
        assert found is not None
        name = found[1]
        answers = (self._answers[name],)
        wrong = validate(body, http.headers.get("anthropic-version"), models=KNOWN_MODELS, answers=answers)
        if wrong is not None:
            self.rejected.append(wrong.message)
            return httpx2.Response(400, json={"type": "error", "error": {"type": wrong.type, "message": wrong.message}})
        rng = Random(f"{name} {len(self.of(name))}")
        message = reply(body, carried(answers, body["messages"]), rng, id=f"msg_{len(self.requests)}")
        request = FedRequest(name, message.events())
        self.requests.append(request)
        if name in self.flowing:
            request.feed(float("inf"))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=request)
