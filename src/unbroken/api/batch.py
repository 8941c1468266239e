"""`defer`: a request that is not urgent, in the Message Batches API.

The API's words for a batch: half the price, most end within the hour, all within 24 hours; results are kept for 29
days (https://platform.claude.com/docs/en/build-with-claude/batch-processing).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import anyio
from anthropic import Omit, omit

from ..arguments import as_given, as_sent
from ..batches.calls import batches_of, create, demanded_format
from ..batches.request import Rest, unsupported
from ..engine.last_resort import Created, named
from ..engine.preflight import check_request
from ..errors import Deferred
from ..health.default import default_health
from ..policy import Policy
from ..report import Report
from ..reporting.notifier import Notifier
from ..sdk.arguments import materialize, without_omitted
from ..sdk.typed_events import FormatT
from .checks import accepted_arguments, check_arguments, version_sent

if TYPE_CHECKING:
    from anthropic.types import MessageParam, ModelParam
    from typing_extensions import Unpack

    from .stream import StreamArguments

__all__ = ["defer"]


async def defer(
    client: Any,
    *,
    model: ModelParam,
    max_tokens: int,
    messages: Iterable[MessageParam],
    output_format: type[FormatT] | Omit | None = omit,
    custom_id: str | None = None,
    policy: Policy | None = None,
    api: Literal["messages", "beta"] = "messages",
    **arguments: Unpack[StreamArguments],
) -> Deferred[FormatT]:
    """Put a request that is not urgent into a message batch: half the price, and an answer within 24 hours.

    ```python
    deferred = await defer(client, model="claude-opus-5-5", max_tokens=1024, messages=[...])
    message = await deferred.result()
    ```

    Creating the batch is tried again after 529, 5xx, 429 and lost connections. The API has no way to tell a second
    try from a second request: where the answer to the first was lost, two batches may run, and both are billed. The
    request has the same `custom_id` in both.

    The arguments that are not named here are those of `resilient_stream`; there are no fallbacks and no notices.

    Args:
        client: As for `resilient_stream`, of a platform that has message batches.
        custom_id: What the request is called in the batch: 1 to 64 letters, digits, hyphens and underscores. None: a
            random name.
        policy: How often, and with which waits, creating the batch is tried: `max_attempts`, the backoff,
            `max_retry_after`, and `idle_timeout`; and what is done with what `preflight` finds: the API looks at a
            batched request only when its turn comes. None: the defaults of `Policy`.
        **arguments: As for `resilient_stream`, but for what a batch does not take. `extra_headers` and `extra_query` go
            with every call that the handle makes in this process; they are not saved. `timeout` is that of creating
            the batch, instead of the client's and `idle_timeout`.

    Returns:
        The batch: save it, or ask it for its `result`.

    Raises:
        TypeError: As `resilient_stream` raises it, or the client has no message batches.
        ValueError: An argument is out of range, or one that a batch does not take.
        PreflightFailed: The policy's `preflight` is `"error"`, and the API would not take the request.
        OSError: A file that the request names cannot be read.
        anthropic.APIError: The API will not create the batch; what it said last.
    """
    if api not in ("messages", "beta"):
        raise ValueError(f"api must be 'messages' or 'beta', not {api!r}")
    if policy is not None and not isinstance(policy, Policy):
        raise TypeError(f"policy must be a Policy, not {type(policy).__name__}")
    accepted = accepted_arguments(client, api, "defer")
    batches_of(client, api)
    request = as_sent(without_omitted({"model": model, "max_tokens": max_tokens, "messages": messages, **arguments}))
    check_arguments(request, accepted, "defer")
    if why := unsupported(request):
        raise ValueError(why)
    if output_format is not None and not isinstance(output_format, Omit):
        request["output_format"] = output_format
    name, limits, report = named(custom_id), policy or Policy(), Report()
    notifier = Notifier(report, anyio.current_time(), None)
    models, version = default_health(client).models, lambda: version_sent(client, request)
    for finding in check_request(request, limits.preflight, models=models, version=version)():
        notifier.notice("preflight", str(finding))
    (materialized,) = await materialize(request)
    rest = Rest(stop_sequences=tuple(materialized.get("stop_sequences") or ()), demanded=demanded_format(materialized))
    batch = await create(client, api, as_given(materialized), name, limits)
    return Created(batch, client, 0, materialized, rest).handle(name, report, api)
