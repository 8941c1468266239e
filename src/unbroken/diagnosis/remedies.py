"""What advice is made of: its shape, and the steps that many codes share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "ASK_OTHERWISE",
    "BATCH",
    "BISECT",
    "FALL_BACK",
    "NETWORK",
    "STATUS_PAGE",
    "SUPPORT",
    "WAIT",
    "Advice",
    "Whose",
]

#: `"everybody"`: it is not about you. `"service"`: the API's own fault. `"account"`: your key, limits or credit.
#: `"request"`: what you sent. `"network"`: what is between. `"model"`: what the model wrote. `"caller"`: what your
#: program asked for or did.
Whose = Literal["everybody", "service", "account", "request", "network", "model", "caller"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What a code means.

    Attributes:
        whose: Whose problem it is.
        summary: One sentence, with places to be filled in.
        steps: What to do next, the most useful first.
    """

    whose: Whose
    summary: str
    steps: tuple[str, ...]


WAIT: Final = "Ask again later, with waits that grow; Policy.max_attempts and max_backoff say how long a stream does."
FALL_BACK: Final = "Name fallback_models, so that another model is asked."
ASK_OTHERWISE: Final = (
    "Name fallback_models, or another Policy.continue_prompt: another model or wording may do what this one did not."
)
BATCH: Final = "Send what is not urgent as a batch, with unbroken.defer()."
STATUS_PAGE: Final = "Look at the API's status page; `unbroken doctor` asks it."
SUPPORT: Final = "If it goes on, write to support with the request ids below."
BISECT: Final = "Find the part that causes it with `unbroken doctor --bisect REQUEST.json`."
NETWORK: Final = "Check the network between this machine and the API: proxy, firewall, gateway."
