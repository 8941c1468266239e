"""`reliable-ai-streams-py` (imported as `l0`) over LiteLLM, going on from the last good token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import l0  # type: ignore[import-not-found]
import litellm  # type: ignore[import-not-found]

from benchmarks.survival.runners.reading import Order, Reader, serve


async def read(order: Order, reader: Reader) -> None:
    """Run it as its guide to resumption shows, with its recommended guardrails and retries."""
    prompt = order.prompt

    def go_on(checkpoint: str) -> str:
        nonlocal prompt
        prompt = f"{order.prompt}\n\nContinue from where you left off:\n{checkpoint}"
        return prompt

    options: dict[str, Any] = {"thinking": order.thinking} if order.thinking else {}
    if order.tools:
        options["tools"] = order.functions

    def factory(model: str) -> Callable[[], Any]:
        return lambda: litellm.acompletion(
            model=f"anthropic/{model}",
            api_base=order.url,
            api_key="test",
            messages=[{"role": "user", "content": prompt}],
            max_tokens=order.max_tokens,
            timeout=order.silence,
            stream=True,
            **options,
        )

    result = await l0.run(
        stream=factory(order.primary),
        fallbacks=[factory(order.fallback)],
        guardrails=l0.Guardrails.recommended(),
        retry=l0.Retry.recommended(),
        timeout=l0.Timeout(initial_token=round(order.stall * 1000), inter_token=round(order.stall * 1000)),
        buffer_tool_calls=True,
        continue_from_last_good_token=True,
        build_continuation_prompt=go_on,
    )
    async for event in result:
        if event.is_token:
            reader.text(event.text)
        elif event.is_tool_call:
            reader.call(event.data["name"], json.loads(event.data["arguments"] or "{}"))


if __name__ == "__main__":
    serve(read, "reliable-ai-streams-py", "litellm")
