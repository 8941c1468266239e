"""One stream's request, as each of its routes sends it, and as it is sent again when a model turns out to reject it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...arguments import for_another_client
from ..models.corrections import Models, correction, rejects_thinking
from ..models.table import NOT_IN_THE_TABLE, ModelInfo
from .adapt import Unfit, adapt
from .history import without_past_thinking

if TYPE_CHECKING:
    from ...routes import Route

__all__ = ["Requests", "mode_of"]

#: Arguments by whose value the API keeps limits, and capacity, of their own: fast mode ("has its own headers and
#: limits", its page and that on rate limits, August 2026) and the service tiers.
_MODES: Final = ("speed", "service_tier")
#: What the API does by default, so that saying it changes nothing.
_ORDINARY: Final = frozenset({("speed", "standard"), ("service_tier", "auto")})
#: Betas of which the same is so: long requests have limits of their own.
_BETAS: Final = ("context-1m",)


def mode_of(request: Mapping[str, Any]) -> str:
    """What a request asks for besides its model, as far as it has limits of its own; empty: nothing.

    Args:
        request: As it is sent (`arguments.as_sent`).
    """
    said = [(name, request.get(name)) for name in _MODES]
    modes = [f"{name}={value}" for name, value in said if value is not None and (name, value) not in _ORDINARY]
    return ", ".join([*modes, *sorted({beta for beta in _betas(request) if beta.startswith(_BETAS)})])


def _betas(request: Mapping[str, Any]) -> Iterator[str]:
    yield from (beta for beta in request.get("betas") or () if isinstance(beta, str))
    for name, value in (request.get("extra_headers") or {}).items():
        if str(name).lower() == "anthropic-beta":
            yield from (beta.strip() for beta in str(value).split(","))


class Requests:
    """The requests of one stream, by the rank of their routes.

    The primary's request is the caller's own, whatever the table says of its model; only what a 400 of a resume has
    said is adapted in it, from then on.

    Args:
        original: The caller's arguments.
        routes: In rank order.
        models: What is known of the models; what is learnt on the way goes there too.
    """

    def __init__(self, original: Mapping[str, Any], routes: Sequence[Route], models: Models) -> None:
        self._original = original
        self._elsewhere = for_another_client(original)
        self._routes = routes
        self._models = models
        self._infos = [models.get(route.model) for route in routes]
        self._primary: ModelInfo | None = None  # what the 400s have said of it, and no more
        self._without_thinking: set[int] = set()
        self._fitted = [routes[0].request(original), *(self._fit(rank) for rank in range(1, len(routes)))]

    def __len__(self) -> int:
        return len(self._routes)

    def __getitem__(self, rank: int) -> Mapping[str, Any]:
        """The request; empty where the route's model cannot take it."""
        fitted = self._fitted[rank]
        return {} if isinstance(fitted, Unfit) else fitted

    def model(self, rank: int) -> ModelInfo:
        """What the route's model accepts."""
        return self._infos[rank]

    def mode(self, rank: int) -> str:
        """What the route's request asks for that has limits of its own beside its model (`mode_of`)."""
        return mode_of(self[rank])

    def is_same_model(self, one: int, other: int) -> bool:
        """Whether two routes ask the same model of the same client, and can read each other's thinking."""
        mine, theirs = self._routes[one], self._routes[other]
        return mine.model == theirs.model and mine.client is theirs.client

    def is_named(self, rank: int, *, begun: bool, origin: int | None) -> bool:
        """Whether the message is this route's by name, or will be: only then may its thinking stand in it.

        Args:
            rank: The route's.
            begun: Whether the message was opened.
            origin: The rank of the route that opened it; None where none of these did.
        """
        return not begun or (origin is not None and self.is_same_model(origin, rank))

    def unfit(self, rank: int) -> str | None:
        """Why the route's model cannot take the request, after its name; None where it can."""
        fitted = self._fitted[rank]
        return fitted.why if isinstance(fitted, Unfit) else None

    def correct(self, rank: int, message: str) -> bool:
        """Learn from a 400 of a route.

        Args:
            rank: The route's.
            message: What the API said (`failure.words`).

        Returns:
            Whether more is known than when its request was made: of the model, by this message or by another
            stream's, or that the request has thinking which a fallback cannot read, and which may be left out.
        """
        route, before = self._routes[rank], self._infos[rank]
        if rank and rank not in self._without_thinking and rejects_thinking(message):
            messages = self[rank].get("messages") or ()
            if without_past_thinking(messages) == list(messages):
                return False
            self._without_thinking.add(rank)
            self._fitted[rank] = self._fit(rank)
            return True
        self._models.correct(route.model, message)
        self._infos[rank] = self._models.get(route.model)
        if self._infos[rank] == before:
            return False
        if rank == 0:
            known = self._primary or ModelInfo(name=route.model, source=NOT_IN_THE_TABLE)
            self._primary = correction(known, message) or known
        self._fitted[rank] = self._fit(rank)
        return True

    def _fit(self, rank: int) -> dict[str, Any] | Unfit:
        route = self._routes[rank]
        info = self._infos[rank] if rank or self._primary is None else self._primary
        # Keys and the like were given for one client, whose address is another's than that of the others.
        own = route.client is self._routes[0].client
        request = route.request(self._original if own else self._elsewhere)
        if rank in self._without_thinking:
            request["messages"] = without_past_thinking(request["messages"])
        return adapt(request, info, route.patch)
