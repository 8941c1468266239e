"""Message threads: whose request goes through untouched, and what the SDK's helpers are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic
from anthropic.resources.beta.messages import AsyncMessages

from harness import serving
from unbroken import ResilienceMiddleware
from unbroken.testing import Answer, Reset, Script, Status, after_characters

pytestmark = pytest.mark.skipif(not hasattr(AsyncMessages, "thread"), reason="SDK 1 has no threads")

TEXT: Final = "A thread is kept by the server, and a server may lose it."
CREATE: Final = {"type": "create"}
HELPER: Final = {"x-stainless-helper": "message-thread, BetaToolRunner"}


async def ask(client: AsyncAnthropic, thread: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """One request of a thread; the text that came."""
    stream = client.beta.messages.stream(
        model="claude-haiku-4-5",
        max_tokens=1024,
        messages=[{"role": "user", "content": "Tell me."}],
        betas=["message-threads-2026-08-12"],
        thread=thread,
        extra_headers=headers,
    )
    async with stream as opened:
        return await opened.get_final_text()


@pytest.mark.anyio
async def test_a_helpers_new_thread_is_an_ordinary_request() -> None:
    """It has the whole conversation, so it is sent without the thread, and gone on with."""
    script = Script(TEXT, faults=[Reset(at=after_characters(20))])
    async with serving(script, middleware=[ResilienceMiddleware()]) as (server, client):
        assert await ask(client, CREATE, HELPER) == TEXT
        assert len(server.requests) == 2
        assert not any("thread" in request.body for request in server.requests)


@pytest.mark.anyio
async def test_a_helper_that_continues_is_told_that_the_thread_is_lost() -> None:
    """At once, and without a request; it sends the whole conversation then."""
    async with serving(Script(TEXT), middleware=[ResilienceMiddleware()]) as (server, client):
        with pytest.raises(anthropic.NotFoundError) as caught:
            await ask(client, {"type": "continue", "previous_message_id": "msg_1"}, HELPER)
        assert caught.value.body == {
            "type": "error",
            "error": {
                "type": "not_found_error",
                "message": "Thread not found.",
                "details": {"error_code": "thread_not_found"},
            },
        }
        assert server.requests == []


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [{}, {"x-stainless-helper": "BetaToolRunner"}], ids=["none", "another helper"])
async def test_a_callers_own_thread_goes_through_untouched(headers: Mapping[str, str]) -> None:
    """Nobody would send everything again, so the thread stays, and a cut is the caller's to see."""
    script = Script(TEXT, faults=[Status(529, headers={"retry-after-ms": "1"}), Reset(at=after_characters(20))])
    async with serving(script, middleware=[ResilienceMiddleware()]) as (server, client):
        with pytest.raises(httpx2.ReadError):
            await ask(client, CREATE, headers)
        assert [request.body["thread"] for request in server.requests] == [CREATE, CREATE]


@pytest.mark.asyncio
async def test_a_thread_of_the_sdk_survives() -> None:
    """`client.beta.messages.thread`, over two turns that both break."""
    answers = [Answer(TEXT), Answer(TEXT[::-1])]
    cut = Reset(at=after_characters(20))
    script = Script(answers, faults=[cut, None, cut])
    async with serving(script, middleware=[ResilienceMiddleware()]) as (_, client):
        thread = client.beta.messages.thread(model="claude-haiku-4-5", max_tokens=1024)
        for text in (TEXT, TEXT[::-1]):
            async with thread.stream({"role": "user", "content": "Tell me."}) as stream:
                assert await stream.get_final_text() == text
