"""What is compared: each peer's packages, its runner, and how it is set up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unbroken.testing import Manner

__all__ = ["PEERS", "ROOT", "Peer"]

ROOT: Final = Path(__file__).parent.parent.parent

_SDK: Final = ("anthropic==2.12.0",)
_LITELLM: Final = ("litellm==1.109.1",)


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that reads a stream for an application.

    Attributes:
        name: On the command line.
        title: In the tables.
        runner: The module of `benchmarks.survival.runners`.
        environment: The folder of its virtual environment; peers that need the same packages share one.
        requires: What is installed there.
        options: How it is set up, in a sentence; what is not named is its default.
        manner: How a model goes on that does all that this peer's wording asks for.
    """

    name: str
    title: str
    runner: str
    environment: str
    requires: tuple[str, ...]
    options: str
    manner: Manner = Manner.EXACT


PEERS: Final = (
    Peer(
        "sdk",
        "SDK",
        "sdk",
        "sdk",
        _SDK,
        "`messages.stream(...)`; `timeout=` the silence; its own two retries. No fallback: it has none.",
    ),
    Peer(
        "loop",
        "SDK in a loop",
        "loop",
        "sdk",
        _SDK,
        "The same, in a loop of three tries on `anthropic.APIError`, the third on the fallback, 1 s and 2 s apart; "
        "each begins again, and prints what it reads.",
    ),
    Peer(
        "pydantic-ai",
        "pydantic-ai",
        "pydantic_ai",
        "pydantic-ai",
        ("pydantic-ai-slim[anthropic]==2.68.0", *_SDK),
        "`FallbackModel(primary, fallback)` through `model_request_stream`; `timeout=` the silence, "
        "`first_event_timeout=` the stall, `request_timeout=` the total; the SDK's two retries.",
    ),
    Peer(
        "langchain",
        "LangChain",
        "langchain",
        "langchain",
        ("langchain-anthropic==1.7.10", "langchain-core==1.8.2", *_SDK),
        "`ChatAnthropic(...).with_fallbacks([ChatAnthropic(...)])`, read by `astream`; `timeout=` the silence, "
        "`max_retries=2`.",
    ),
    Peer(
        "litellm",
        "LiteLLM Router",
        "litellm",
        "litellm",
        _LITELLM,
        "`Router(fallbacks=[...], num_retries=2, enable_mid_stream_fallback_continuation=True)`; `timeout=` and "
        "`stream_timeout=` the silence, `LITELLM_MAX_STREAMING_DURATION_SECONDS` the total.",
    ),
    Peer(
        "l0",
        "reliable-ai-streams-py",
        "l0",
        "l0",
        ("reliable-ai-streams-py[litellm]==0.22.0", *_LITELLM),
        "`l0.run(stream=..., fallbacks=[...])` over `litellm.acompletion`; `Retry.recommended()`, "
        "`Guardrails.recommended()`, `continue_from_last_good_token=True` with the `build_continuation_prompt` of its "
        "guide, `buffer_tool_calls=True`; both of its token timeouts are the stall, LiteLLM's `timeout=` the silence.",
    ),
    Peer(
        "unbroken",
        "unbroken",
        "resilient",
        "unbroken",
        (f"-e {ROOT}", *_SDK),
        "`resilient_stream(fallback_models=[...])`; `idle_timeout` the silence, `progress_timeout` the stall.",
        Manner.ECHO,
    ),
)
