"""Where a request can go: the primary, and what to fall back to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .arguments import as_given, as_sent

__all__ = ["Fallback", "Route", "check_fallbacks", "is_first_party", "resolve"]

#: The SDK's clients of other platforms, by name: most of their modules are not imported unless they are used.
_PLATFORMS: Final = frozenset(
    {
        "AsyncAnthropicAWS",
        "AsyncAnthropicBedrock",
        "AsyncAnthropicBedrockMantle",
        "AsyncAnthropicFoundry",
        "AsyncAnthropicGoogleCloud",
        "AsyncAnthropicVertex",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One model on one client.

    Attributes:
        model: The model's name, as that client takes it.
        client: An async SDK client. None: the client of the call.
        patch: What this route changes in the request: a value sets an argument, None unsets it.
    """

    model: str
    client: Any = None
    patch: Mapping[str, Any] = field(default_factory=dict)

    def request(self, original: Mapping[str, Any]) -> dict[str, Any]:
        """The original request as this route sends it; a new dict, the original is left as it is.

        What is in `extra_body` stands in its place among the other arguments (`arguments.py`), where the patch
        goes over it; a patch that has an `extra_body` sets it as a whole.
        """
        if "extra_body" in self.patch:
            request = as_sent({**original, **self.patch})
        else:
            request = {**as_sent(original), **self.patch}
        request["model"] = self.model
        kept = {name: value for name, value in request.items() if name not in self.patch or value is not None}
        return {**kept, **({"extra_body": as_given(kept)["extra_body"]} if kept.get("extra_body") else {})}


#: What `fallback_models` takes: a model's name, a patch with its `model`, or a whole `Route`.
Fallback = str | Mapping[str, Any] | Route


def resolve(model: str, client: object, fallbacks: Iterable[Fallback], arguments: Collection[str]) -> tuple[Route, ...]:
    """The primary and its fallbacks, in rank order, each with its client.

    Args:
        model: The primary model.
        client: The client of the call.
        fallbacks: As the caller gave them.
        arguments: The names that a patch may use: the arguments of `messages.stream`.

    Raises:
        TypeError: A fallback is none of the three kinds, or patches something that is no argument.
        ValueError: A patch has no model.
    """
    if isinstance(fallbacks, str | Mapping | Route):
        raise TypeError("fallback_models must be a list of models, not a single one")
    return (
        Route(model=model, client=client),
        *(_route(fallback, client, arguments) for fallback in fallbacks),
    )


def check_fallbacks(fallbacks: Iterable[Fallback], arguments: Collection[str]) -> None:
    """Raise what `resolve` would raise for these fallbacks; arguments as there."""
    for fallback in fallbacks:
        _route(fallback, None, arguments)


def is_first_party(client: object) -> bool:
    """Whether a client asks the Claude API itself, as far as its type tells, and not that of another platform."""
    return not any(type_.__name__ in _PLATFORMS for type_ in type(client).__mro__)


def _route(fallback: object, client: object, arguments: Collection[str]) -> Route:
    match fallback:
        case str():
            return Route(model=fallback, client=client)
        case Route():
            route = fallback
        case Mapping():
            patch = dict(fallback)
            model = patch.pop("model", None)
            if not isinstance(model, str):
                raise ValueError("a fallback given as a mapping must name its model: {'model': ..., ...}")
            route = Route(model=model, patch=patch)
        case _:
            raise TypeError(f"a fallback must be a model name, a mapping or a Route, not {type(fallback).__name__}")
    unknown = sorted(set(route.patch) - set(arguments))
    if unknown:
        raise TypeError(f"the fallback {route.model!r} patches {unknown[0]!r}, which messages.stream does not take")
    extra = route.patch.get("extra_body")
    # The SDK asks the model that is named there, whatever else is said.
    model = extra.get("model", route.model) if isinstance(extra, Mapping) else route.model
    return Route(model=model, client=client if route.client is None else route.client, patch=dict(route.patch))
