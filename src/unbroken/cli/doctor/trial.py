"""One request of `unbroken doctor`'s: sent once, streamed, read to its end, and never raising what the API says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import anyio
import httpx2
from anthropic.types import Message, RawMessageStreamEvent

from ...api.diagnose import diagnose
from ...core.untyped import mapping
from ...core.wire.request_ids import request_id
from ...diagnosis.bisect.pieces import LOW_TOKENS, PLACEHOLDER
from ...diagnosis.diagnosis import Diagnosis
from ...diagnosis.evidence import request_id_of
from ...sdk.exceptions import StreamTruncated

__all__ = ["Trial", "ask", "plain"]

#: What of the arguments is no part of the body.
_BESIDE: Final = frozenset({"betas", "extra_headers", "extra_query"})


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a request.

    Attributes:
        model: The model that was asked.
        error: What it died of, an error of the SDK's or of its transport's; None: it was answered.
        first_content: Seconds until content came; None: none did.
        seconds: Until it was over, or was not read any more.
        request_id: None: no response came.
        whole: Whether the answer was read to its end; it is not where time was up after content had come.
    """

    model: str
    error: Exception | None
    first_content: float | None
    seconds: float
    request_id: str | None
    whole: bool = True

    def diagnosis(self, params: Mapping[str, Any]) -> Diagnosis | None:
        """What went wrong; None: nothing did.

        Args:
            params: The request, for preflight. Empty: it is not looked through.
        """
        return None if self.error is None else diagnose(self.error, params=params)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; times in seconds, to the millisecond."""
        first = None if self.first_content is None else round(self.first_content, 3)
        told = {"model": self.model, "request_id": self.request_id, "first_content": first}
        return {**told, "seconds": round(self.seconds, 3), "whole": self.whole}


def plain(model: str) -> dict[str, Any]:
    """The least that a model can be asked, as the guides verify a key."""
    return {"model": model, "max_tokens": LOW_TOKENS, "messages": [{"role": "user", "content": PLACEHOLDER}]}


async def ask(client: anthropic.AsyncAnthropic, params: Mapping[str, Any], *, limit: float) -> Trial:
    """Send a request as it is, with nothing of it looked at before.

    Args:
        client: With `max_retries=0`.
        params: A body, with `betas`, `extra_headers` and `extra_query` as the SDK takes them.
        limit: Seconds in all.
    """
    reading = _Reading()
    started = anyio.current_time()
    error: Exception | None = None
    with anyio.move_on_after(limit) as scope:
        try:
            await _read(client, params, reading)
        except (anthropic.AnthropicError, httpx2.TransportError) as caught:
            error = caught
        except (ValueError, RecursionError):
            error = anthropic.APIError("The answer is malformed.", _request(client), body=None)
    if scope.cancelled_caught and reading.first is None:
        error = anthropic.APITimeoutError(request=_request(client))
    model = params.get("model")
    return Trial(
        # What stands there and is no name may be content.
        model=model if isinstance(model, str) else "no model",
        error=error,
        first_content=None if reading.first is None else reading.first - started,
        seconds=anyio.current_time() - started,
        request_id=reading.request_id or (request_id_of(error) if error else None),
        whole=not scope.cancelled_caught,
    )


@dataclass(slots=True)
class _Reading:
    first: float | None = None
    request_id: str | None = None


async def _read(client: anthropic.AsyncAnthropic, params: Mapping[str, Any], reading: _Reading) -> None:
    body = {name: value for name, value in params.items() if name not in _BESIDE}
    betas = params.get("betas")
    headers = {name: str(value) for name, value in mapping(params.get("extra_headers")).items()}
    if isinstance(betas, list):
        headers["anthropic-beta"] = ",".join(map(str, betas))
    stream = await client.post(
        "/v1/messages?beta=true" if betas else "/v1/messages",
        cast_to=Message,
        body={**body, "stream": True},
        options={"headers": headers, "params": mapping(params.get("extra_query"))},
        stream=True,
        stream_cls=anthropic.AsyncStream[RawMessageStreamEvent],
    )
    async with stream:
        reading.request_id = request_id(stream.response.headers)
        await _to_the_end(stream, reading, _request(client))


async def _to_the_end(events: AsyncIterator[Any], reading: _Reading, request: httpx2.Request) -> None:
    stopped = False
    async for event in events:
        if event.type == "content_block_start" and reading.first is None:
            reading.first = anyio.current_time()
        stopped = stopped or event.type == "message_stop" or (event.type == "message_delta" and event.delta.stop_reason)
    if not stopped:
        raise StreamTruncated("The answer ended before it was whole.", request=request, request_id=reading.request_id)


def _request(client: anthropic.AsyncAnthropic) -> httpx2.Request:
    """What an error of ours stands on: where it was sent, and nothing of what."""
    return httpx2.Request("POST", str(client.base_url))
