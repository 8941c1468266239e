"""LangChain's `with_fallbacks` over `langchain-anthropic`."""

from __future__ import annotations

from typing import Any

from langchain_anthropic import ChatAnthropic  # type: ignore[import-not-found]

from benchmarks.survival.runners.reading import Order, Reader, serve


def model_for(name: str, order: Order) -> Any:
    """One model, with the tools if there are any."""
    options: dict[str, Any] = {"thinking": order.thinking} if order.thinking else {}
    model = ChatAnthropic(
        model=name,
        base_url=order.url,
        api_key="test",
        max_tokens=order.max_tokens,
        timeout=order.silence,
        max_retries=2,
        **options,
    )
    return model.bind_tools(list(order.tools)) if order.tools else model


async def read(order: Order, reader: Reader) -> None:
    """Ask the primary, with the fallback behind it."""
    model = model_for(order.primary, order).with_fallbacks([model_for(order.fallback, order)])
    whole: Any = None
    async for chunk in model.astream(order.messages):
        reader.text(chunk.text)
        whole = chunk if whole is None else whole + chunk
    for call in whole.tool_calls if whole is not None else ():
        reader.call(call["name"], call["args"])


if __name__ == "__main__":
    serve(read, "langchain-anthropic", "langchain-core", "anthropic")
