"""`unbroken`."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic

from benchmarks.survival.runners.reading import Order, Reader, serve
from unbroken import Policy, resilient_stream


async def read(order: Order, reader: Reader) -> None:
    """Ask with a fallback model, and the order's patience."""
    options: dict[str, Any] = {"thinking": order.thinking} if order.thinking else {}
    if order.tools:
        options["tools"] = order.tools
    async with (
        AsyncAnthropic(base_url=order.url, api_key="test") as client,
        resilient_stream(
            client,
            model=order.primary,
            max_tokens=order.max_tokens,
            messages=[{"role": "user", "content": order.prompt}],
            fallback_models=[order.fallback],
            policy=Policy(idle_timeout=order.silence, progress_timeout=order.stall),
            **options,
        ) as stream,
    ):
        async for piece in stream.text_stream:
            reader.text(piece)
        for block in (await stream.get_final_message()).content:
            if block.type == "tool_use":
                reader.call(block.name, block.input)


if __name__ == "__main__":
    serve(read, "unbroken", "anthropic")
