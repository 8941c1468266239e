"""Where a script stands: which step and which answer the next request gets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from unbroken.testing.claude.carried import Carried, carried, ending_text
from unbroken.testing.claude.offers import offered
from unbroken.testing.script.faults import Fault, Refuse
from unbroken.testing.script.faults.fault import ResponseFault
from unbroken.testing.script.script import of_response

if TYPE_CHECKING:
    from unbroken.testing.script.script import Answer, Script

__all__ = ["Player", "Served"]


class Player:
    """Where a script stands."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.counts: dict[str, int] = {}
        self.batched: int = 0
        self.prefill = ""
        #: The tools that requests have offered so far.
        self.known: set[str] = set()

    def take(self, body: dict[str, Any]) -> Served:
        """What a request to `POST /v1/messages` gets; it uses a step up, unless its content is what goes wrong."""
        poison = self.poison(body)
        if poison is not None:
            return Served(self, body, "poisoned", of_response(poison))
        name, script = self.script.for_model(body["model"])
        n = self.counts.get(name, 0)
        while any(isinstance(fault, Refuse) for fault in script.step(n)):
            n += 1
        self.counts[name] = n + 1
        return Served(self, body, n, of_response(script.step(n)))

    def take_batched(self, body: dict[str, Any]) -> Served:
        """What a request of a batch gets; it uses one of the batches' own steps up."""
        n, self.batched = self.batched, self.batched + 1
        poison = self.poison(body)
        errors = self.script.batches.errors
        error = poison or (errors[n] if n < len(errors) else None)
        return Served(self, body, f"batched/{n}", of_response(error))

    def poison(self, body: dict[str, Any]) -> Fault | None:
        """What goes wrong with a request because of its content."""
        _, script = self.script.for_model(body["model"])
        return next((poison.fault for poison in script.poisons if poison.where(body)), None)

    def answers(self, model: object) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
        """What a model writes, and what the others write. It may be anything that a request has for a model."""
        _, own = self.script.for_model(str(model))
        others = [answer for script in (self.script, *self.script.models.values()) for answer in script.turns]
        return own.turns, tuple(answer for answer in others if answer not in own.turns)

    def refusal(self) -> float | None:
        """For how many seconds connections are refused now; None if they are not. Passes over that step."""
        n = self.counts.get("", 0)
        for fault in self.script.step(n):
            if isinstance(fault, Refuse):
                self.counts[""] = n + 1
                return fault.seconds
        return None


class Served:
    """What one request gets."""

    def __init__(
        self, player: Player, body: dict[str, Any], step: int | str, faults: tuple[ResponseFault, ...]
    ) -> None:
        name, script = player.script.for_model(body["model"])
        self.faults = faults
        self.rng: Random = Random(f"{script.seed}/{name}/{step}")
        # Another one, so that what is written does not follow from how it is sent.
        self.sending: Random = Random(f"{script.seed}/{name}/{step}/sending")
        self.carried: Carried = carried(script.turns, body["messages"], player.prefill)
        player.known |= offered(body)
        if not self.carried.begun:
            # What ends the request, and is not the answer begun, is the caller's own prefill.
            player.prefill = ending_text(body["messages"]) or ""
