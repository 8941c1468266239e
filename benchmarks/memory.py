"""An SDK client of the endpoint in memory, as far as `unbroken` uses one: `messages.stream`, without a network.

What the API would put on the wire is put into real responses, byte for byte as an SSE stream, and a refusal is the
SDK's own exception. Every answer has the same text, which a resumed request carries a part of.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import anthropic
import httpx2
from tests.corpus.texts import TEXTS

from benchmarks.endpoint import Died, Endpoint, Job, Refused, Stream
from benchmarks.messages import begun, delta, ended
from unbroken.testing.claude.carried import carried
from unbroken.testing.manners.manners import Manner, continue_answer
from unbroken.testing.script.script import Answer
from unbroken.testing.wire.http import error_body, frame

__all__ = ["ANSWER", "MemoryClient"]

#: What every answer says.
ANSWER: Final = TEXTS["prose"]

_TURN: Final = (Answer(ANSWER),)
_REQUEST: Final = httpx2.Request("POST", "http://endpoint.invalid/v1/messages")
_HEADERS: Final = {"request-id": "req_1", "content-type": "text/event-stream"}
_ERROR: Final = error_body("overloaded_error", "Overloaded", "req_1", None)
_ENDED: Final = b"".join(frame(event) for event in ended(len(ANSWER) // 4))


class MemoryClient:
    """A client of the endpoint.

    Attributes:
        messages: Its `jobs` are what the users, by the `user_id` of a request's `metadata`, want to have answered.
    """

    max_retries: Final = 0

    def __init__(self, endpoint: Endpoint) -> None:
        self.messages: Final = _Messages(endpoint)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return


class _Messages:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.jobs: dict[str, Job] = {}

    def stream(
        self,
        *,
        model: str,
        max_tokens: int,  # noqa: ARG002  # an argument of the SDK's
        messages: Sequence[Mapping[str, Any]],
        metadata: Mapping[str, str],
        timeout: object = None,  # noqa: ARG002  # an argument of the SDK's
    ) -> _Manager:
        """Ask for the answer of the user that `metadata` names."""
        return _Manager(self._endpoint, self.jobs[metadata["user_id"]], model, [dict(each) for each in messages])


class _Manager:
    """What the SDK's `messages.stream` returns: entering it sends the request."""

    def __init__(self, endpoint: Endpoint, job: Job, model: str, messages: list[dict[str, Any]]) -> None:
        self._endpoint = endpoint
        self._job = job
        self._model = model
        self._messages = messages
        self.response: httpx2.Response | None = None

    async def __aenter__(self) -> Self:
        asked = carried(_TURN, self._messages) if len(self._messages) > 1 else None
        sent = asked.sent if asked is not None else ""
        try:
            stream = await self._endpoint.ask(self._job, self._model, len(sent) / len(ANSWER))
        except Refused:
            refusal = httpx2.Response(529, headers=_HEADERS, json=_ERROR, request=_REQUEST)
            raise anthropic.InternalServerError("Overloaded", response=refusal, body=_ERROR) from None
        text = ANSWER
        if asked is not None:
            text = continue_answer(ANSWER, sent, echo=asked.echo, manner=Manner.ECHO, rng=self._endpoint.rng)
        body = _Body(stream, self._model, len(sent), text)
        self.response = httpx2.Response(200, headers=_HEADERS, stream=body, request=_REQUEST)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.response is not None:
            await self.response.aclose()


class _Body(httpx2.AsyncByteStream):
    """The body of a response: what is written by then comes when it begins, and when it ends."""

    def __init__(self, stream: Stream, model: str, sent: int, text: str) -> None:
        self._stream = stream
        self._model = model
        self._sent = sent
        self._text = text

    async def __aiter__(self) -> AsyncIterator[bytes]:
        ahead = len(self._text) - (len(ANSWER) - self._sent)  # characters that are repeated first
        try:
            await self._stream.first_content()
            first, rest = self._text[: ahead + 1], self._text[ahead + 1 :]
            yield b"".join(frame(event) for event in begun(self._model, "msg_1")) + _delta(first)
            await self._stream.rest()
            yield _delta(rest) + _ENDED
        except Died as died:
            written = max(0, round(died.share * len(ANSWER)) - self._sent - 1)
            if died.share > self._sent / len(ANSWER):
                yield _delta(self._text[ahead + 1 :][:written])
            if died.by == "error":
                yield b"event: error\ndata: " + json.dumps(_ERROR).encode() + b"\n\n"

    async def aclose(self) -> None:
        self._stream.close()


def _delta(text: str) -> bytes:
    return frame(delta(text))
