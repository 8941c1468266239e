"""The SDK by itself: its own retries, and nothing that looks after a stream that has begun."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic

from benchmarks.survival.runners.reading import Order, Reader, serve

__all__ = ["ask", "client_for"]


def client_for(order: Order) -> AsyncAnthropic:
    """A client with the SDK's default of two retries."""
    return AsyncAnthropic(base_url=order.url, api_key="test", timeout=order.silence)


async def ask(client: AsyncAnthropic, model: str, order: Order, reader: Reader) -> None:
    """Stream one response."""
    options: dict[str, Any] = {"thinking": order.thinking} if order.thinking else {}
    if order.tools:
        options["tools"] = order.tools
    stream = client.messages.stream(
        model=model, max_tokens=order.max_tokens, messages=[{"role": "user", "content": order.prompt}], **options
    )
    async with stream as opened:
        async for piece in opened.text_stream:
            reader.text(piece)
        for block in (await opened.get_final_message()).content:
            if block.type == "tool_use":
                reader.call(block.name, block.input)


async def read(order: Order, reader: Reader) -> None:
    """Ask the primary."""
    async with client_for(order) as client:
        await ask(client, order.primary, order, reader)


if __name__ == "__main__":
    serve(read, "anthropic")
