"""pydantic-ai's `FallbackModel`, asked directly, outside an agent."""

from __future__ import annotations

from anthropic import AsyncAnthropic
from pydantic_ai.direct import model_request_stream  # type: ignore[import-not-found]
from pydantic_ai.messages import (  # type: ignore[import-not-found]
    ModelRequest,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
)
from pydantic_ai.models import ModelRequestParameters  # type: ignore[import-not-found]
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings  # type: ignore[import-not-found]
from pydantic_ai.models.fallback import FallbackModel  # type: ignore[import-not-found]
from pydantic_ai.providers.anthropic import AnthropicProvider  # type: ignore[import-not-found]
from pydantic_ai.tools import ToolDefinition  # type: ignore[import-not-found]

from benchmarks.survival.runners.reading import Order, Reader, serve


async def read(order: Order, reader: Reader) -> None:
    """Ask a `FallbackModel` of both models, with all three of its timeouts."""
    settings = AnthropicModelSettings(
        max_tokens=order.max_tokens,
        timeout=order.silence,
        first_event_timeout=order.stall,
        request_timeout=order.total,
    )
    if order.thinking:
        settings["anthropic_thinking"] = order.thinking
    tools = [
        ToolDefinition(name=tool["name"], description=tool["description"], parameters_json_schema=tool["input_schema"])
        for tool in order.tools
    ]
    async with AsyncAnthropic(base_url=order.url, api_key="test") as client:
        provider = AnthropicProvider(anthropic_client=client)
        model = FallbackModel(*(AnthropicModel(name, provider=provider) for name in order.models))
        async with model_request_stream(
            model,
            [ModelRequest.user_text_prompt(order.prompt)],
            model_settings=settings,
            model_request_parameters=ModelRequestParameters(function_tools=tools),
        ) as stream:
            async for event in stream:
                if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                    reader.text(event.part.content)
                elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    reader.text(event.delta.content_delta)
            for part in stream.get().parts:
                if isinstance(part, ToolCallPart):
                    reader.call(part.tool_name, part.args_as_dict(raise_if_invalid=True))


if __name__ == "__main__":
    serve(read, "pydantic-ai-slim", "anthropic")
