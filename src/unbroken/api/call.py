"""One call for a stream: its arguments, checked; and the engines that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import anyio
import httpx2
from anthropic import Omit

from ..arguments import as_sent
from ..core.message.partial import Partial
from ..engine.begun import Begun
from ..engine.driver import Driver
from ..engine.preflight import Findings, check_request
from ..engine.recording import Recording
from ..errors import StreamTimeout
from ..health.default import default_health
from ..health.health import Health
from ..policy import Policy
from ..report import Notice, Report
from ..reporting.notifier import check_listener
from ..routes import Fallback, Route, resolve
from ..sdk.arguments import materialize, without_omitted
from ..sdk.call_site import CallSite
from ..sdk.typed_events import Api
from .checks import accepted_arguments, check_arguments, version_sent

__all__ = ["Settled", "StreamCall"]

_DEFAULTS: Final = Policy()


@dataclass(frozen=True, slots=True)
class Settled:
    """A call whose files are read: it can be sent any number of times.

    Attributes:
        request: The arguments of `messages.stream`.
        routes: In rank order.
        started: When the call was entered, in monotonic seconds.
    """

    request: dict[str, Any]
    routes: Sequence[Route]
    started: float


@dataclass(slots=True, kw_only=True)
class StreamCall:
    """What a caller of `resilient_stream` has asked for. Arguments and errors are those of it.

    Attributes:
        request: The arguments of `messages.stream`, as they were given.
        routes: In rank order.
        policy: The limits.
        health: What streams share.
        on_notice: Called with each notice; None: nobody listens.
        api: Which of the client's resources is used.
        call_site: The caller's line, which the SDK's warnings are about.
        findings: Gives what preflight finds in settled arguments.
    """

    request: dict[str, Any]
    routes: tuple[Route, ...]
    policy: Policy
    health: Health
    on_notice: Callable[[Notice], object] | None
    api: Api
    call_site: CallSite
    findings: Callable[[Mapping[str, Any]], Findings] = field(repr=False)

    @classmethod
    def of(
        cls,
        client: Any,
        arguments: Mapping[str, Any],
        *,
        fallback_models: Iterable[Fallback],
        policy: Policy | None,
        health: Health | None,
        on_notice: Callable[[Notice], object] | None,
        api: Api,
        caller: str = "resilient_stream",
    ) -> StreamCall:
        """Check the arguments of a call; `arguments` has those of `messages.stream`, `output_format` among them."""
        check_listener(on_notice)
        if api not in ("messages", "beta"):
            raise ValueError(f"api must be 'messages' or 'beta', not {api!r}")
        accepted = accepted_arguments(client, api, caller)
        request = without_omitted(arguments)
        output_format = request.pop("output_format", None)
        sent = as_sent(request)
        if isinstance(output_format, Mapping):
            raise TypeError(
                "output_format must be a type; pass a schema as output_config={'format': ...}, as in the SDK"
            )
        if not isinstance(output_format, Omit) and output_format is not None:
            request["output_format"] = output_format
        check_arguments(sent, accepted, caller)
        routes = resolve(sent["model"], client, fallback_models, accepted)
        for route in routes[1:]:
            check_arguments(route.request(request), accepted_arguments(route.client, api, caller), caller)
        for value, type_, name in ((policy, Policy, "policy"), (health, Health, "health")):
            if value is not None and not isinstance(value, type_):
                raise TypeError(f"{name} must be a {type_.__name__}, not {type(value).__name__}")
        limits = policy or _DEFAULTS
        shared = health or default_health(client)
        look = partial(check_request, models=shared.models, version=lambda: version_sent(client, request))
        looked = look(request, "error") if limits.preflight == "error" else None
        return cls(
            request=request,
            routes=routes,
            policy=limits,
            health=shared,
            on_notice=on_notice,
            api=api,
            # The SDK's warnings (of a deprecated model) are about the caller's line, not about ours.
            call_site=CallSite.outside(),
            findings=lambda original: looked or look(original, limits.preflight),
        )

    async def settle(self) -> Settled:
        """Read the files of the request.

        Raises:
            StreamTimeout: The deadline passed meanwhile.
            OSError: A file cannot be read.
        """
        started, limits = anyio.current_time(), self.policy
        with anyio.move_on_after(limits.deadline) as scope:
            original, *patches = await materialize(self.request, *(route.patch for route in self.routes))
        if scope.cancelled_caught:
            raise StreamTimeout(
                f"The deadline of {limits.deadline:g} s passed while the files of the request were being read.",
                request=httpx2.Request("POST", "/v1/messages"),
                partial=Partial(),
                report=Report(outcome="failed", duration=limits.deadline),
            )
        routes = [replace(route, patch=patch) for route, patch in zip(self.routes, patches, strict=True)]
        return Settled(original, routes, started)

    def driver(self, settled: Settled, begun: Begun | None = None, recording: Recording | None = None) -> Driver:
        """An engine for the call; `begun` and `recording` as there."""
        return Driver(
            api=self.api,
            routes=settled.routes,
            request=settled.request,
            policy=self.policy,
            health=self.health,
            on_notice=self.on_notice,
            call_site=self.call_site,
            started=settled.started if begun is None else anyio.current_time(),
            findings=self.findings(settled.request),
            begun=begun,
            recording=recording,
        )
