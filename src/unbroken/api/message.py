"""`resilient_message`: the SDK's `messages.create`, for answers that take long."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Literal

from anthropic import Omit, omit

from ..engine.stream import ResilientStreamManager
from ..health.health import Health
from ..policy import Policy
from ..report import Notice
from ..routes import Fallback
from ..sdk.typed_events import FormatT
from .stream import resilient_stream

if TYPE_CHECKING:
    from anthropic.types import MessageParam, ModelParam, ParsedMessage
    from typing_extensions import Unpack

    from ..journal import Journal
    from .stream import StreamArguments

__all__ = ["resilient_message"]


def resilient_message(
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
) -> Coroutine[Any, Any, ParsedMessage[FormatT]]:
    """Ask for a message that has to come whole, and that does not get lost when the API breaks.

    A replacement for `await client.messages.create(...)`, to be awaited in the same way. Inside it streams, so that no
    connection is quiet for minutes, and what was cut is gone on with instead of being begun anew.

    ```python
    message = await resilient_message(client, model="claude-opus-5-5", max_tokens=64_000, messages=[...])
    ```

    All arguments are those of `resilient_stream`; of these there is more to say here.

    Args:
        output_format: A type to parse the text into; it is then in `parsed_output`, as after `messages.parse`.
        on_notice: Called with each `Notice`: the way to see how it goes. The `Report` of an answer that came
            in the end is told by `resilient_stream` alone; that of one that did not is `StreamFailed.report`.
        stream_id: Its id in the `journal`. Asked for once more under it, the answer goes on, or is read, and nothing is
            asked twice.

    Returns:
        The whole message, of the SDK's own type. Its `_request_id`, as `create` sets it, is that of the request that
        finished it.

    Raises:
        TypeError: At the call, as `resilient_stream` raises it.
        ValueError: At the call, as `resilient_stream` raises it; or the input of a tool call is no JSON.
        OSError: A file that the request names cannot be read.
        anthropic.APIStatusError: What the API will never accept.
        StreamFailed: No route could finish the message. `StreamTimeout` where the policy's deadline passed.
    """
    return _read(
        resilient_stream(
            client,
            model=model,
            max_tokens=max_tokens,
            messages=messages,
            output_format=output_format,
            fallback_models=fallback_models,
            policy=policy,
            health=health,
            on_notice=on_notice,
            api=api,
            journal=journal,
            stream_id=stream_id,
            owner=owner,
            **arguments,
        )
    )


async def _read(manager: ResilientStreamManager[FormatT]) -> ParsedMessage[FormatT]:
    async with manager as stream:
        message = await stream.get_final_message()
        message._request_id, message._workspace_id = stream.request_id, stream.workspace_id  # noqa: SLF001  # public
        return message
