"""LiteLLM's Router, with retries, a fallback, and the continuation of streams that break in the middle."""

from __future__ import annotations

import json
from typing import Any

from litellm import Router  # type: ignore[import-not-found]

from benchmarks.survival.runners.reading import Order, Reader, serve


def deployment(group: str, model: str, order: Order) -> dict[str, Any]:
    """A group of one deployment."""
    return {
        "model_name": group,
        "litellm_params": {"model": f"anthropic/{model}", "api_base": order.url, "api_key": "test"},
    }


async def read(order: Order, reader: Reader) -> None:
    """Ask the primary's group, with the fallback's behind it."""
    router = Router(
        model_list=[deployment("primary", order.primary, order), deployment("fallback", order.fallback, order)],
        fallbacks=[{"primary": ["fallback"]}],
        num_retries=2,
        timeout=order.silence,
        stream_timeout=order.silence,
        enable_mid_stream_fallback_continuation=True,
    )
    options: dict[str, Any] = {"thinking": order.thinking} if order.thinking else {}
    if order.tools:
        options["tools"] = order.functions
    stream = await router.acompletion(
        model="primary", messages=order.messages, max_tokens=order.max_tokens, stream=True, **options
    )
    await hand_over(stream, reader)


async def hand_over(stream: Any, reader: Reader) -> None:
    """Give the reader what a stream of OpenAI-like chunks brings; the calls, once it is over."""
    calls: dict[int, tuple[str, str]] = {}
    async for chunk in stream:
        for choice in chunk.choices:
            reader.text(choice.delta.content or "")
            for part in choice.delta.tool_calls or ():
                name, arguments = calls.get(part.index, ("", ""))
                calls[part.index] = name + (part.function.name or ""), arguments + (part.function.arguments or "")
    for name, arguments in calls.values():
        reader.call(name, json.loads(arguments or "{}"))


if __name__ == "__main__":
    serve(read, "litellm")
