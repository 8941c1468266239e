"""What a stream that failed leaves behind, and how its rest goes into a batch."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anthropic

from ..arguments import as_given
from ..batches.calls import NoBatches, batches_of, create, demanded_format, failure_of, has_batches
from ..batches.request import OPTIONS, Rest, unhurried, unsupported
from ..core.failure import Verdict
from ..core.message.partial import Partial
from ..core.plan.plan import Plan
from ..core.plan.steps import Ask, Fail
from ..core.requests.resume import anchor_of, compose
from ..core.requests.resume_state import ResumeState
from ..core.requests.routed import Requests
from ..errors import Deferred, StreamFailed
from ..policy import Policy
from ..report import AttemptReport, Report
from ..reporting.notifier import Notifier
from ..routes import Route
from ..sdk.typed_events import Api

if TYPE_CHECKING:
    from anthropic.types.messages import MessageBatch

    from ..core.seam.seam import Seam

__all__ = ["CannotDefer", "Created", "Unfinished", "as_last_resort", "named"]

#: The API's own rule (batch-processing page).
_CUSTOM_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def named(custom_id: str | None) -> str:
    """What a request is called: as said, or by a random name. Raises `ValueError` for what the API would not take."""
    if custom_id is None:
        return f"unbroken-{uuid.uuid4().hex}"
    if not _CUSTOM_ID.fullmatch(custom_id):
        raise ValueError("custom_id must have 1 to 64 letters, digits, hyphens and underscores")
    return custom_id


class CannotDefer(ValueError):
    """There is no rest that may be asked for; its text is a sentence to show."""


@dataclass(frozen=True, slots=True)
class Created:
    """A batch that was created, and what has to be known of its request.

    Attributes:
        batch: The batch.
        client: The client that created it.
        route: The rank of the route whose request it has.
        request: The original request as that route sends it, which its answer has to fit.
        rest: How its answer is joined.
    """

    batch: MessageBatch
    client: Any
    route: int
    request: Mapping[str, Any]
    rest: Rest

    def handle(self, custom_id: str, report: Report, api: Api) -> Deferred[Any]:
        """What the caller gets; an entry for the request is added to the report, which is the handle's from now on."""
        batch, request = self.batch, self.request
        deferred: Deferred[Any] = Deferred(
            id=batch.id,
            custom_id=custom_id,
            model=request["model"],
            api=api,
            created_at=batch.created_at,
            expires_at=batch.expires_at,
            report=report,
            _rest=self.rest,
            _options={name: request[name] for name in OPTIONS if name in request and name != "timeout"},
            _client=self.client,
            _output_format=request.get("output_format"),
        )
        report.outcome = "open"
        report.attempts.append(
            AttemptReport(
                number=len(report.attempts) + 1,
                route=self.route,
                model=deferred.model,
                form=deferred.form,
                started=report.duration or 0.0,
                request_id=getattr(batch, "_request_id", None),
                batch=True,
            )
        )
        return deferred


@dataclass(frozen=True, slots=True, repr=False)
class Unfinished:
    """What a stream that failed knows, as far as asking for its rest needs it.

    Attributes:
        api: Which of a client's resources it used.
        routes: In rank order.
        requests: The original request as each route sends it.
        plan: What was decided so far.
        policy: The limits.
        origin: The rank of the route that opened the message; None where none of these did.
        acted: Whether a server-side tool that changes things may have been used.
        unknown: Whether a block of a type that this version does not know was begun.
    """

    api: Api
    routes: Sequence[Route]
    requests: Requests
    plan: Plan
    policy: Policy
    origin: int | None
    acted: bool
    unknown: bool

    async def defer(self, partial: Partial, report: Report, custom_id: str | None) -> Deferred[Any]:
        """Put the request for the rest into a batch, on the best route that takes it.

        Args:
            partial: What was delivered.
            report: How the stream went; it is left as it is.
            custom_id: What the request is called. None: a random name.

        Raises:
            CannotDefer: There is no rest to ask for, or nothing that may be asked.
            NoBatches: No route's client has batches.
            ValueError: The API would not take the `custom_id`.
            anthropic.APIError: What the API said last.
        """
        name = named(custom_id)
        among = [rank for rank, route in enumerate(self.routes) if has_batches(route.client, self.api)]
        if not among:
            batches_of(self.routes[0].client, self.api)
        state = ResumeState.of(partial, acted=self.acted, unknown=self.unknown)
        asks = self.plan.at_leisure(state, among)
        if isinstance(asks, Fail):
            raise CannotDefer(f"the rest cannot be put into a batch: {asks.why}")
        created = await self._create_first(asks, partial, state, name)
        return created.handle(name, Report.from_dict(report.to_dict()), self.api)

    async def _create_first(self, asks: Sequence[Ask], partial: Partial, state: ResumeState, custom_id: str) -> Created:
        """The first of these that can be created."""
        for ask in asks[:-1]:
            try:
                return await self._create(ask, partial, state, custom_id)
            except anthropic.APIError as error:
                if failure_of(error).verdict not in (Verdict.CLIENT, Verdict.ELSEWHERE):
                    raise
        return await self._create(asks[-1], partial, state, custom_id)

    async def _create(self, ask: Ask, partial: Partial, state: ResumeState, custom_id: str) -> Created:
        request, seam = compose(
            self.requests[ask.route],
            state,
            ask.form,
            model=self.requests.model(ask.route),
            prompt=self.policy.continue_prompt,
        )
        client, request = self.routes[ask.route].client, as_given(unhurried(request))
        if why := unsupported(request):
            raise CannotDefer(f"the rest cannot be put into a batch: {why}")
        batch = await create(client, self.api, request, custom_id, self.policy)
        return Created(batch, client, ask.route, self.requests[ask.route], self._rest(ask, partial, state, seam))

    def _rest(self, ask: Ask, partial: Partial, state: ResumeState, seam: Seam | None) -> Rest:
        original = self.requests[ask.route]
        text = state.text
        is_named = self.requests.is_named(ask.route, begun=state.begun, origin=self.origin)
        return Rest(
            partial=partial,
            form=ask.form,
            anchor=None if seam is None or text is None else anchor_of(text, ask.form),
            instruction=None if seam is None else seam.instruction,
            own=is_named and ask.form == "request",
            stop_sequences=tuple(original.get("stop_sequences") or ()),
            demanded=demanded_format(original),
            on_unmatched=self.policy.on_unmatched,
        )


async def as_last_resort(error: StreamFailed, notifier: Notifier) -> None:
    """Put the rest of a stream that failed into a batch, and say so in its error; or tell why that cannot be."""
    try:
        deferred = await error.defer()
    except (CannotDefer, NoBatches) as why:
        notifier.notice("defer_failed", str(why))
    except Exception as why:
        status = getattr(why, "status_code", None)
        said = f"{type(why).__name__}{'' if status is None else f', status {status}'}"
        notifier.notice("defer_failed", f"the rest could not be put into a batch: {said}")
    else:
        error.deferred = deferred
        error.message += f" The rest was asked for in the message batch {deferred.id}."
        error.args = (error.message,)
        notifier.notice(
            "deferred", f"asking {deferred.model} for the rest in the batch {deferred.id} ({deferred.form})"
        )
