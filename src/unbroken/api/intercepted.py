"""One Messages request on its way down a client's middleware chain: what it asks, and the engines made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import anthropic
import anyio
import httpx2
from anthropic.resources.beta.messages import AsyncMessages as BetaMessages
from anthropic.resources.messages import AsyncMessages

from ..engine.begun import Begun
from ..engine.driver import Driver
from ..engine.preflight import Findings, check_request
from ..engine.recording import Recording
from ..health.health import Health
from ..policy import Policy
from ..report import Notice
from ..routes import Fallback, Route, resolve
from ..sdk.call_site import NOWHERE
from ..sdk.clients import quiet_resource, stream_arguments
from ..sdk.middleware_chain import Chain, InOnePiece
from ..sdk.typed_events import Api

__all__ = ["Intercepted", "messages_body", "patchable"]

_PATH: Final = "/v1/messages"


def messages_body(request: anthropic.APIRequest) -> dict[str, Any] | None:
    """The body of a Messages request; None of any other."""
    body = request.json
    if request.method.lower() != "post" or httpx2.URL(request.url).path != _PATH or not isinstance(body, dict):
        return None
    return body


def patchable() -> frozenset[str]:
    """The names that a fallback's patch may use."""
    return frozenset(stream_arguments(BetaMessages, "beta"))


@dataclass(slots=True, kw_only=True)
class Intercepted:
    """A request, and what its engines are made of.

    Attributes:
        chain: Sends it, and what it becomes.
        api: Of which of a client's resources it is.
        arguments: Of `messages.stream`: what it asks.
        routes: In rank order.
        policy: The limits.
        health: What streams share.
        on_notice: Called with each notice; None: nobody listens.
        streams: Whether a stream is asked for.
        resources: What sends the requests of a route, by its rank.
        findings: What preflight finds in it.
    """

    chain: Chain
    api: Api
    arguments: dict[str, Any]
    routes: Sequence[Route]
    policy: Policy
    health: Health
    on_notice: Callable[[Notice], object] | None
    streams: bool
    resources: Mapping[int, Any] = field(repr=False)
    findings: Findings = field(repr=False)

    @classmethod
    def of(
        cls,
        request: anthropic.APIRequest,
        body: Mapping[str, Any],
        chain: Chain,
        *,
        own_client: object,
        fallback_models: Iterable[Fallback],
        policy: Policy,
        health: Health,
        on_notice: Callable[[Notice], object] | None,
        streams: bool,
    ) -> Self:
        """What a request asks; `own_client` stands for the client that it is of.

        Raises:
            PreflightFailed: The policy's `preflight` is `"error"`, and the API would not take it.
        """
        arguments = {name: value for name, value in body.items() if name not in ("stream", "thread")}
        timeout = request.timeout
        arguments["timeout"] = anthropic.DEFAULT_TIMEOUT if isinstance(timeout, anthropic.NotGiven) else timeout
        api: Api = "beta" if _is_beta(request) else "messages"
        # What the SDK's methods have no argument for goes to another client by the way that it came by.
        known = stream_arguments(BetaMessages if api == "beta" else AsyncMessages, api)
        if unknown := {name: arguments.pop(name) for name in set(arguments) - known}:
            arguments["extra_body"] = unknown
        if api == "beta" and (betas := request.headers.get("anthropic-beta")):
            arguments["betas"] = [beta.strip() for beta in str(betas).split(",")]
        findings = check_request(
            arguments,
            policy.preflight,
            models=health.models,
            version=lambda: request.headers.get("anthropic-version"),
        )
        routes = resolve(str(body.get("model")), own_client, fallback_models, patchable())
        resources: dict[int, Any] = {rank: chain for rank, route in enumerate(routes) if route.client is own_client}
        if not streams:
            others = {rank: route.client for rank, route in enumerate(routes) if route.client is not own_client}
            resources |= {rank: InOnePiece(quiet_resource(client, api)) for rank, client in others.items()}
        return cls(
            chain=chain,
            api=api,
            arguments=arguments,
            routes=routes,
            policy=policy,
            health=health,
            on_notice=on_notice,
            streams=streams,
            resources=resources,
            findings=findings,
        )

    def driver(self, begun: Begun | None = None, recording: Recording | None = None) -> Driver:
        """An engine for it; `begun` and `recording` as there."""
        return Driver(
            api=self.api,
            routes=self.routes,
            request=self.arguments,
            policy=self.policy,
            health=self.health,
            on_notice=self.on_notice,
            call_site=NOWHERE,
            started=anyio.current_time(),
            resources=self.resources,
            in_one_piece=not self.streams,
            findings=self.findings,
            begun=begun,
            recording=recording,
        )


def _is_beta(request: anthropic.APIRequest) -> bool:
    qualifiers = getattr(request.options, "qualifiers", None) or {}  # of SDK 2; before that, it was in the URL
    return qualifiers.get("beta") == "true" or httpx2.URL(request.url).params.get("beta") == "true"
