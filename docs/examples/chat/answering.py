"""From a question to its answer: the model's stream, written into the log of the chat."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import anthropic

from unbroken import Notice, Policy, Report, Route, StreamFailed, StreamTimeout, resilient_stream

from .chats import Chat

__all__ = ["Model", "answer"]

logger = logging.getLogger(__name__)

#: What the reader is told while nothing comes, by the code of the notice.
WAITING: Final = {
    "cut": "reconnecting…",
    "resume": "reconnecting…",
    "seam_retry": "reconnecting…",
    "retry": "the model is busy, asking again…",
    "failover": "asking another model…",
    "circuit_open": "the model is busy, waiting for it…",
    "cool_down": "the model is busy, waiting for it…",
    "budget_wait": "the model is busy, waiting for it…",
}

#: What the reader is told of an answer that ended, but not by itself.
ENDINGS: Final = {
    "max_tokens": "The answer is longer than it may be, and ends here.",
    "model_context_window_exceeded": "The conversation is too long to go on. Begin a new one.",
    "refusal": "The model declined to go on.",
}

#: What the reader is told of an error, by the API's `error.type`.
FAILURES: Final = {
    "overloaded_error": "The model is overloaded. Ask again in a minute.",
    "rate_limit_error": "Too much is being asked of the model. Ask again in a minute.",
    "authentication_error": "This server has no valid API key.",
    "billing_error": "This server's account cannot pay for the answer.",
    "permission_error": "This server may not use the model.",
    "not_found_error": "There is no such model.",
    "request_too_large": "The conversation is too long to go on. Begin a new one.",
}


@dataclass(frozen=True, slots=True)
class Model:
    """Who answers, and within which limits.

    Attributes:
        client: The client of the SDK.
        name: The model to ask first.
        fallbacks: Where to go when it does not answer.
        max_tokens: The most tokens of one answer.
        deadline: Seconds for one answer.
        pace: Characters a second at which an answer is written, evenly; None: as it comes. It takes the extra `pipe`,
            which is for asyncio, and under the GPL.
    """

    client: anthropic.AsyncAnthropic
    name: str = "claude-opus-5-5"
    fallbacks: Sequence[str | Mapping[str, Any] | Route] = ("claude-sonnet-5-5",)
    max_tokens: int = 4096
    deadline: float = 600.0
    pace: float | None = None


async def answer(chat: Chat, model: Model) -> None:
    """Answer the chat's last question. Nothing is raised, and the log always gets its `end`."""
    end: Mapping[str, Any] = {"reason": "stopped", "words": "Stopped."}
    try:
        with chat.stopping:
            end = await _stream(chat, model)
    except anthropic.APIError as error:
        end = {"reason": "failed", "words": _words(error)}
    except Exception as error:
        # Without its message, which may quote the conversation.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s while answering\n%s", type(error).__name__, frames)
        end = {"reason": "failed", "words": "Something went wrong on this server."}
    finally:
        chat.add("end", **end)


async def _stream(chat: Chat, model: Model) -> dict[str, Any]:
    """Write the answer into the log as it comes; returns how it ended."""

    def tell(notice: Notice) -> None:
        words = WAITING.get(notice.code)
        if words and chat.events[-1].data.get("words") != words:
            chat.add("waiting", words=words)

    async with AsyncExitStack() as stack:
        opening = resilient_stream(
            model.client,
            model=model.name,
            max_tokens=model.max_tokens,
            messages=chat.messages(),
            fallback_models=model.fallbacks,
            policy=Policy(deadline=model.deadline),
            on_notice=tell,
        )
        stream = await stack.enter_async_context(opening)
        texts: AsyncIterator[str] = stream.text_stream
        if model.pace:
            from unbroken import pipe

            texts = await stack.enter_async_context((texts | pipe.smooth(model.pace)).stream())
        async for text in texts:
            chat.add("text", text=text)
        reason = stream.partial.stop_reason or "end_turn"
        return {"reason": reason, "words": _remark(reason, stream.report)}


def _remark(reason: str, report: Report) -> str:
    """What the reader should know of an answer that is whole; usually nothing."""
    unsure = report.seam == "unverified"
    return ENDINGS.get(reason) or ("One joint in this answer could not be verified." if unsure else "")


def _words(error: anthropic.APIError) -> str:
    """What went wrong, for the reader. The log of the server has the request ids, and no content."""
    requests = error.report.request_ids if isinstance(error, StreamFailed) else [getattr(error, "request_id", None)]
    type_ = getattr(error, "type", None)
    logger.warning("no whole answer: %s, %s; requests %s", type(error).__name__, type_, requests)
    if isinstance(error, StreamTimeout):
        return "The answer took too long."
    return FAILURES.get(str(type_), "The model could not be reached.")
