"""What a request is answered with, whichever call it is: messages, tokens, batches, models, the status page."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from unbroken.testing.claude.model import count_tokens, reply
from unbroken.testing.rules.validation import validate
from unbroken.testing.script.faults import Status
from unbroken.testing.script.faults.fault import ResponseFault
from unbroken.testing.script.script import of_response
from unbroken.testing.services.batch_api import BatchApi
from unbroken.testing.services.catalogue import describe_model, list_models
from unbroken.testing.services.service_status import ServiceStatus, status_page
from unbroken.testing.wire.calls import Call, key_of, route
from unbroken.testing.wire.dialects import FIRST_PARTY
from unbroken.testing.wire.documents import JSON, Document, JsonDialect, Response, document

if TYPE_CHECKING:
    from unbroken.testing.server.player import Player
    from unbroken.testing.wire.record import Request

__all__ = ["Api"]

_LARGEST_BODY: Final = 32 * 1024 * 1024
_MODELS: Final = re.compile(r"(?:/anthropic)?/v1/models(?:/([^/]+))?")
#: What a batched request may not ask for: nobody reads its stream, and nobody waits for it.
_NOT_IN_BATCHES: Final = {"stream": "streaming", "speed": "fast mode"}


class Api:
    """All that a server answers, but for how it fails to.

    Args:
        player: Where the script stands.
        models: The families or whole names that exist.
        api_keys: The keys that are accepted; None: any.
        url: Gives the server's address.

    Attributes:
        player: As above.
        batches: The Message Batches API.
        status: What the status page says.
    """

    def __init__(
        self,
        player: Player,
        *,
        models: frozenset[str],
        api_keys: Collection[str] | None,
        url: Callable[[], str],
    ) -> None:
        self.player: Player = player
        self.batches: BatchApi = BatchApi(url, self._date)
        self.status: ServiceStatus = ServiceStatus()
        self._models = models
        self._api_keys = api_keys
        self._url = url
        self._began, self._began_at = datetime.now(UTC), 0.0

    def begin(self, now: float) -> None:
        """The server is running.

        Args:
            now: The event loop's time, in seconds.
        """
        self._began, self._began_at = datetime.now(UTC), now

    def restart(self, player: Player) -> None:
        """Begin another script, from its first step. Batches and status stay as they are."""
        self.player = player
        self.batches.restart()

    def answer(self, request: Request) -> Response:
        """Answer a request; its `body` becomes that of the first-party API."""
        page = status_page(request.path, self.status, url=self._url(), date=self._date(self._began_at))
        if page is not None:
            return page
        call = route(request.path, request.headers, request.body) if request.method == "POST" else None
        dialect = FIRST_PARTY if call is None else call.dialect
        rejected = self._identify(request)
        if rejected is not None:
            return Response(rejected, dialect)
        if call is None:
            return self._other(request)
        rejected = Status(413) if len(request.raw) > _LARGEST_BODY else self._judge(call)
        if rejected is not None:
            return Response(rejected, dialect)
        request.body = call.body
        return self._message(call, request)

    def _date(self, at: float) -> str:
        """A moment of the event loop's time as an RFC 3339 date."""
        return self._moment(at).isoformat().replace("+00:00", "Z")

    def _moment(self, at: float) -> datetime:
        return self._began + timedelta(seconds=at - self._began_at)

    def _message(self, call: Call, request: Request) -> Response:
        if call.counting:
            counted = Document([{"input_tokens": count_tokens(call.body)}])
            return Response(counted, JsonDialect(JSON.content_type, call.dialect), self._lookup_faults)
        served = self.player.take(call.body)
        answer = served.carried.answer
        name = call.dialect.shape.message_id(request.number)
        return Response(
            reply(call.body, served.carried, served.rng, id=name, known=self.player.known, betas=call.betas),
            call.dialect,
            served.faults,
            answer.pace,
            {**call.dialect.accepted(self._moment(request.arrived_at)), **answer.headers},
            served.sending,
            streamed=bool(call.body.get("stream")),
            scripted=True,
        )

    def _other(self, request: Request) -> Response:
        """Answer what is no call of the Messages API itself."""
        query = parse_qs(request.query)
        found = _MODELS.fullmatch(request.path) if request.method == "GET" else None
        if found is not None:
            name = found[1]
            told = list_models(self._models, query) if name is None else describe_model(unquote(name), self._models)
            return document(told, self._lookup_faults)
        script = self.player.script.batches
        if not self.batches.is_at(request.path):
            return document(Status(404))
        if self.batches.creates(request.method, request.path):
            return self.batches.create(script, request, self._batched(request))
        return self.batches.call(script, request, query)

    @property
    def _lookup_faults(self) -> tuple[ResponseFault, ...]:
        return of_response(self.player.script.lookups)

    def _batched(self, request: Request) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
        """What makes the result of a batched request, from an id of its own and its parameters."""

        def process(id: str, params: dict[str, Any]) -> dict[str, Any]:
            call = route("/v1/messages", request.headers, params)
            assert call is not None
            refused = [what for name, what in _NOT_IN_BATCHES.items() if params.get(name)]
            error = Status(400, message=f"{refused[0]} is not supported in batches") if refused else self._judge(call)
            if error is None:
                served = self.player.take_batched(params)
                if not served.faults:
                    name = FIRST_PARTY.shape.message_id(id)
                    message = reply(params, served.carried, served.rng, id=name, known=self.player.known).message()
                    message["usage"]["service_tier"] = "batch"
                    return {"type": "succeeded", "message": message}
                # Whatever else would break a response is to a batch an error inside the server.
                error = next((fault for fault in served.faults if isinstance(fault, Status)), Status(500))
            _, _, body = FIRST_PARTY.error(error, f"req_{id}")
            return {"type": "errored", "error": body}

        return process

    def _identify(self, request: Request) -> Status | None:
        """The error with which the API answers a request that has no key, or a wrong one."""
        key = key_of(request.headers)
        if not key:
            return Status(401, message="x-api-key header is required")
        return Status(401) if self._api_keys is not None and key not in self._api_keys else None

    def _judge(self, call: Call) -> Status | None:
        """The error with which the API answers a request, whatever the script says; None if it accepts it."""
        answers, others = self.player.answers(call.body.get("model"))
        error = validate(
            call.body or None,
            call.version,
            models=self._models,
            counting=call.counting,
            betas=call.betas,
            answers=answers,
            others=others,
        )
        return None if error is None else Status(error.status, error.type, error.message)
