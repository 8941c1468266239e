"""`resilient_stream`: the SDK's `messages.stream`, for streams that must not break."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import httpx2
from anthropic import Omit, omit

from ..engine.driver import Driver
from ..engine.stream import ResilientStreamManager
from ..health.health import Health
from ..policy import Policy
from ..report import Notice
from ..routes import Fallback
from ..sdk.typed_events import FormatT
from .call import StreamCall

if TYPE_CHECKING:
    from anthropic import NotGiven
    from anthropic.types import MessageParam, ModelParam
    from typing_extensions import Unpack

    from ..journal import Journal

__all__ = ["StreamArguments", "resilient_stream"]


class StreamArguments(TypedDict, total=False):
    """The optional arguments of the SDK's `messages.stream`, but for `output_format`; see its own documentation.

    What the installed SDK takes beyond these is taken too.
    """

    betas: Any
    cache_control: Any
    container: Any
    context_management: Any
    diagnostics: Any
    extra_body: object
    extra_headers: Any
    extra_query: Any
    fallbacks: Any
    fallback_credit_token: Any
    inference_geo: Any
    mcp_servers: Any
    metadata: Any
    output_config: Any
    service_tier: Any
    speed: Any
    stop_sequences: Any
    system: Any
    thinking: Any
    timeout: float | tuple[float | None, ...] | httpx2.Timeout | NotGiven | None
    tool_choice: Any
    tools: Any
    user_profile_id: Any
    workspace_id: Any


def resilient_stream(
    client: Any,
    *,
    model: ModelParam,
    max_tokens: int,
    messages: Iterable[MessageParam],
    output_format: type[FormatT] | Omit | None = omit,
    fallback_models: Iterable[Fallback] = (),
    policy: Policy | None = None,
    health: Health | None = None,
    on_notice: Callable[[Notice], object] | None = None,
    api: Literal["messages", "beta"] = "messages",
    journal: Journal | None = None,
    stream_id: str | None = None,
    owner: str | None = None,
    **arguments: Unpack[StreamArguments],
) -> ResilientStreamManager[FormatT]:
    """Stream a message that does not break when the API does.

    A replacement for `client.messages.stream(...)`: the same arguments, and in the `async with` block the same
    events and helpers. When the stream dies, the rest is asked for with what has arrived, and joined to it.

    ```python
    async with resilient_stream(client, model="claude-opus-5-5", max_tokens=1024, messages=[...]) as stream:
        async for text in stream.text_stream:
            print(text, end="", flush=True)
    ```

    Args:
        client: `AsyncAnthropic`, or another async client of the SDK, such as `AsyncAnthropicBedrock`. Its `max_retries`
            is not used.
        model: The model to ask first.
        max_tokens: The most that the whole answer may have, in tokens. A resume asks for what is left of it.
        messages: The conversation. Files in it are read once, when the stream is entered.
        output_format: A type to parse the text into, as in the SDK.
        fallback_models: Where to go when the model does not answer, in rank order: names, patches
            (`{"model": ..., "thinking": None}`: a value sets an argument, None unsets it), or `Route`s to other
            clients.
        policy: Limits, waits and forms. None: the defaults of `Policy`.
        health: What streams share. None: one for each client.
        on_notice: Called with each `Notice`, from the engine's own task, which reads ahead of the caller. A plain
            function, which must not block; what it raises is logged.
        api: `"beta"` for `client.beta.messages`, with its types.
        journal: Where the stream is written down, every event before anybody sees it, so that it outlives this
            process. None: nowhere.
        stream_id: Its id there, of the caller's choice: at most 200 of `[A-Za-z0-9._:/-]`. Nothing is asked twice under
            one id: where it lives elsewhere, this call reads along, and goes on with it if its writer dies; where
            its writer has died, this call goes on with it; where it has ended, it is read, without a request; where it
            has failed, what was delivered comes again, and then the rest is asked for.
        owner: Whose it is, for `attach`, `cancel` and `purge`; stored hashed. None: nobody's.
        **arguments: Everything else that the SDK's `messages.stream` takes. `timeout` bounds the phases of each
            attempt; for reads, the shorter of it and the policy's `idle_timeout` holds.

    Returns:
        A context manager, to be entered once; see `ResilientStream`.

    Raises:
        TypeError: The client is not async, or an argument is unknown, or has the wrong type.
        ValueError: `max_tokens` is below 1, the model is empty, or `api` is neither of the two.
        PreflightFailed: The policy's `preflight` is `"error"`, and the API would not take the request.

    With a journal, entering it may raise `StreamConflict`: the id is of another request, or of another owner.
    """
    call = StreamCall.of(
        client,
        {"model": model, "max_tokens": max_tokens, "messages": messages, "output_format": output_format, **arguments},
        fallback_models=fallback_models,
        policy=policy,
        health=health,
        on_notice=on_notice,
        api=api,
    )
    parsed_into = call.request.get("output_format")
    if journal is None and stream_id is None:

        async def make_driver() -> Driver:
            return call.driver(await call.settle())

        return ResilientStreamManager(make_driver, api, parsed_into)
    from .durable import durable_manager

    return durable_manager(call, journal, stream_id, owner)
